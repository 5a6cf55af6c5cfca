# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reason to refuse a policy, by its own words."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, ForeignKey, guess, make_plan, refusal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import limits
from hypothesis import given
from hypothesis import strategies as st

ID = Column("id", "bigint", True, key=1, unique="alone")
KEEP = {"keep": "no person"}


def faults(entry: dict[str, Any], column: Column, *others: Column, engine: str = "postgresql", entries: Any = None, **table: Any) -> list[str]:
    catalog = {"public.t": [ID, *others, column]}
    columns = {**{one.name: KEEP for one in catalog["public.t"]}, **(entries or {}), column.name: entry}
    return make_plan({"name": "p", "version": 1, "tables": {"public.t": {"columns": columns, **table}}}, catalog, engine=engine).faults


def text(**more: Any) -> Column:
    return Column("c", more.pop("type", "text"), more.pop("not_null", False), **more)


ENTITY = {"name": "person", "key": "id"}
MOOD = text(type="mood", labels=("sad", "ok"))
CASES: list[tuple[dict[str, Any], Column, str]] = [
    (
        {"mask": "name"},
        text(unique="alone"),
        "name may give different values the same mask, and the column is in a unique index; use unique: true where the mask has it",
    ),
    ({"mask": "name"}, text(unique="part"), "in a unique index over several columns"),
    ({"mask": "constant", "value": "x"}, text(unique="alone"), "constant may give different values the same mask"),
    ({"mask": "noise", "percent": 5}, text(type="integer", unique="alone"), "noise may give different values the same mask"),
    ({"mask": "shuffle"}, text(unique="part"), "shuffle may bring two equal rows into a unique index over several columns"),
    ({"mask": "email"}, text(type="character varying(20)"), "email makes up to 29 characters, the column holds 20"),
    ({"mask": "email"}, text(type="mailbox", base="character varying(20)"), "email makes up to 29 characters, the column holds 20"),
    ({"mask": "constant", "value": "abcdef"}, text(type="character(5)"), "constant makes up to 6 characters, the column holds 5"),
    ({"mask": "redact", "find": ["email"]}, text(type="character varying(90)"), "redact may make a text longer, the column holds 90 characters"),
    ({"mask": "null"}, text(not_null=True), "null isn't allowed in a column that is NOT NULL"),
    ({"mask": "token"}, text(generated=True), "is computed by the database from other columns; keep it and mask those"),
    ({"mask": "token"}, text(type="address", composite=True), "is of the composite type address, whose parts can't be masked one by one"),
    ({"mask": "date_shift"}, text(), "date_shift can't make a text; it makes date, timestamp"),
    ({"mask": "noise", "percent": 5}, text(), "noise can't make a text; it makes a number"),
    ({"mask": "json", "paths": {"$.a": {"mask": "token"}}, "others": KEEP}, text(type="integer"), "json can't make a integer; it makes json and jsonb, text"),
    ({"mask": "array", "element": {"mask": "token"}}, text(), "array can't make a text; it makes an array"),
    ({"mask": "array", "element": {"mask": "token"}}, text(type="integer[]", element="integer"), "element: token can't make a integer"),
    ({"mask": "token"}, text(type="text[]", element="text"), "token can't make a text[]"),
    ({"mask": "noise", "percent": 5, "min": 4, "max": 3}, text(type="integer"), "noise: min 4 is above max 3"),
    ({"mask": "noise", "percent": 5, "min": 0, "max": 9.5}, text(type="integer"), "noise: max 9.5 has more digits after the point than integer"),
    ({"mask": "noise", "percent": 5, "total": True, "within": ["nope"]}, text(type="integer"), "within: there is no column nope"),
    ({"mask": "shuffle", "within": ["c"]}, text(), "within: names the column itself"),
    ({"mask": "generalise", "to": "year"}, text(), "generalise: to doesn't suit a text; it suits date, timestamp"),
    ({"mask": "generalise", "bits": 8}, text(), "generalise: bits doesn't suit a text; it suits ip"),
    ({"mask": "constant", "value": "x"}, text(type="integer"), "constant: 'x' is no integer"),
    ({"mask": "constant", "value": "x"}, text(type="date"), "constant: 'x' is no date"),
    ({"mask": "constant", "value": "x"}, text(type="jsonb"), "constant: 'x' is no jsonb"),
    ({"mask": "constant", "value": "x"}, text(type="boolean"), "constant: 'x' is no boolean"),
    ({"mask": "constant", "value": "mad"}, MOOD, "constant: found 'mad', the labels of mood are sad, ok"),
    (KEEP, MOOD, "is an enum; its labels must be named in values: sad, ok"),
    ({**KEEP, "values": ["sad"]}, MOOD, "the policy doesn't mention the label 'ok' of mood"),
    ({**KEEP, "values": ["sad"]}, text(), "values: text is no enum, so its values can't be checked"),
    ({"mask": "ip"}, text(type="cidr"), "ip makes addresses, and a cidr holds a network"),
]


