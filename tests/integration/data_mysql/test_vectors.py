# SPDX-License-Identifier: GPL-3.0-or-later
"""Every transformer's SQL on a real MariaDB against Python, byte by byte."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TEXT, TRANSFORMERS
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import masks
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import Connection, connect

KEY = "00112233445566778899aabbccddeeff" * 2
SIGNS = ["", " ", "  x ", "'", '"', "\\", "\\\\N", "\\N", "a\tb", "a\nb", "\r\n", "\x01", "%s", "`", "é", "e\u0301", "ß", "İ", "😀"]
SIGNS += ["\U0001f469\u200d\U0001f469\u200d\U0001f467", "日本語", "\uff41", "Ω", "\u200b", "ÿ"]
SHAPED = """+49 (30) 123-456|007|+1-297-304-9948|12345-6789|AB1 2CD|https://example.org/a?b=c#d|ftp://x|wss://y|2001:db8::1|10.0.0.1|192.168.1.77
::ffff:1.2.3.4|fe80::1|jane.doe@example.com|aa:bb:cc:dd:ee:ff|AA-BB-CC-DD-EE-FF|DE89370400440532013000|4111 1111 1111 1111|123-45-6789
550e8400-e29b-41d4-a716-446655440000|Ada Abbott|Ada|Abbott|Ashford|1 Alder Street|0|-1|99999999999999999999""".replace("\n", "|").split("|")
TEXTS = [name for name, transformer in sorted(TRANSFORMERS.items()) if TEXT in transformer.families]
DATES = ["2024-02-29", "1000-01-01", "9999-12-31", "1970-01-01", "9990-05-05", "2000-12-31"]


def _values() -> list[str]:
    dice = random.Random(7)
    found = [*SIGNS, *SHAPED, *["x" * length for length in (7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000)]]
    alphabet = "abcXYZ0189 -+().@/:" * 4 + "éß日😀"
    found += ["".join(dice.choices(alphabet, k=dice.randint(1, 40))) for _ in range(700)]
    found += ["".join(dice.choices("0123456789 -+()", k=dice.randint(1, 30))) for _ in range(300)]
    return list(dict.fromkeys(found))


VALUES = _values()


@pytest.fixture(scope="module")
def session(mariadb: Any) -> Iterator[Connection]:
    database = mariadb.create_db()
    found = connect(mariadb.place(database), role="source")
    found.run("create table vectors (id int primary key, v text, d date, s datetime(6))")
    for number, value in enumerate(VALUES):
        found.run("insert into vectors (id, v) values (%s, %s)", (number, value))
    found.run(masks.typed())
    yield found
    found.close()
    mariadb.sql("mysql", f"drop database {database}")


def _masked(session: Connection, column: Column, rule: Rule) -> dict[int, Any]:
    table = Table(session.database, "vectors", "", "InnoDB", 0, 0, [column], {"v": "text", "d": "date"}, {"v": "utf8mb4", "d": ""}, ("id",), [], 0)
    session.hand_over(masks.keys(KEY, masks.purposes({"vectors": {"v": rule}})))
    hashes = masks.Kept()
    made = masks.masked(table, column, rule, hashes)
    first = "".join(f"if((@`{variable}` := {text}) is null, '', ''), " for variable, text in hashes.items())
    rows = session.rows(f"select id, cast(concat({first}{made}) as binary) from vectors t where {column.name} is not null order by id")
    return {row[0]: None if row[1] is None else row[1].decode("utf-8") for row in rows}


def _options(name: str) -> list[dict[str, Any]]:
    known = TRANSFORMERS[name].options
    if name == "constant":
        return [{"value": "it's \\ é"}]
    needed: list[dict[str, Any]] = [{}]
    for key, option in known.items():
        if option.default is None:
            needed = [{**one, key: choice} for one in needed for choice in option.choices]
    return [*needed, *[{**one, "unique": True} for one in needed if "unique" in known]]


@pytest.mark.parametrize(("name", "options"), [(name, options) for name in TEXTS for options in _options(name) if name != "null"], ids=str)
def test_texts(session: Connection, name: str, options: dict[str, Any]) -> None:
    rule = Rule(name, name, options, hashed=TRANSFORMERS[name].hashed)
    found = _masked(session, Column("v", "text", not_null=False), rule)
    wanted = {number: mask_value(value, name, key=KEY, **options) for number, value in enumerate(VALUES)}
    wrong = [(VALUES[number], wanted[number], found[number]) for number in wanted if wanted[number] != found[number]]
    assert wrong == []


@pytest.mark.parametrize("rotation", ["email", "phone", "iban"])
def test_by_entity(session: Connection, rotation: str) -> None:
    rule = Rule(rotation, rotation, {}, by="entity", entity="customer", key="v", hashed=True)
    found = _masked(session, Column("v", "text", not_null=False), rule)
    assert found == {number: mask_value(value, rotation, key=KEY, entity=value, entity_name="customer") for number, value in enumerate(VALUES)}


def test_dates(session: Connection) -> None:
    dice = random.Random(3)
    days = [*DATES, *[f"{dice.randint(1000, 9998)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}" for _ in range(500)]]
    for number, day in enumerate(days):
        session.run("update vectors set d = %s where id = %s", (day, number))
    found = _masked(session, Column("d", "date", not_null=False), Rule("date_shift", "date_shift", {"days": 90}, hashed=True))
    assert found == {number: mask_value(day, "date_shift", key=KEY, days=90) for number, day in enumerate(days)}
