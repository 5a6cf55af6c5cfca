# SPDX-License-Identifier: GPL-3.0-or-later
"""Structural masks computed by a real server, against their Python reference."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import entity_subkey, keyed, pads, permutation_subkey, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import Row, Sources, array_of, column_of, expression, value_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_leaf import leaf_sql
from psycopg import sql

KEY = "00112233445566778899aabbccddeeff" * 2


@pytest.fixture(scope="module")
def server(pg: Any) -> Iterator[Any]:
    name = pg.create_db()
    with psycopg.connect(pg.url(name), autocommit=True, options="-c TimeZone=UTC -c DateStyle=ISO") as connection:
        yield connection
    pg.psql("postgres", f"drop database {name} with (force)")


def sources(connection: Any, rule: Rule) -> Sources:
    def hashed(purpose: str, text: str) -> str:
        kind, _slash, name = purpose.partition("/")
        inner, outer = (f"'\\x{block.hex()}'::bytea" for block in pads(subkey(KEY, name) if kind == "domain" else entity_subkey(KEY, name)))
        return f"sha256({outer}||sha256({inner}||textsend({text})))"

    def permutation(domain: str) -> str:
        return f"'\\x{permutation_subkey(KEY, domain).hex()}'::bytea"

    return Sources(hashed, lambda value: sql.Literal(value).as_string(connection), permutation, "s.entity")


def rule_of(entry: dict[str, Any], kind: str, **more: Any) -> tuple[Rule, Column]:
    entity = more.pop("entity", None)
    column = Column("v", kind, more.pop("not_null", False), **more)
    catalog = {"public.t": [Column("id", "integer", True, key=1, unique="alone"), Column("g", "text", False), column]}
    columns = {"id": {"keep": "key"}, "g": {"keep": "group"}, "v": entry}
    table = {"columns": columns, **({"entity": entity} if entity else {})}
    plan = make_plan({"name": "p", "version": 1, "tables": {"public.t": table}}, catalog)
    assert plan.faults == []
    return plan.tables["public.t"]["v"], column


def masked(connection: Any, rule: Rule, column: Column, values: Sequence[Any], *, groups: Sequence[Any] = ()) -> list[Any]:
    """What the server makes of the values, each as its text."""
    connection.execute("drop table if exists t")
    connection.execute(f"create table t (id int primary key, g text, v {column.type})")
    with connection.cursor().copy("copy t from stdin") as copy:
        for place, value in enumerate(values):
            copy.write_row((place, groups[place] if groups else None, value))
    found = expression(
        rule,
        column,
        sources=sources(connection, rule),
        value=lambda storey, name: f"{storey}.{name}",
        refer=lambda name: f"s.i_{name}",
        primary_key=["id"],
        version=connection.info.server_version,
    )
    entity = sources(connection, rule).hash("entity/person", "t.id::text")
    inner = "".join(f", {text} as i_{name}" for name, text in found.inner.items())
    query = f"select (({found.outer})::{column.type})::text from (select t.*, {entity} as entity{inner} from t offset 0) s order by s.id"
    return [row[0] for row in connection.execute(query).fetchall()]


# --- JSON ---
TEXTS = [
    "",
    " ",
    "x@y.de",
    'a"b',
    "back\\slash",
    "tab\tnew\nline",
    "\x01\x02\x1f\x7f",
    ":x",
    ": ",
    '":',
    "ü€😀",
    "[redacted]",
    "null",
    "{}",
    "a,b",
    "x" * 200,
    "\\u0000",
    "'",
    "%s",
    "{0}",
]
NAMES = ["email", "name", "user", "items", "list", "a b", "Größe", 'q"uote', "co:lon", "back\\", "", "0", "id", "ip", "{v}", "100%"]
NUMBERS = ["0", "-0", "-0.0", "1", "12.50", "1e3", "1E-7", "-3.25e2", "123456789012345678901234567890", "0.000", "9007199254740993", "1e20"]


class Raw(str):
    """A number as it is written."""


def document(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 3 or kind < 0.35:
        return chance.choice([chance.choice(TEXTS), chance.choice(TEXTS), Raw(chance.choice(NUMBERS)), True, False, None])
    if kind < 0.75 or depth == 0:
        return {chance.choice(NAMES): document(chance, depth + 1) for _ in range(chance.randrange(6))}
    return [document(chance, depth + 1) for _ in range(chance.randrange(4))]


def written(value: Any, chance: random.Random) -> str:
    space = chance.choice(["", " ", "\n"])
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{space}{json.dumps(name)}{space}:{space}{written(one, chance)}" for name, one in value.items()) + space + "}"
    if isinstance(value, list):
        return "[" + ",".join(space + written(one, chance) for one in value) + space + "]"
    return json.dumps(value, ensure_ascii=chance.random() < 0.5)


def documents(number: int, seed: int) -> list[str | None]:
    chance = random.Random(seed)
    plain = [written(document(chance), chance) for _ in range(number)]
    likely = [
        written(
            {
                "email": chance.choice(TEXTS),
                "user": {"name": chance.choice(TEXTS), "id": Raw(chance.choice(NUMBERS)), "phone": chance.choice(["+49 30 1234", "0", "x"]), "Größe": 4},
                "items": [{"name": chance.choice([*TEXTS, None]), "a b": [document(chance, 3)]} for _ in range(chance.randrange(4))],
                "list": [chance.choice([*TEXTS, None, Raw("7")]) for _ in range(chance.randrange(4))],
            },
            chance,
        )
        for _ in range(number)
    ]
    return [*plain, *likely, None, "null", '"text"', "5", "[]", "{}", "true", '[{"email": "x"}]']


PATHS = {
    "$.email": {"mask": "email"},
    "$.user.name": {"mask": "name", "domain": "person"},
    "$.user.id": {"mask": "token"},
    "$.user.phone": {"mask": "username", "unique": True},
    "$.user['Größe']": {"mask": "noise", "percent": 10},
    "$.items[*].name": {"mask": "name", "domain": "person"},
    "$.items[*]['a b'][*]": {"mask": "hash"},
    "$.list[0]": {"mask": "city"},
    "$.list[2]": {"mask": "constant", "value": 'it\'s "so" {v} 100%'},
    "$['co:lon']": {"mask": "null"},
    "$['q\"uote']": {"mask": "redact", "find": ["email", "phone"]},
    "$.id": {"mask": "generalise", "step": 7},
    "$.ip": {"keep": "tested"},
}
FEW = {path: leaf for path, leaf in PATHS.items() if not path.startswith("$.list")}
OTHERS = {"keep": {"keep": "tested"}, "mask": {"mask": "redact"}, "drop": {"drop": True}}


@pytest.mark.parametrize("others", list(OTHERS))
@pytest.mark.parametrize("kind", ["jsonb", "json", "text"])
def test_documents_are_masked_as_in_python(server: Any, others: str, kind: str) -> None:
    rule, column = rule_of({"mask": "json", "paths": FEW if others == "drop" else PATHS, "others": OTHERS[others]}, kind)
    values = documents(700, 7)
    if kind != "jsonb":
        values += ['{"a":"\\u0000"}', '{"a":"\\ud83d"}', '{"email":"\\ud83d\\ude00"}', '{"email":1e400000}']
    if kind == "text":
        values += ["", "no json", "{", '{"a":"\x01"}', "NaN", "{'a': 1}", '{"email": "x"} {}']
    found = masked(server, rule, column, [None if value is None else value for value in values])
    assert found == [value_of(rule, value, key=KEY) for value in values]


def test_documents_by_entity(server: Any) -> None:
    paths = {path: {**leaf, "by": "value"} if leaf.get("domain") == "person" and "*" in path else leaf for path, leaf in PATHS.items()}
    paths["$.user.name"] = {"mask": "name", "domain": "person", "by": "entity"}
    rule, column = rule_of({"mask": "json", "paths": paths, "others": {"mask": "redact"}}, "jsonb", entity={"name": "person", "key": "id"})
    values = documents(100, 8)
    found = masked(server, rule, column, values)
    assert found == [value_of(rule, value, key=KEY, entity=str(place)) for place, value in enumerate(values)]


def test_nothing_of_a_redacted_document_stays(server: Any) -> None:
    rule, column = rule_of({"mask": "json", "paths": {"$.email": {"mask": "email"}}, "others": {"mask": "redact"}}, "jsonb")
    values = [json.dumps({"deep": [{"er": ["SECRET1", {"x": 'SEC"RET2 :'}]}], ":SECRETNAME": 1, "email": {"SECRET3": "SECRET4"}})]
    found = masked(server, rule, column, values)[0]
    assert "SECRET" not in found.replace(":SECRETNAME", "")


# --- arrays ---
def test_elements_of_arrays(server: Any) -> None:
    rule, column = rule_of({"mask": "array", "element": {"mask": "token"}}, "text[]", element="text")
    lists = [[], ["a"], ["a", None, "b", "a"], [None], ['q"uote', "com,ma", "NULL", "", "ü", "\\"], None]
    lists += [[["a", None], ["b", 'q"u\\ote']], [[["a"], ["b"]], [["c"], [None]], [["NULL"], [""]]]]  # type: ignore[list-item]
    texts = [None if one is None else server.execute("select %s::text[]::text", (one,)).fetchone()[0] for one in lists]
    found = masked(server, rule, column, texts)
    back = [None if one is None else server.execute("select %s::text[]", (one,)).fetchone()[0] for one in found]
    assert back == [None if one is None else array_of(rule, one, key=KEY) for one in lists]


@pytest.mark.parametrize(
    ("kind", "element", "mask"),
    [("integer[]", "integer", {"mask": "noise", "percent": 50}), ("date[]", "date", {"mask": "date_shift", "days": 9}), ("uuid[]", "uuid", {"mask": "uuid"})],
)
def test_elements_of_other_types(server: Any, kind: str, element: str, mask: dict[str, Any]) -> None:
    rule, column = rule_of({"mask": "array", "element": mask}, kind, element=element)
    lists = {"integer": [["5", "-7", None, "2147483647"]], "date": [["2020-02-29", None, "1999-12-31"]], "uuid": [["00000000-0000-0000-0000-000000000001"]]}[
        element
    ]
    found = masked(server, rule, column, ["{" + ",".join(one or "NULL" for one in entry) + "}" for entry in lists])
    assert found == ["{" + ",".join(one or "NULL" for one in array_of(rule, entry, key=KEY)) + "}" for entry in lists]


# --- values ---
def one_by_one(server: Any, rule: Rule, kind: str, values: Sequence[str]) -> list[str]:
    lent = sources(server, rule)
    h = lent.hash(f"domain/{rule.domain}", "x.v::text") if rule.hashed else "null::bytea"
    text = leaf_sql(rule, h="s.h", v="s.v", literal=lent.literal)
    query = f"select {text} from (select x.v::text as v, {h} as h from unnest(%s::{kind}[]) with ordinality x(v, o) order by x.o offset 0) s"
    return [row[0] for row in server.execute(query.replace("%s", sql.Literal(list(values)).as_string(server))).fetchall()]


@pytest.mark.parametrize(
    "options",
    [{"percent": 10}, {"percent": 0.5}, {"spread": 3}, {"spread": 0.25}, {"percent": 100, "min": -5, "max": 5}, {"spread": 1000, "min": 0, "max": 10.5}],
)
def test_noise(server: Any, options: dict[str, Any]) -> None:
    rule, _column = rule_of({"mask": "noise", **options}, "numeric")
    chance = random.Random(3)
    values = ["0", "0.00", "1", "-1", "3", "0.1", "-0.001", "12345678901234567890.123456789", "NaN", "Infinity", "-Infinity", "1e30", "-5", "5"]
    values += [f"{chance.uniform(-1e6, 1e6):.{chance.randrange(6)}f}" for _ in range(500)]
    shown = [row[0] for row in server.execute("select v::text from unnest(%s::numeric[]) with ordinality x(v, o) order by o", (values,)).fetchall()]
    found = one_by_one(server, rule, "numeric", values)
    assert found == [value_of(rule, value, key=KEY) for value in shown]
    if "min" not in options:
        assert not [one for one, other in zip(shown, found) if one == other and float(one) not in (0, float("inf"), -float("inf")) and one != "NaN"]


@pytest.mark.parametrize(
    ("kind", "options", "values"),
    [
        ("date", {"to": "year"}, ["2020-02-29", "0044-03-15 BC", "infinity", "12345-06-07"]),
        ("date", {"to": "month"}, ["2020-02-29", "0044-03-15 BC", "-infinity"]),
        ("timestamptz", {"to": "month"}, ["2020-02-29 12:13:14.5678+02", "0044-03-15 01:02:03 BC", "infinity"]),
        ("timestamp", {"to": "year"}, ["2020-02-29 12:13:14", "1999-12-31 23:59:59.999999"]),
        ("numeric", {"step": 5}, ["0", "4.99", "5", "-0.01", "-5", "12345.678", "NaN", "Infinity"]),
        ("numeric", {"step": 0.25}, ["0", "0.3", "-0.3", "7", "1e10"]),
        ("text", {"digits": 3}, ["", "1", "123", "1234", "äöüß", "94110-1234"]),
        ("inet", {"bits": 24}, ["10.1.2.3", "10.1.2.3/8", "2001:db8:1:2:3:4:5:6", "::1", "::ffff:1.2.3.4"]),
    ],
)
def test_generalise(server: Any, kind: str, options: dict[str, Any], values: list[str]) -> None:
    full = {"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone"}.get(kind, kind)
    rule, _column = rule_of({"mask": "generalise", **options}, full)
    shown = [row[0] for row in server.execute(f"select v::text from unnest(%s::{kind}[]) with ordinality x(v, o) order by o", (values,)).fetchall()]
    found = one_by_one(server, rule, kind, values)
    assert found == [value_of(rule, value, key=KEY) for value in shown]
    assert server.execute(f"select %s::{kind}[]::text", (found,)).fetchone()[0] is not None


def test_values_by_entity(server: Any) -> None:
    rule, _column = rule_of({"mask": "noise", "percent": 10}, "numeric", entity={"name": "person", "key": "id"})
    assert rule.rotation
    h = sources(server, rule).hash("entity/person", "x.o::text")
    text = leaf_sql(rule, h="s.h", v="s.v", literal=str, rotation=rule.rotation)
    query = f"select {text} from (select o::numeric::text as v, {h} as h from generate_series(100, 200) x(o)) s"
    assert [row[0] for row in server.execute(query).fetchall()] == [value_of(rule, str(one), key=KEY, entity=str(one)) for one in range(100, 201)]


PIECES = [
    "jane.doe@example.com",
    "jörg@müller.de",
    "+49 (30) 123-4567",
    "DE89 3704 0044 0532 0130 00",
    "4111 1111 1111 1111",
    "10.20.30.40",
    "2001:db8::1",
    "::ffff:1.2.3.4",
]
PIECES += [
    "a@b@c",
    "12:30:45",
    "[x]",
    "<y@z>",
    " ",
    ",",
    "\n",
    "call",
    "DE",
    "no. 12",
    "ß😀",
    "-",
    "+",
    "1",
    "GB29NWBK60161331926819",
    "a:b:c.d:e",
    "..",
    "@",
    "1.2.3.4:80:5",
    "(",
    ")",
]


@pytest.mark.parametrize("find", [["email"], ["phone"], ["iban"], ["card"], ["ip"], ["email", "phone", "iban", "card", "ip"], []])
def test_redact(server: Any, find: list[str]) -> None:
    rule, _column = rule_of({"mask": "redact", **({"find": find} if find else {})}, "text")
    chance = random.Random(5)
    values = [*PIECES, *("".join(chance.choice(PIECES) + chance.choice(["", " "]) for _ in range(chance.randrange(1, 9))) for _ in range(1500))]
    assert one_by_one(server, rule, "text", values) == [value_of(rule, value, key=KEY) for value in values]


# --- tables ---
def rows(number: int) -> tuple[list[str | None], list[str]]:
    chance = random.Random(number)
    values = [None if chance.random() < 0.1 else f"{chance.choice([1, -1]) * chance.lognormvariate(5, 2):.{chance.choice([0, 2, 4])}f}" for _ in range(number)]
    return values, [chance.choice("abc") for _ in range(number)]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 500])
@pytest.mark.parametrize("within", [None, ["g"]])
@pytest.mark.parametrize("entry", [{"mask": "shuffle"}, {"mask": "noise", "percent": 20, "total": True}, {"mask": "noise", "spread": 20, "total": True}])
def test_whole_tables(server: Any, entry: dict[str, Any], within: Any, number: int) -> None:
    rule, column = rule_of({**entry, **({"within": within} if within else {})}, "numeric")
    values, groups = rows(number)
    found = masked(server, rule, column, values, groups=groups)
    expected = column_of(rule, [Row((str(place),), (groups[place],) if within else (), value) for place, value in enumerate(values)], key=KEY)
    assert found == expected
    for group in set(groups) if within else [None]:
        here = [place for place in range(number) if group in (None, groups[place])]
        before, after = ([column[place] for place in here if column[place] is not None] for column in (values, found))
        assert (
            server.execute("select sum(v) from unnest(%s::numeric[]) v", (before,)).fetchone()
            == server.execute("select sum(v) from unnest(%s::numeric[]) v", (after,)).fetchone()
        )
        if entry["mask"] == "shuffle":
            assert sorted(before) == sorted(after)
    assert number < 500 or sum(one == other for one, other in zip(values, found) if one is not None) < 5


def test_the_keyed_order_is_that_of_the_key() -> None:
    assert keyed(subkey(KEY, "shuffle"), "1") != keyed(subkey("x" * 32, "shuffle"), "1")
