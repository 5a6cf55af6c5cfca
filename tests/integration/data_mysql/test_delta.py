# SPDX-License-Identifier: GPL-3.0-or-later
"""What a differential or incremental run proves of the rows that it moved, and what it does with rows that only the target has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.data import proof_of

from .conftest import KEY, Shop

COUNT = "select count(*) from customers"
LATER = "'2024-02-01'"


def marks(shop: Shop) -> dict[str, Any]:
    return {"watermarks": {f"{shop.source}.customers": "changed"}}


@pytest.mark.parametrize("mode", ["differential", "incremental"])
def test_the_record_says_what_was_proved(shop: Shop, mode: str) -> None:
    full = shop.run(**marks(shop))
    assert (full["proof"]["scope"], proof_of(full)) == ("all rows", "passed")
    assert full["proof"]["sample"][f"{shop.source}.customers"]["found"] == 500
    assert "proof" not in shop.run(mode=mode, **marks(shop))
    shop.here(f"update customers set city = 'Elsewhere', changed = {LATER} where id = 9; update `order` set amount = 4 where id = 3")
    found = shop.run(mode=mode, **marks(shop))
    proof = found["proof"]
    assert (proof["scope"], proof["verdict"], proof_of(found), proof["key_id"]) == ("changed rows", "passed", "passed", key_id(KEY))
    assert proof["tables"][f"{shop.source}.customers"] == {"sent": found["tables"][f"{shop.source}.customers"]["rows"], "rows": 500, "checksum": "equal"}
    sample = proof["sample"][f"{shop.source}.customers"]
    assert (sample["differs"], set(sample["unchanged"].values())) == ([], {0})
    assert sample["found"] == sample["rows"] > 0
    assert proof["leaks"]["checked"]
    assert f"{shop.source}.customers.email" in proof["leaks"]["proved_by"]["form"]


@pytest.mark.parametrize("mode", ["differential", "incremental"])
def test_a_planted_leak(shop: Shop, mode: str) -> None:
    policy = shop.policy()
    policy["tables"][f"{shop.source}.customers"]["columns"]["city"] = {"keep": "thought to be harmless"}
    shop.run(policy=policy, **marks(shop))
    before = shop.there("checksum table customers")
    shop.here(f"update customers set city = 'person77@mail.example', changed = {LATER} where id = 9")
    with pytest.raises(SyncError, match=r"customers\.city: shows 1 values that the masked column .*customers\.email of the source holds") as caught:
        shop.run(mode=mode, policy=policy, **marks(shop))
    assert "mail.example" not in str(caught.value)
    assert shop.there("checksum table customers") == before
    assert shop.run(mode=mode, policy=policy, proof={"leak_scan": False}, **marks(shop))["changed"]


@pytest.mark.parametrize("mode", ["full", "differential", "incremental"])
def test_rows_that_nobody_masked(shop: Shop, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They arrive as they were sent: only the form, the values and the second mask tell."""
    shop.here("update customers set notes = null")  # a line feed in a masked text would tell, too
    shop.run(**marks(shop))
    shop.here(f"update customers set city = 'Elsewhere', changed = {LATER} where id = 9")
    before = shop.there("checksum table customers")
    monkeypatch.setattr(
        statement, "masked_select", lambda table, _rules, part=None, where="": f"select {statement.line(table)} {statement.rows_of(table, where)}"
    )
    monkeypatch.setattr(
        statement, "total", lambda table, _rules, where: f"select count(*), coalesce(sum(crc32({statement.line(table)})), 0) {statement.rows_of(table, where)}"
    )
    with pytest.raises(SyncError) as caught:
        shop.run(mode=mode, **marks(shop))
    assert "customers.email: " in str(caught.value)
    assert "values aren't of the mask's form" in str(caught.value)
    assert "customers.city: isn't what the mask makes of the source" in str(caught.value)
    assert "Elsewhere" not in str(caught.value)
    assert shop.there("checksum table customers") == before


def test_proofs_are_off(shop: Shop) -> None:
    off = {"proof": {"enabled": False}}
    assert proof_of(shop.run(**off)) == "off"
    shop.here("update customers set city = 'Elsewhere' where id = 9")
    assert shop.run(mode="differential", **off)["proof"] == {"verdict": "off"}


@pytest.mark.parametrize("mode", ["differential", "incremental"])
def test_rows_that_the_source_deleted(shop: Shop, mode: str) -> None:
    shop.run(**marks(shop))
    shop.here(f"delete from customers where id = 77; update customers set city = 'Elsewhere', changed = {LATER} where id = 78")
    assert shop.run(mode=mode, deletes="off", **marks(shop))["changed"]
    assert shop.there(COUNT) == "500"
    assert not shop.run(mode=mode, deletes="off", **marks(shop))["changed"]
    assert shop.run(mode=mode, **marks(shop))["changed"]
    assert shop.there(COUNT) == "499"
    assert not shop.run(mode=mode, deletes="scan", **marks(shop))["changed"]


def test_a_row_for_another_deleted_one(shop: Shop) -> None:
    """As many rows as before: only the keys tell."""
    shop.run(**marks(shop))
    shop.here("delete from customers where id = 77; insert into customers (id, name, email, changed) values (9000, 'n', 'n', '2023-01-01')")
    there = "select group_concat(id) from customers where id in (77, 9000)"
    shop.run(mode="incremental", deletes="counts", **marks(shop))
    assert shop.there(there) == "77"
    assert shop.run(mode="incremental", deletes="scan", **marks(shop))["changed"]
    assert shop.there(there) == "9000"


def test_a_row_that_stays_among_those_of_the_watermark(shop: Shop) -> None:
    shop.run(**marks(shop))
    shop.here("delete from customers where id = 500; update customers set city = 'Elsewhere', changed = '2024-01-01 12:00:00' where id = 9")
    found = shop.run(mode="incremental", deletes="off", **marks(shop))
    assert found["proof"]["sample"][f"{shop.source}.customers"]["differs"] == []
    assert shop.there(COUNT) == "500"
    assert not shop.run(mode="incremental", deletes="off", **marks(shop))["changed"]