@pytest.mark.parametrize(("entry", "column", "said"), CASES)
def test_a_rule_that_does_not_suit_its_column(entry: dict[str, Any], column: Column, said: str) -> None:
    found = faults(entry, column)
    assert len(found) == 1
    assert found[0].startswith("public.t.c: ")
    assert said in found[0]


@pytest.mark.parametrize(
    ("entry", "column"),
    [
        ({"mask": "token"}, text(unique="alone", not_null=True)),
        ({"mask": "email"}, text(unique="alone", type="character varying(29)")),
        ({"mask": "username", "unique": True}, text(unique="alone")),
        ({"mask": "uuid"}, text(type="uuid", unique="alone")),
        ({"mask": "shuffle"}, text(unique="alone")),
        ({"mask": "null"}, text(unique="alone")),
        ({"mask": "null"}, text(type="address", composite=True)),
        ({**KEEP, "values": ["sad", "ok", "mad"]}, MOOD),
        ({"mask": "shuffle", "values": ["sad", "ok"]}, MOOD),
        ({"mask": "constant", "value": "ok"}, MOOD),
        ({"mask": "noise", "spread": 3}, text(type="price", base="numeric(10,2)")),
        ({"mask": "generalise", "bits": 24}, text(type="inet")),
        ({"mask": "json", "paths": {"$.a": {"mask": "noise", "percent": 5}, "$.b": {"keep": "x"}}, "others": {"drop": True}}, text(type="jsonb")),
        ({"mask": "array", "element": {"mask": "date_shift", "days": 3}}, text(type="date[]", element="date")),
    ],
)
def test_a_rule_that_suits(entry: dict[str, Any], column: Column) -> None:
    assert faults(entry, column) == []


@pytest.mark.parametrize(
    ("paths", "others", "said"),
    [
        (["$.a", "$.a.b"], KEEP, "$.a.b: another path masks the same place, or one around it"),
        (["$.a.b", "$.a"], KEEP, "$.a: another path masks the same place, or one around it"),
        (["$.a", "$['a']"], KEEP, "$['a']: another path masks the same place"),
        (["$.a[0]", "$.a.b"], KEEP, "$.a.b: other paths say that an object is there, or that a list is"),
        (["$.a[0]", "$.a[*]"], KEEP, "$.a[*]: [*] and places by number exclude each other"),
        (["$.a[0]"], {"drop": True}, "others: drop can't keep places of a list by number; use [*]"),
    ],
)
def test_paths_that_contradict_each_other(paths: list[str], others: Any, said: str) -> None:
    found = faults({"mask": "json", "paths": {path: {"mask": "token"} for path in paths}, "others": others}, text(type="jsonb"))
    assert len(found) == 1
    assert said in found[0]


def test_a_total_inside_of_a_value_is_refused() -> None:
    leaf = {"mask": "noise", "percent": 5, "total": True}
    assert "a total is kept over a column" in faults({"mask": "json", "paths": {"$.a": leaf}, "others": KEEP}, text(type="jsonb"))[0]


@pytest.mark.parametrize(("engine", "name"), [("mysql", "MySQL"), ("mariadb", "MariaDB"), ("sqlite", "SQLite")])
def test_what_an_engine_lacks_is_said(engine: str, name: str) -> None:
    assert faults({"mask": "shuffle"}, text(), engine=engine) == [f"public.t.c: shuffle: isn't there for {name}; use another mask"]


def test_binary_fractions_of_mariadb_are_refused() -> None:
    assert "shows a double in another way" in faults({"mask": "noise", "percent": 5}, text(type="double"), engine="mariadb")[0]
    assert "fifteen digits" in faults({"mask": "noise", "percent": 5}, text(type="decimal(30,20)"), engine="mariadb")[0]
    assert faults({"mask": "noise", "percent": 5}, text(type="decimal(30,2)"), engine="mariadb") == []


def test_whole_tables_need_a_primary_key() -> None:
    catalog = {"public.t": [text(type="integer")]}
    policy = {"name": "p", "version": 1, "tables": {"public.t": {"columns": {"c": {"mask": "noise", "percent": 5, "total": True}}}}}
    assert make_plan(policy, catalog).faults == ["public.t.c: noise with total orders the rows by their primary key, and the table has none"]


