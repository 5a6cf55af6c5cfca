# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves a host: planted ones in the forms in which programs write them."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._forensics import known
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.mask import Mask
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import REDACTED
from hypothesis import given, settings
from hypothesis import strategies as st

PLANTED = 'pl4nted "s3cret"/+é'


@pytest.mark.parametrize(
    "written",
    [
        PLANTED,
        urllib.parse.quote(PLANTED, safe=""),
        urllib.parse.quote_plus(PLANTED),
        json.dumps({"note": PLANTED}),
        repr({"note": PLANTED}),
        base64.b64encode(PLANTED.encode()).decode(),
        base64.urlsafe_b64encode(PLANTED.encode()).decode(),
        PLANTED.encode().hex(),
    ],
)
def test_a_given_secret_is_hidden_in_every_form(written):
    shown = Mask([PLANTED]).text(f"12:00 INFO order 7 with {written} done\nnext")
    assert "pl4nted" not in shown
    assert PLANTED.encode().hex() not in shown
    assert base64.b64encode(PLANTED.encode()).decode()[:12] not in shown
    assert REDACTED in shown
    assert shown.startswith("12:00 INFO order 7 with ")
    assert shown.endswith("\nnext")


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("password = hunter22", "hunter22"),
        ('{"db_password": "hunter22", "port": 1}', "hunter22"),
        ("GET /login?token=hunter22 200", "hunter22"),
        ("connect postgresql://shop:hunter22@db/shop", "hunter22"),
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ("key AKIAABCDEFGHIJKLMNOP used", "AKIAABCDEFGHIJKLMNOP"),
        ("shop --password hunter22 --port 1", "hunter22"),
    ],
)
def test_what_tells_itself_is_hidden(line, secret):
    assert secret not in Mask().text(line)


def test_a_line_without_secrets_stays():
    line = "2026-11-21T20:00:00Z ERROR GET /cart 500 in 12 ms: relation carts does not exist"
    mask = Mask(["hunter22"])
    assert mask.text(line) == line
    assert mask.count == 0


@pytest.mark.parametrize(
    "text",
    [
        "db:\n  passwords:\n    - hunter22\n    - hunter23\n  port: 5432\n",
        "db:\n  passwords:\n  - hunter22\n  port: 5432\n",
        '{\n  "db": {\n    "tokens": [\n      "hunter22",\n      "hunter23"\n    ],\n    "port": 5432\n  }\n}\n',
        "[secrets]\nshop = hunter22\n[db]\nport: 5432\n",
        "password: |\n  hunter22\n  hunter23\nport: 5432\n",
        "-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----\nport: 5432\n",
    ],
)
def test_blocks_below_a_telling_name_are_hidden_and_what_follows_is_not(text):
    shown = Mask().text(text, config=True)
    assert "hunter2" not in shown
    assert "5432" in shown
    assert shown.count("\n") == text.count("\n")


def test_a_private_key_that_a_log_shows_line_by_line_is_hidden():
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n8shortline+butLongEnough=\n-----END PRIVATE KEY-----\n"
    shown = Mask([pem]).text("app: read MIIEvQIBADANBgkqhkiG9w0BAQ\napp: read 8shortline+butLongEnough= ok")
    assert shown == f"app: read {REDACTED}\napp: read {REDACTED} ok"


def test_a_short_secret_is_hidden_where_it_stands_alone():
    assert Mask(["abc"]).text("abc abcde x-abc") == f"{REDACTED} abcde x-{REDACTED}"


def test_data_is_hidden_by_its_keys_whatever_its_type():
    mask = Mask(["hunter22"])
    shown = mask.data({"password": "x1y2", "pin": 1234, "probes": [{"name": "ready", "p95_ms": 12, "error": "got hunter22"}], "up": True, "none": None})
    assert shown == {
        "password": REDACTED,
        "pin": REDACTED,
        "probes": [{"name": "ready", "p95_ms": 12, "error": f"got {REDACTED}"}],
        "up": True,
        "none": None,
    }
    assert mask.count == 3


def test_control_characters_do_not_reach_a_terminal():
    assert Mask().text("a\x1b[31mred\x1b[0m\x07b\tc") == "ared b\tc"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("shop.ini", "[db]\npassword = hunter22\nport = 5432\n", ["hunter22"]),
        ("shop.ini", "[db]\nurl = postgresql://shop:hunter22@db/shop\n", ["hunter22"]),
        ("shop.json", '{"tokens": ["hunter22", "hunter23"], "port": 5432}', ["hunter22", "hunter23"]),
        (".env", "API_KEY='hunter 22'\nPORT=5432\n", ["hunter 22"]),
        ("broken.json", '{"password": ', []),
        ("page.html", "<password>hunter22</password>", []),
    ],
)
def test_secrets_of_a_configuration_are_found(name, text, found):
    assert known.of_config(f"/etc/{name}", text) == found


def test_secrets_of_a_launch_script_and_of_a_unit_are_found():
    script = "#!/bin/sh\nexport EVENKEEL_SUPERVISOR=/x\nexport SHOP_TOKEN='hunter 22'\nexec /bin/shop\n"
    assert known.of_script(script) == ["hunter 22"]
    assert known.of_script('PORT=1 "DB_PASSWORD=hunter 22"') == ["hunter 22"]
    assert known.of_script("unclosed 'quote") == []


def test_what_a_configuration_gives_away_is_hidden_in_logs_but_not_addresses():
    mask = Mask()
    mask.learn(["hunter22", "10.0.0.0/8", "short", "20261121"])
    assert mask.text("login hunter22 from 10.0.0.0/8 short 20261121") == f"login {REDACTED} from 10.0.0.0/8 short 20261121"


@settings(max_examples=150, deadline=None)
@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs")), min_size=4, max_size=40).filter(lambda text: len(text.strip()) >= 4),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
)
def test_no_given_secret_survives(secret, before, after):
    shown = Mask([secret]).text(f"{before}{secret}{after}")
    assert secret.strip() not in shown.replace(REDACTED, "\0")
