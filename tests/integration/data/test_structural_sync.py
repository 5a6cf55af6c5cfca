# SPDX-License-Identifier: GPL-3.0-or-later
"""Structural masks through a whole synchronization, with its proof: nasty names, an enum, a domain, entities that are NULL."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import Row, array_of, column_of, value_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import check, synchronize
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner_check import with_leaves
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import leaf_name
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY

SCHEMA = """
create type mood as enum ('sad', 'it''s ok');
create domain price as numeric(10, 2) check (value > -1000000);
create table "Größe {x} 100%" (
  id int primary key, "order" bigint, m mood not null, pay price, bonus price not null, "group" text, region text,
  doc jsonb not null, old json, tags text[], "free text" text, born date);
"""
ROWS = """
insert into "Größe {x} 100%"
select i, nullif(i % 7, 0), 'sad', case when i % 9 > 0 then i * 1.5 end, i, (array['a', 'b'])[1 + i % 2], 'R' || i,
  jsonb_build_object('email', 'p' || i || '@x.de', 'user', jsonb_build_object('name', 'Person ' || i, 'note', 'SECRET"' || i)),
  json_build_object('email', 'p' || i || '@x.de', 'n', i), array['t' || i % 5, null, 'SECRET'], 'mail p' || i || '@x.de {0} %s', date '1980-01-01' + i
from generate_series(1, 300) i;
"""
LEAVES = {"$.email": {"mask": "email", "by": "value"}, "$.user.name": {"mask": "name"}}
COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"keep": "key"},
    "order": {"keep": "who it belongs to"},
    "m": {"keep": "state", "values": ["sad", "it's ok"]},
    "pay": {"mask": "noise", "percent": 10},
    "bonus": {"mask": "noise", "percent": 10, "total": True, "within": ["group"]},
    "group": {"keep": "coarse"},
    "region": {"mask": "shuffle", "within": ["group"]},
    "doc": {"mask": "json", "paths": LEAVES, "others": {"mask": "redact"}},
    "old": {"mask": "json", "paths": LEAVES, "others": {"keep": "a number"}},
    "tags": {"mask": "array", "element": {"mask": "token"}},
    "free text": {"mask": "redact", "find": ["email"]},
    "born": {"mask": "generalise", "to": "year"},
}
NAME = "public.Größe {x} 100%"
POLICY = {"name": "p", "version": 1, "tables": {NAME: {"entity": {"name": "person", "key": "order"}, "columns": COLUMNS}}}


def texts(pg: Any, database: str) -> list[dict[str, Any]]:
    shown = ", ".join(f'"{name}"::text' if name != "tags" else '"tags"' for name in COLUMNS)
    with psycopg.connect(pg.url(database)) as connection:
        rows = connection.execute(f'select {shown} from "Größe {{x}} 100%" order by id').fetchall()
    return [dict(zip(COLUMNS, row)) for row in rows]


def test_everything_arrives_as_the_reference_says(pg: Any) -> None:
    source, target = pg.create_db(), pg.create_db()
    pg.psql(source, SCHEMA + ROWS)
    pg.psql(target, SCHEMA)
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
    params = {
        "source": {**place, "dbname": source},
        "target": {**place, "dbname": target},
        "target_tier": "staging",
        "policy": POLICY,
        "key": KEY,
        "mode": "full",
    }
    done = synchronize({**params, "workers": 2, "proof": {"enabled": True}}, check_mode=False)
    assert done["changed"] is True
    before, after = texts(pg, source), texts(pg, target)
    types = {"pay": "numeric(10,2)", "bonus": "numeric(10,2)", "doc": "jsonb", "old": "json", "born": "date", "order": "bigint", "id": "integer"}
    catalog = [Column(name, types.get(name, "text"), name == "id", key=int(name == "id"), element="text" if name == "tags" else "") for name in COLUMNS]
    catalog[2] = catalog[2]._replace(labels=("sad", "it's ok"))
    plan = make_plan(POLICY, {NAME: catalog})
    assert plan.faults == []
    for name, rule in plan.tables[NAME].items():
        if rule.table_level:
            rows = [Row((row["id"],), (row["group"],), row[name]) for row in before]
            assert [row[name] for row in after] == column_of(rule, rows, key=KEY), name
        elif rule.mask == "array":
            assert [row[name] for row in after] == [array_of(rule, row[name], key=KEY) for row in before]
        else:
            assert [row[name] for row in after] == [value_of(rule, row[name], key=KEY, entity=row["order"]) for row in before], name
    assert "SECRET" not in json.dumps(after)
    for database in (source, target):
        pg.psql("postgres", f"drop database {database} with (force)")


ODD = ["{}", "null", "[]", '"text"', '{"user": null}', '{"user": [{"name": "Ada"}]}', '{"user": {"name": ["Ada"]}}', '{"user": {"name": {"a": 1}}}']
ODD += ['{"user": {"name": "[Ada]"}}', '{"user": {"name": ""}}', '{"user": {"name": 12.50}}', '{"user": {"name": null}, "email": "a@b.c", "ip": "1.2.3.4"}']
ODD += ['{"ip": "010.1.2.3", "email": true, "user": {"name": "Zoë"}}', '{"ip": "1.2.3.4/8", "email": "", "user": {"name": false}}']
FEW = """
insert into visits select i, jsonb_build_object('email', 'p' || i || '@x.de', 'ip', '10.1.' || i % 256 || '.' || i % 100, 'ms', i,
  'user', jsonb_build_object('name', 'Person ' || i % 50, 'id', i)) from generate_series(1, 12000) i;
"""


def test_leaves_of_few_values_are_looked_up_and_still_what_the_reference_says(pg: Any) -> None:
    source, target = pg.create_db(), pg.create_db()
    schema = "create table visits (id int primary key, doc jsonb);"
    pg.psql(source, schema + FEW)
    with psycopg.connect(pg.url(source)) as connection:
        connection.cursor().executemany("insert into visits values (%s, %s::jsonb)", [*enumerate(ODD, 12001), (12500, None)])
    pg.psql(source, "analyze visits")
    pg.psql(target, schema)
    leaves = {"$.email": {"mask": "email"}, "$.ip": {"mask": "ip"}, "$.user.name": {"mask": "name", "by": "value"}}
    doc = {"mask": "json", "paths": leaves, "others": {"keep": "figures"}}
    tables = {"public.visits": {"entity": {"name": "visit", "key": "id"}, "columns": {"id": {"keep": "key"}, "doc": doc}}}
    policy = {"name": "p", "version": 1, "tables": tables}
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
    params = {"source": {**place, "dbname": source}, "target": {**place, "dbname": target}, "target_tier": "staging", "policy": policy, "key": KEY}
    with psycopg.connect(pg.url(source)) as here, psycopg.connect(pg.url(target)) as there:
        job, sides = check(params, here, there)
        assert with_leaves(job, sides).mapped == {"public.visits": frozenset({leaf_name("doc", 2)})}
    synchronize({**params, "mode": "full", "proof": {"enabled": False}}, check_mode=False)
    rule = job.rules["public.visits"]["doc"]
    with psycopg.connect(pg.url(source)) as here, psycopg.connect(pg.url(target)) as there:
        before, after = (side.execute("select id::text, doc::text from visits order by id").fetchall() for side in (here, there))
    assert len(after) == 12000 + len(ODD) + 1
    # Every odd document, and one of each name: what is looked up is the same for all.
    for (identity, text), (_same, masked) in zip(before[:60] + before[11990:], after[:60] + after[11990:]):
        assert masked == value_of(rule, text, key=KEY, entity=identity), text