# --- entities ---
def test_an_entity_needs_a_column_that_stays_itself() -> None:
    assert "entity: there is no column nope" in faults({"mask": "name"}, text(), entity={"name": "p", "key": "nope"})[0]
    key = Column("k", "text", True)
    found = faults({"mask": "name"}, text(), key, entries={"k": {"mask": "name", "by": "value"}}, entity={"name": "p", "key": "k"})
    assert "its key k is masked by name" in found[0]
    assert "has no text of its own" in faults({"mask": "name"}, text(), Column("k", "jsonb", True), entity={"name": "p", "key": "k"})[0]


def test_a_null_key_falls_back_to_the_value() -> None:
    catalog = {"public.t": [Column("k", "bigint", False), text()]}
    policy = {"name": "p", "version": 1, "tables": {"public.t": {"entity": {"name": "p", "key": "k"}, "columns": {"k": KEEP, "c": {"mask": "name"}}}}}
    rule = make_plan(policy, catalog).tables["public.t"]["c"]
    assert rule.fallback
    assert rule.purposes == ("entity/p", "domain/name")


def test_unique_by_entity_needs_a_unique_entity() -> None:
    other = Column("k", "bigint", True)
    found = faults({"mask": "email"}, text(unique="alone"), other, entity={"name": "p", "key": "k"})
    assert "the entity's key k isn't unique in this table" in found[0]
    assert faults({"mask": "email", "by": "value"}, text(unique="alone"), other, entity={"name": "p", "key": "k"}) == []
    assert faults({"mask": "email"}, text(unique="alone"), entity=ENTITY) == []
    assert "unique: true makes a mask of the value" in faults({"mask": "username", "unique": True, "by": "entity"}, text(unique="alone"), entity=ENTITY)[0]
    assert "by: entity needs an entity of the table" in faults({"mask": "name", "by": "entity"}, text())[0]


def test_elements_are_masked_by_value() -> None:
    element = {"mask": "token", "by": "entity"}
    assert (
        "element: by: entity would give every element the same mask"
        in faults({"mask": "array", "element": element}, text(type="text[]", element="text"), entity=ENTITY)[0]
    )
    paths = {"$.a[*].b": {"mask": "token", "by": "entity"}}
    assert "$.a[*].b: by: entity would give" in faults({"mask": "json", "paths": paths, "others": KEEP}, text(type="jsonb"), entity=ENTITY)[0]


def two(first: dict[str, Any], second: dict[str, Any], **more: Any) -> list[str]:
    catalog = {"public.a": [ID, text()], "public.b": [ID, text()]}
    tables = {"public.a": {"entity": ENTITY, "columns": {"id": KEEP, "c": first}}, "public.b": {"columns": {"id": KEEP, "c": second}}}
    return make_plan({"name": "p", "version": 1, "tables": tables}, catalog, **more).faults


def test_one_domain_is_masked_in_one_way() -> None:
    found = two({"mask": "name", "domain": "person"}, {"mask": "name", "domain": "person"})
    assert found == [
        "domain person: is masked by entity person in public.a.c and by value in public.b.c, so that equal values would differ;"
        " use one way, or say 'by' in each entry when that is meant"
    ]
    assert two({"mask": "name", "domain": "person", "by": "value"}, {"mask": "name", "domain": "person"}) == []
    assert two({"mask": "name", "domain": "person", "by": "entity"}, {"mask": "name", "domain": "person", "by": "value"}) == []
    leaf = {"mask": "json", "paths": {"$.a": {"mask": "name", "domain": "person"}}, "others": KEEP}
    catalog = {"public.a": [ID, text()], "public.b": [ID, text(type="jsonb")]}
    tables = {
        "public.a": {"entity": ENTITY, "columns": {"id": KEEP, "c": {"mask": "name", "domain": "person"}}},
        "public.b": {"columns": {"id": KEEP, "c": leaf}},
    }
    assert "public.b.c $.a" in make_plan({"name": "p", "version": 1, "tables": tables}, catalog).faults[0]


# --- foreign keys ---
REFERENCE = (ForeignKey("b_c_fkey", "public.b", ("c",), "public.a", ("c",)),)


def test_both_ends_of_a_foreign_key_are_masked_alike() -> None:
    found = two({"mask": "token", "by": "value"}, {"mask": "hash"}, foreign_keys=REFERENCE)
    assert found == [
        "public.b.c and public.a.c are the ends of foreign key b_c_fkey and masked differently (hash of domain hash, token of domain token);"
        " give both the same mask, domain and options, or keep both"
    ]
    assert "masked differently (kept, token" in two({"mask": "token"}, KEEP, foreign_keys=REFERENCE)[0]
    assert two({"mask": "token", "by": "value"}, {"mask": "token"}, foreign_keys=REFERENCE) == []
    assert two({"mask": "token", "by": "value"}, {"mask": "null"}, foreign_keys=REFERENCE) == []
    assert two(KEEP, {"mask": "shuffle"}, foreign_keys=REFERENCE) == []
    found = two({"mask": "token", "by": "entity"}, {"mask": "token", "by": "value"}, foreign_keys=REFERENCE)
    assert "masked by entity; say by: value in both" in found[0]


