# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows a subset holds: cycles, composite keys, relations that nobody declared, limits, partitions, a server that is read only."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import catalog, subset
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY
from ansible_collections.evenkeel.release.tests.integration.data.test_subset_random import chosen, place, rows_of

COMPANY = """
create table dept (id int primary key, head int);
create table emp (id int primary key, dept int references dept, boss int references emp);
alter table dept add foreign key (head) references emp deferrable initially deferred;
insert into dept select i, null from generate_series(1, 20) i;
insert into emp select i, 1 + i % 20, case when i > 10 then i / 10 end from generate_series(1, 400) i;
update dept set head = id * 3;
create table badge (emp int not null references emp, since date not null, primary key (emp, since));
insert into badge select i, date '2020-01-01' + i % 3 from generate_series(1, 400) i;
create table gift (id serial primary key, emp int, since date, foreign key (emp, since) references badge);
insert into gift (emp, since) select emp, case when emp % 5 > 0 then since end from badge;
create table country (code text primary key, name text);
insert into country select 'C' || i, 'Country ' || i from generate_series(1, 30) i;
create table "Odd ""one" ("%s {id}" bigint primary key, "größe" text references country);
insert into "Odd ""one" select i, 'C' || 1 + i % 30 from generate_series(1, 50) i;
create table note (id serial primary key, owner_type text, owner_id int, line text);
insert into note (owner_type, owner_id) select case when i % 2 = 0 then 'emp' else 'dept' end, i % 60 from generate_series(1, 240) i;
create table log (id bigint, at date not null, emp int references emp, primary key (id, at)) partition by range (at);
create table log_1 partition of log for values from ('2020-01-01') to ('2021-01-01');
create table log_2 partition of log for values from ('2021-01-01') to ('2022-01-01');
insert into log select i, date '2020-01-01' + i % 700, i % 400 + 1 from generate_series(1, 2000) i;
create table alone (id int primary key);
insert into alone select generate_series(1, 5);
analyze;
"""


@pytest.fixture(scope="module")
def company(pg: Any) -> Iterator[dict[str, Any]]:
    name = pg.create_db()
    pg.psql(name, COMPANY)
    yield place(pg, name)
    pg.psql("postgres", f"drop database {name} with (force)")


def tables(source: Any, document: dict[str, Any], **columns: list[str]) -> tuple[dict[str, set[Any]], Any]:
    selection, reader = chosen(source, document)
    with reader:
        found = {name: set(rows_of(selection, reader, f"public.{name}", names)) for name, names in columns.items()}
        rows = {name: len(rows_of(selection, reader, name, ["ctid"])) for name in selection.tables}
    selection.finish(rows)
    assert sum(edge["rows"] for edge in selection.edges) == sum(rows.values()), selection.edges
    return found, selection


def test_a_cycle_and_a_self_reference_need_no_configuration(pg: Any, company: Any) -> None:
    found, _selection = tables(
        company, {"start": [{"table": "public.dept", "percent": 30}], "children": "none"}, dept=["id", "head"], emp=["id", "dept", "boss"]
    )
    depts, emps = {row[0] for row in found["dept"]}, {row[0] for row in found["emp"]}
    assert 0 < len(depts) < 20
    assert all(row[1] in emps for row in found["dept"])
    assert all(row[1] in depts and (row[2] is None or row[2] in emps) for row in found["emp"])


def test_children_go_round_the_cycle(pg: Any, company: Any) -> None:
    document = {"start": [{"table": "public.dept", "where": [{"column": "id", "op": "in", "value": [2]}]}]}
    found, _selection = tables(company, document, emp=["id", "dept"])
    assert {row[0] for row in found["emp"] if row[1] == 2} == {row[0] for row in rows(pg, company, "select id from emp where dept = 2")}


def rows(pg: Any, source: Any, text: str) -> list[list[int]]:
    return [[int(word) for word in line.split("|") if word] for line in pg.psql(source["dbname"], text).splitlines()]


def test_a_reference_with_a_null_in_it_refers_to_nothing(pg: Any, company: Any) -> None:
    document = {"start": [{"table": "public.gift", "where": [{"column": "since", "op": "null"}]}]}
    found, selection = tables(company, document, gift=["id"], badge=["emp"])
    assert len(found["gift"]) == 80
    assert found["badge"] == set()
    document = {"start": [{"table": "public.gift", "where": [{"column": "id", "op": "<=", "value": 3}, {"column": "since", "op": "not_null"}]}]}
    found, selection = tables(company, document, gift=["emp", "since"], badge=["emp", "since"])
    assert found["badge"] == found["gift"]
    assert {edge["edge"]: edge["rows"] for edge in selection.edges if edge["direction"] == "parents"}["public.gift.emp,since"] == 3


