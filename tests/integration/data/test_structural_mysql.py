# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise, coarser values and redaction computed by MariaDB, against the Python reference."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pymysql
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import value_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_mysql import SQL
from ansible_collections.evenkeel.release.tests.integration.data.test_structural import KEY, PIECES, rule_of


@pytest.fixture(scope="module")
def server(mariadb: Any) -> Iterator[Any]:
    name = mariadb.create_db()
    connection = pymysql.connect(
        host="127.0.0.1", port=mariadb.port, user=mariadb.user, password=mariadb.password, database=name, charset="utf8mb4", autocommit=True
    )
    yield connection
    connection.close()


def masked(server: Any, rule: Rule, kind: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """(the value as the server shows it, its mask)."""
    inner, outer = (f"x'{block.hex()}'" for block in pads(subkey(KEY, rule.domain)))
    with server.cursor() as cursor:
        cursor.execute("drop table if exists t")
        cursor.execute(f"create table t (id int primary key, v {kind})")
        cursor.executemany("insert into t values (%s, %s)", list(enumerate(values)))
        h = f"unhex(sha2(concat({outer},unhex(sha2(concat({inner},cast(cast(v as char) as binary)),256))),256))"
        made = SQL[rule.mask or ""](h, "cast(v as char)", rule.options, literal=server.escape)
        cursor.execute(f"select cast(v as char), {made} from t order by id")
        return [(row[0], row[1]) for row in cursor.fetchall()]


@pytest.mark.parametrize("kind", ["decimal(14,2)", "decimal(20,6)", "int", "bigint"])
@pytest.mark.parametrize("options", [{"percent": 10}, {"percent": 0.5}, {"spread": 3}, {"spread": 0.25}, {"percent": 100, "min": -5, "max": 5}])
def test_noise(server: Any, kind: str, options: dict[str, Any]) -> None:
    rule, _column = rule_of({"mask": "noise", **options}, "numeric")
    chance = random.Random(3)
    values = ["0", "1", "-1", "3", "99999", "-5", "5", *(f"{chance.uniform(-1e6, 1e6):.6f}" for _ in range(300))]
    found = masked(server, rule, kind, values)
    assert [made for _value, made in found] == [value_of(rule, value, key=KEY) for value, _made in found]


@pytest.mark.parametrize(
    ("kind", "options", "values"),
    [
        ("date", {"to": "year"}, ["2020-02-29", "1000-01-01"]),
        ("date", {"to": "month"}, ["2020-02-29", "9999-12-31"]),
        ("datetime", {"to": "month"}, ["2020-02-29 12:13:14"]),
        ("decimal(12,3)", {"step": 5}, ["0", "4.99", "5", "-0.01", "-5", "12345.678"]),
        ("int", {"step": 7}, ["0", "6", "7", "-1", "-7", "100000"]),
        ("decimal(12,1)", {"step": 0.25}, ["0.3", "-0.3", "7"]),
        ("text", {"digits": 3}, ["", "1", "123", "1234", "äöüß", "94110-1234"]),
    ],
)
def test_generalise(server: Any, kind: str, options: dict[str, Any], values: list[str]) -> None:
    family = {"datetime": "timestamp", "decimal(12,3)": "numeric", "decimal(12,1)": "numeric", "int": "integer"}.get(kind, kind)
    rule, _column = rule_of({"mask": "generalise", **options}, family)
    found = masked(server, rule, kind, values)
    assert [made for _value, made in found] == [value_of(rule, value, key=KEY) for value, _made in found]


@pytest.mark.parametrize("find", [["email"], ["phone"], ["iban"], ["card"], ["ip"], ["email", "phone", "iban", "card", "ip"], []])
def test_redact(server: Any, find: list[str]) -> None:
    rule, _column = rule_of({"mask": "redact", **({"find": find} if find else {})}, "text")
    chance = random.Random(5)
    values = [*PIECES, *("".join(chance.choice(PIECES) + chance.choice(["", " "]) for _ in range(chance.randrange(1, 9))) for _ in range(700))]
    found = masked(server, rule, "text", values)
    assert [made for _value, made in found] == [value_of(rule, value, key=KEY) for value in values]