# --- additions ---
def test_additions_are_yaml_that_cures_the_faults() -> None:
    names = ["mail", "Größe", 'q"uote', "null", "a: b", "order", "yes", "", "{x}", "#"]
    catalog = {"public.t": [ID, MOOD, *(Column(name, "text", True, unique="alone") for name in names)], "public.Bad name": [ID]}
    policy: dict[str, Any] = {"name": "p", "version": 1, "tables": {"public.t": {"columns": {"c": {**KEEP, "values": ["sad"]}}}}}
    plan = make_plan(policy, catalog)
    added = yaml.safe_load("tables:\n" + "\n".join(plan.additions))["tables"]
    assert list(added["public.t"]["columns"]) == ["id", "c", *names]
    policy["tables"] = added
    assert make_plan(policy, catalog).faults == []


SHOP = {
    "public.customers": [ID, Column("email", "text", True, unique="alone"), Column("name", "text", True)],
    "public.leads": [ID, Column("owner", "text", True), Column("name", "text", True), Column("code", "text", True, unique="alone")],
    "public.calls": [ID, Column("who", "text", False), Column("lead", "text", False)],
}
OF_SHOP = (
    ForeignKey("leads_owner", "public.leads", ("owner",), "public.customers", ("email",)),
    ForeignKey("calls_who", "public.calls", ("who",), "public.leads", ("owner",)),
    ForeignKey("calls_lead", "public.calls", ("lead",), "public.leads", ("code",)),
)


@pytest.mark.parametrize(
    "known",
    [
        {"email": {"mask": "email", "by": "value"}, "name": {"mask": "name"}},
        {"email": {"mask": "username", "unique": True, "domain": "login", "by": "value"}, "name": {"mask": "name", "by": "value"}},
        {"email": {"keep": "made by us"}, "name": {"mask": "name", "by": "entity"}},
        {"name": {"mask": "first_name"}},
        {},
    ],
)
@pytest.mark.parametrize("entity", [{}, {"entity": ENTITY}])
def test_additions_agree_with_what_the_policy_says(known: dict[str, Any], entity: dict[str, Any]) -> None:
    """References are masked as what they refer to, and a domain in the way it is masked already."""
    if not entity:
        known = {name: {key: one for key, one in entry.items() if key != "by"} for name, entry in known.items()}
    policy: dict[str, Any] = {"name": "p", "version": 1, "tables": {"public.customers": {**entity, "columns": {"id": KEEP, **known}}}}
    plan = make_plan(policy, SHOP, foreign_keys=OF_SHOP)
    added = yaml.safe_load("tables:\n" + "\n".join(plan.additions))["tables"]
    for table, more in added.items():
        policy["tables"].setdefault(table, {"columns": {}})["columns"].update(more["columns"])
    assert make_plan(policy, SHOP, foreign_keys=OF_SHOP) == make_plan(policy, SHOP, foreign_keys=OF_SHOP)._replace(faults=[], additions=[])


def test_a_refusal_is_one_text() -> None:
    assert refusal([], []) == ""
    found = refusal(["b", "a", "b"], ["  public.t:"]).splitlines()
    assert found[1:] == ["- b", "- a", "Add to the policy after a review (every guess is by name and type only):", "tables:", "  public.t:"]


KINDS = [
    "text",
    "integer",
    "bigint",
    "numeric(10,2)",
    "jsonb",
    "date",
    "uuid",
    "boolean",
    "bytea",
    "inet",
    "text[]",
    "character varying(12)",
    "interval",
    "time",
]


@given(st.text(max_size=12), st.sampled_from(KINDS), st.booleans(), st.sampled_from(["", "alone", "part"]))
def test_a_guess_is_yaml_that_its_column_takes(name: str, kind: str, not_null: bool, unique: str) -> None:
    column = Column(name, kind, not_null, unique=unique, element="text" if kind == "text[]" else "")
    entry = yaml.safe_load(guess(column))
    found = make_plan({"name": "p", "version": 1, "tables": {"public.t": {"columns": {name: entry}}}}, {"public.t": [column]}).faults
    assert found == [] or "constant" in found[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("smallint", ("-32768", "32767")),
        ("bigint unsigned", ("0", str(2**64 - 1))),
        ("numeric(5,2)", ("-999.99", "999.99")),
        ("numeric(2,2)", ("-0.99", "0.99")),
        ("numeric(3,0)", ("-999", "999")),
        ("numeric", None),
        ("real", None),
    ],
)
def test_noise_stays_within_a_type(kind: str, expected: Any) -> None:
    assert limits(Column("n", kind, False)) == expected