def test_polymorphic_relations(pg: Any, company: Any) -> None:
    relations = [
        {"from": "public.note", "columns": ["owner_id"], "to": f"public.{name}", "references": ["id"], "when": {"column": "owner_type", "value": name}}
        for name in ("emp", "dept")
    ]
    document = {
        "start": [{"table": "public.emp", "where": [{"column": "id", "op": "=", "value": 4}]}],
        "relations": relations,
        "stop": ["public.dept.head", "public.emp.boss", "public.emp.dept"],
    }
    found, selection = tables(company, document, note=["owner_type", "owner_id"], dept=["id"])
    assert found["note"] == {("emp", 4)}
    assert selection.tables["public.alone"] == subset.NOTHING
    # A value that refers to no row needs none.
    document["start"] = [{"table": "public.note", "where": [{"column": "owner_id", "op": "in", "value": [0, 40, 5]}]}]
    found, selection = tables(company, document, note=["owner_type", "owner_id"], dept=["id"])
    assert 5 in {row[0] for row in found["dept"]}


def test_limits_per_parent_in_all_and_the_newest(pg: Any, company: Any) -> None:
    start = {"start": [{"table": "public.emp", "where": [{"column": "id", "op": "<=", "value": 9}]}], "stop": ["public.emp.boss", "public.dept.head"]}
    limits = {"public.log.emp": {"per_parent": 2, "newest": "at"}, "public.badge.emp": {"total": 4}}
    found, _selection = tables(company, {**start, "limits": limits}, log=["emp", "id", "at"], badge=["emp"])
    wanted = "select emp, id from (select *, row_number() over (partition by emp order by at desc, id) n from log where emp <= 9) s where n <= 2"
    assert {row[:2] for row in found["log"]} == {tuple(row) for row in rows(pg, company, wanted)}
    assert len(found["badge"]) == 4
    again, _selection = tables(company, {**start, "limits": limits}, log=["emp", "id", "at"], badge=["emp"])
    assert again == found
    both = {"public.log.emp": {"per_parent": 2, "total": 5}}
    found, _selection = tables(company, {**start, "limits": both}, log=["emp", "id"])
    assert len(found["log"]) == 5
    assert max(sum(1 for row in found["log"] if row[0] == one) for one in range(1, 10)) <= 2


def test_newest_rows_as_a_start(pg: Any, company: Any) -> None:
    document = {"start": [{"table": "public.log", "newest": {"column": "at", "count": 3}}], "children": "none"}
    found, _selection = tables(company, document, log=["id", "at"], emp=["id"])
    wanted = rows(pg, company, "select id from log order by at desc, id limit 3")
    assert {row[0] for row in found["log"]} == {row[0] for row in wanted}
    assert found["emp"]


def test_quoted_names_text_keys_and_an_expression(pg: Any, company: Any) -> None:
    document = {"start": [{"table": 'public.Odd "one', "sql": '"%s {id}" % 7 = 1 -- every seventh'}], "reference": []}
    found, selection = tables(company, document, country=["code"])
    assert len(found["country"]) == 8
    assert selection.tables["public.alone"] == subset.NOTHING
    assert "public.alone" in selection.order.unreached


def test_a_value_is_never_cut_to_the_length_of_a_column(pg: Any, company: Any) -> None:
    pg.psql(company["dbname"], "create table short (id smallint primary key, code char(2)); insert into short values (1, 'DE'), (2, 'F')")
    pg.psql(
        company["dbname"],
        "create table long (id bigint primary key, short bigint, code varchar(9)); insert into long values (1, 99999999999, 'DEX'), (2, 2, 'F')",
    )
    relations = [{"from": "public.long", "columns": [one], "to": "public.short", "references": [other]} for one, other in (("short", "id"), ("code", "code"))]
    found, _selection = tables(company, {"start": [{"table": "public.long", "percent": 100}], "relations": relations}, short=["id"])
    assert found["short"] == {(2,)}
    for value, count in (("DEX", 0), ("DE", 1)):
        document = {"start": [{"table": "public.short", "where": [{"column": "code", "op": "<>", "value": value}]}]}
        assert len(tables(company, document, short=["id"])[0]["short"]) == 2 - count
    pg.psql(company["dbname"], "drop table long, short")


