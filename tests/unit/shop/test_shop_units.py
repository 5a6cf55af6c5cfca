# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

SHOP = Path(__file__).resolve().parents[3] / "demo" / "shop"


@pytest.fixture
def shop(monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.syspath_prepend(str(SHOP))
    yield
    for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
        del sys.modules[name]


def test_settings_report_every_fault_at_once(shop, tmp_path):
    from shop.settings import SettingsError, load_settings

    path = tmp_path / "shop.ini"
    path.write_text("[server]\nthreads = many\ncolor = red\n[databse]\nhost = x\n[database]\nuser = u\npassword = p%q\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    text = str(caught.value)
    for part in ("threads is 'many'", "server.color is unknown", "[databse] is unknown", "database.host is missing"):
        assert part in text
    assert "p%q" not in text


def test_a_broken_line_is_not_quoted_since_it_may_hold_the_password(shop, tmp_path):
    from shop.settings import SettingsError, load_settings

    path = tmp_path / "shop.ini"
    path.write_text("password hunter2\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert "hunter2" not in str(caught.value)


def test_order_body_reports_every_fault(shop):
    from shop.payload import PayloadError, parse_order

    item = {"sku": "A", "title": "B", "quantity": 1, "unit_price": "1.005"}
    assert parse_order(json.dumps({"customer": 3, "items": [item]}).encode())[1][0]["unit_price"] == Decimal("1.00")
    for broken in (b"{", b"[]", b'{"customer": true, "items": []}'):
        with pytest.raises(PayloadError):
            parse_order(broken)
    bad = {"sku": "", "title": "x" * 201, "quantity": 0, "unit_price": "NaN"}
    with pytest.raises(PayloadError) as caught:
        parse_order(json.dumps({"customer": 0, "items": [bad, 5]}).encode())
    assert len(caught.value.faults) == 6


def test_migrations_already_applied_are_left_and_edited_ones_refused(shop):
    from shop.migrate import Migration, MigrationError, pending

    one, two = Migration(1, "one", "select 1"), Migration(2, "two", "select 2")
    assert pending([one, two], {1: one.sha256}) == [two]
    # An older release on a newer schema: nothing to do, nothing refused.
    assert pending([one], {1: one.sha256, 2: two.sha256}) == []
    with pytest.raises(MigrationError, match="001_one was changed"):
        pending([one], {1: "0" * 64})


def test_page_escapes_what_customers_typed(shop):
    from shop.page import orders_page

    order = dict.fromkeys(("id", "ship_city", "status", "amount", "currency"), "x")
    page = orders_page([{**order, "ship_name": "<script>"}], version="1", banner="a & b")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page


def test_1_2_0_fails_one_in_five_and_only_above_its_load():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from features import OverloadBug;"
        "quiet = OverloadBug(); print(sum(quiet.hits(i / 10) for i in range(1000)));"
        "busy = OverloadBug(); print(sum(busy.hits(i / 100) for i in range(1015)))"
    )
    argv = [sys.executable, "-B", "-c", code, str(SHOP / "versions/1.2.0/shop")]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split() == ["0", "200"]
