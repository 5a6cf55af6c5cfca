# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON masked by a real MariaDB, against its Python reference. The server keeps the order of names and the spelling of what
it doesn't touch; so both are compared as structural_json shows a document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import value_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_json import parse, shown
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import masks
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import Connection, connect
from ansible_collections.evenkeel.release.tests.integration.data.test_structural import FEW, OTHERS, PATHS, documents

KEY = "00112233445566778899aabbccddeeff" * 2
COMPUTED = ("$.user['Größe']", "$.id")  # by numbers: these have a test of their own


@pytest.fixture(scope="module")
def session(mariadb: Any) -> Iterator[Connection]:
    database = mariadb.create_db()
    found = connect(mariadb.place(database), role="source")
    found.run("create table docs (id int primary key, v longtext character set utf8mb4)")
    found.run(masks.typed())
    yield found
    found.close()
    mariadb.sql("mysql", f"drop database {database}")


def rule_of(entry: dict[str, Any], *, kind: str = "longtext", entity: bool = False) -> tuple[Table, Column, Rule]:
    columns = [Column("id", "int", True, key=1, unique="alone"), Column("v", kind, False)]
    table: dict[str, Any] = {"columns": {"id": {"keep": "key"}, "v": entry}, **({"entity": {"name": "person", "key": "id"}} if entity else {})}
    plan = make_plan({"name": "p", "version": 1, "tables": {"x.t": table}}, {"x.t": columns}, engine="mysql")
    assert plan.faults == []
    found = Table("", "docs", "", "InnoDB", 0, 0, columns, {"id": "int", "v": "longtext"}, {"id": "", "v": "utf8mb4"}, ("id",), [], 0)
    return found, columns[1], plan.tables["x.t"]["v"]


def masked(session: Connection, table: Table, column: Column, rule: Rule, values: Sequence[Optional[str]]) -> list[Optional[str]]:
    session.run("truncate docs")
    for place in range(0, len(values), 200):
        rows = [one for number, value in enumerate(values[place : place + 200], place) for one in (number, value)]
        session.run(f"insert into docs values {', '.join(['(%s, %s)'] * (len(rows) // 2))}", rows)
    session.hand_over(masks.keys(KEY, masks.purposes({"t": {"v": rule}})))
    kept = masks.Kept()
    made = masks.masked(table, column, rule, kept)
    first = f"{kept.first()}, " if kept else ""
    return [row[0] for row in session.rows(f"select concat({first}{made}) from docs t order by id")]


def same(found: Sequence[Optional[str]], wanted: Sequence[Optional[str]], values: Sequence[Optional[str]]) -> None:
    for made, other, value in zip(found, wanted, values):
        assert (made is None) == (other is None), value
        if made is not None and other is not None:
            json.loads(made)
            assert shown(parse(made)) == other, value


ODD = [
    '{"a":"\\u0000"}', '{"a":"\\ud83d"}', '{"email":"\\ud83d\\ude00"}', '{"email":1e400000}', "", "no json", "{", '{"a":"\x01"}', "NaN", "{'a': 1}",
    '{"email": "x"} {}', '{"\\u0065mail": "spelt otherwise"}', '{"email": "first", "email": "second"}', '{"email": 1.}', '{"email": 1e+-5}', '{"email": "\\x"}',
    '{"user": {"name": "a", "name": {"b": 1}}}', ' [ ] ', '{"items": [[], {}, null, {"name": ["x"]}]}', "[" * 40 + "]" * 40, '{"EMAIL": "x", "e.mail": "y"}',
    '{"email":"\\"}"}', '{"a":"\\\\", "email":"\\\\\\""}', '\ufeff{"email": "x"}', "01", "-", '{"email": true}', '{"email": false, "user": null}',
]  # fmt: skip


@pytest.mark.parametrize("others", list(OTHERS))
def test_documents_are_masked_as_in_python(session: Connection, others: str) -> None:
    paths = {path: leaf for path, leaf in (FEW if others == "drop" else PATHS).items() if path not in COMPUTED}
    found = rule_of({"mask": "json", "paths": paths, "others": OTHERS[others]})
    values = [*documents(250, 7), *ODD]
    same(masked(session, *found, values), [value_of(found[2], value, key=KEY) for value in values], values)


def test_long_documents(session: Connection) -> None:
    found = rule_of({"mask": "json", "paths": {"$.email": {"mask": "email"}, "$.note": {"keep": "tested"}}, "others": {"keep": "tested"}})
    values: list[Optional[str]] = [json.dumps({"email": "x" * 2**20}), json.dumps({"email": "y", "note": '1. é \\" : \U0001f600' * 60000})]
    values += ['{"email": "' + "\\ud83d\\ude00" * 80000 + '\\ud83d"}']
    same(masked(session, *found, values), [value_of(found[2], value, key=KEY) for value in values], values)


def test_documents_by_entity_and_numbers(session: Connection) -> None:
    paths = {
        "$.name": {"mask": "name", "domain": "person", "by": "entity"},
        "$.n": {"mask": "noise", "percent": 10, "by": "value"},
        "$.g": {"mask": "generalise", "step": 7},
        "$.list[*]": {"mask": "name", "domain": "person", "by": "value"},
    }
    found = rule_of({"mask": "json", "paths": paths, "others": {"keep": "tested"}}, entity=True)
    numbers = ["0", "-0", "-0.0", "1", "12.50", "1e3", "1E-7", "-3.25e2", "0.000", "9007199254740993", "1e20", '"7"', "true", "[7]"]
    values: list[Optional[str]] = [f'{{"name": "n{place}", "n": {one}, "g": {one}, "list": ["a", {one}, null]}}' for place, one in enumerate(numbers)]
    same(masked(session, *found, values), [value_of(found[2], value, key=KEY, entity=str(place)) for place, value in enumerate(values)], values)
    # More digits than the server computes with: hidden, never half right.
    made = masked(session, *found, ['{"n": 123456789012345678901234567890}'])[0]
    assert json.loads(made or "") == {"n": "[redacted]"}


def test_a_refresh_with_json(shop: Any) -> None:
    for side in (shop.here, shop.there):
        side("alter table customers add column profile json, add column memo longtext, add column points int")
    shop.here(
        """update customers set
        profile = json_object('email', email, 'tags', json_array(name, '\\t"')), memo = concat('{"email":"', email, '"}'), points = id"""
    )
    shop.here("update customers set memo = 'no document', profile = null where id = 2")
    policy = shop.policy()
    policy["tables"][f"{shop.source}.customers"]["columns"].update(
        profile={"mask": "json", "paths": {"$.email": {"mask": "email"}, "$.tags[*]": {"mask": "name", "domain": "person"}}, "others": {"mask": "redact"}},
        memo={"mask": "json", "paths": {"$.email": {"mask": "email"}}, "others": {"keep": "tested"}},
        points={"mask": "noise", "spread": 5},
    )
    assert shop.run(policy=policy)["proof"]["verdict"] == "passed"
    same_mail = "json_value(profile, '$.email') = email and json_value(profile, '$.tags[0]') = name and json_value(memo, '$.email') = email"
    assert shop.there(f"select count(*) from customers where {same_mail} and points <> id and points between id - 5 and id + 5") == "499"
    assert shop.there("select memo from customers where profile is null") == '"[redacted]"'
    assert not shop.run(policy=policy)["changed"]