def test_reference_tables_whole_and_what_is_not_reached(pg: Any, company: Any) -> None:
    start = [{"table": 'public.Odd "one', "where": [{"column": "größe", "op": "like", "value": "C1%"}]}]
    found, selection = tables(company, {"start": start, "reference": ["public.country"], "unreached": "all"}, country=["code"], alone=["id"], log=["id"])
    assert selection.tables["public.country"] is None
    assert (len(found["country"]), len(found["alone"]), len(found["log"])) == (30, 5, 2000)


def test_the_same_rows_with_the_same_key_and_others_with_another(pg: Any, company: Any) -> None:
    document = {"start": [{"table": "public.emp", "percent": 20}], "children": "none"}
    first, again = (tables(company, document, emp=["id"])[0] for _time in range(2))
    assert first == again
    assert 40 < len(first["emp"]) < 140


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": [{"table": "public.emps"}]}, "no synchronized table is named 'public.emps'"),
        ({"start": [{"table": "emp"}]}, "did you mean public.emp?"),
        ({"start": [{"table": "public.emp", "where": [{"column": "nme", "value": 1}]}]}, "public.emp has no column 'nme'"),
        ({"start": [{"table": "public.emp", "where": [{"column": "id", "value": "x"}]}]}, "a value doesn't fit the type"),
        ({"start": [{"table": "public.emp", "where": [{"column": "id", "value": -5}]}]}, "no row of the source fits the condition"),
        ({"start": [{"table": "public.emp", "sql": "id = 1) union select (1"}]}, "isn't one expression"),
        ({"start": [{"table": "public.emp", "sql": "id = 1; drop table emp"}]}, "isn't one expression"),
        ({"start": [{"table": "public.emp", "sql": "id = 1 /* "}]}, "isn't one expression"),
        ({"start": [{"table": "public.emp", "sql": "id = 1, true"}]}, "isn't one expression"),
        ({"start": [{"table": "public.emp", "sql": "RANDOM() < 0.1"}]}, "random() can give another answer each time"),
        ({"start": [{"table": "public.log", "sql": "at > Now() - interval '1 day'"}]}, "Now can give another answer each time"),
        ({"relations": [{"from": "public.note", "columns": ["line"], "to": "public.emp", "references": ["id"]}]}, "a relation needs columns of one type"),
        ({"limits": {"public.emp.bos": 3}}, "no relation is named 'public.emp.bos'; there are"),
        ({"limits": {"public.emp.boss": {"total": 3}}}, "total isn't possible in a cycle"),
        ({"max_rows": 10}, "subset.max_rows allows 10"),
        ({"maxrows": 10}, "subset.maxrows: unknown key"),
    ],
)
def test_faults_are_told_in_one_text(pg: Any, company: Any, change: dict[str, Any], said: str) -> None:
    document = {"start": [{"table": "public.emp", "where": [{"column": "id", "op": "<=", "value": 50}]}], **change}
    with pytest.raises(SyncError) as caught:
        tables(company, document)
    assert said in str(caught.value)


def test_the_plan_reads_catalogs_only(pg: Any, company: Any) -> None:
    reader = connect(company, role="source")
    document = {"start": [{"table": "public.emp", "percent": 10}], "limits": {"public.log.emp": 5}}
    job = SimpleNamespace(key=KEY, workers=2, options={"subset": document})
    with reader:
        found = subset.plan(job, SimpleNamespace(here=catalog.read_tables(reader)), reader)
    names = [table["name"] for table in found["tables"]]
    assert names.index("public.badge") > names.index("public.emp")
    assert ["public.dept", "public.emp"] in found["cycles"]
    assert {edge["edge"]: edge.get("per_parent") for edge in found["edges"]}["public.log.emp"] == 5
    assert "public.alone" in found["unreached"]


def test_a_role_that_may_only_read(pg: Any, company: Any) -> None:
    pg.psql(company["dbname"], "create role onlooker login password 'x'; grant select on all tables in schema public to onlooker")
    pg.psql("postgres", f"revoke temporary on database {company['dbname']} from public; alter role onlooker set default_transaction_read_only = on")
    source = {**company, "user": "onlooker", "password": "x"}
    document = {"start": [{"table": "public.dept", "percent": 30}], "limits": {"public.log.emp": 1}}
    assert tables(source, document, emp=["id"], log=["id"])[0] == tables(company, document, emp=["id"], log=["id"])[0]
    pg.psql(company["dbname"], "drop owned by onlooker; drop role onlooker")
