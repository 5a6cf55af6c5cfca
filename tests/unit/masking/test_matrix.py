# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mask on every engine: it has its SQL or its Python there, or the policy is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking import structural_mysql, structural_values
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_mysql import MySQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_postgresql import PostgreSQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, Plan, make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_structure import masks
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import masker
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS

KEY = "k" * 32
ENGINES = ("postgresql", "mysql", "mariadb", "sqlite")
KEEP = {"keep": "r"}
# (entry, type of the column, a value)
WISHES: list[tuple[dict[str, Any], str, str]] = [
    ({"mask": "name"}, "text", "Jane Doe"),
    ({"mask": "first_name"}, "text", "Jane"),
    ({"mask": "last_name"}, "text", "Doe"),
    ({"mask": "username", "unique": True}, "text", "jane"),
    ({"mask": "company"}, "text", "Roe Ltd"),
    ({"mask": "email"}, "text", "jane@mail.example"),
    ({"mask": "phone"}, "text", "+49 30 1234"),
    ({"mask": "phone", "unique": True}, "text", "+49 30 1234"),
    ({"mask": "street"}, "text", "5 Road"),
    ({"mask": "city"}, "text", "Rome"),
    ({"mask": "postcode"}, "text", "SW1A 1AA"),
    ({"mask": "date_shift", "days": 90}, "date", "2020-02-29"),
    ({"mask": "noise", "percent": 10}, "decimal(10,2)", "12.50"),
    ({"mask": "noise", "spread": 5, "min": 0, "max": 20}, "decimal(10,2)", "12.50"),
    ({"mask": "noise", "percent": 10, "total": True}, "decimal(10,2)", "12.50"),
    ({"mask": "card"}, "text", "4111111111111111"),
    ({"mask": "iban"}, "text", "DE89370400440532013000"),
    *[({"mask": "national_id", "country": country}, "text", "123456789") for country in TRANSFORMERS["national_id"].options["country"].choices],
    ({"mask": "uuid"}, "text", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ({"mask": "ip"}, "text", "10.1.2.3"),
    ({"mask": "mac"}, "text", "00:11:22:33:44:55"),
    ({"mask": "url"}, "text", "https://a.example/b"),
    ({"mask": "token"}, "text", "secret"),
    ({"mask": "digits", "unique": True}, "text", "AB-12"),
    ({"mask": "hash"}, "text", "x"),
    ({"mask": "json", "paths": {"$.a": {"mask": "email"}}, "others": {"mask": "redact"}}, "json", '{"a": "jane@mail.example", "b": "x"}'),
    ({"mask": "array", "element": {"mask": "token"}}, "text[]", "{a}"),
    ({"mask": "redact", "find": ["email"]}, "text", "to jane@mail.example"),
    ({"mask": "text"}, "text", "free"),
    ({"mask": "null"}, "text", "x"),
    ({"mask": "constant", "value": "c"}, "text", "x"),
    ({"mask": "shuffle", "within": ["g"]}, "text", "x"),
    ({"mask": "generalise", "digits": 2}, "text", "10115"),
    ({"mask": "generalise", "to": "month"}, "date", "2020-02-29"),
]
REFUSED = {
    "postgresql": (),
    "mysql": ("array", "shuffle", "noise with total"),
    "mariadb": ("array", "shuffle", "noise with total"),
    "sqlite": ("array", "shuffle", "noise with total"),
}


def planned(entry: dict[str, Any], kind: str, engine: str) -> Plan:
    element = "text" if kind == "text[]" else ""
    catalog = {"s.t": [Column("id", "integer", True, key=1, unique="alone"), Column("g", "text", False), Column("v", kind, False, element=element)]}
    table: dict[str, Any] = {"columns": {"id": KEEP, "g": KEEP, "v": entry}}
    return make_plan({"name": "p", "version": 1, "tables": {"s.t": table}}, catalog, engine=engine)


def test_every_mask_is_in_the_matrix() -> None:
    assert {entry["mask"] for entry, _kind, _value in WISHES} == set(masks())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("entry", "kind", "value"), WISHES, ids=str)
def test_a_mask_is_there_or_refused_by_name(entry: dict[str, Any], kind: str, value: str, engine: str) -> None:
    title = entry["mask"] + (" with total" if entry.get("total") else "")
    plan = planned(entry, kind, engine)
    if title in REFUSED[engine]:
        assert plan.faults[0].startswith(f"s.t.v: {title}: isn't there for ")
        return
    assert plan.faults == []
    rule = plan.tables["s.t"]["v"]
    if rule.table_level or rule.mask in ("array", "json"):
        return  # test_structural.py, test_structural_mysql.py
    if engine == "sqlite":
        found = masker(rule, key=KEY)(value, None)
        assert found != value
        assert masker(rule, key=KEY)(None, None) is None
    elif entry["mask"] in TRANSFORMERS:
        dialect = PostgreSQL() if engine == "postgresql" else MySQL()
        assert TRANSFORMERS[entry["mask"]].sql(dialect, rule.options)
    else:
        assert entry["mask"] in (structural_values.SQL if engine == "postgresql" else structural_mysql.SQL)
