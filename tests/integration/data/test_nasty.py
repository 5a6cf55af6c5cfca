# SPDX-License-Identifier: GPL-3.0-or-later
"""A schema with everything that makes a copy hard. pg_dump of both sides says whether anything was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import shadow_objects
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import POLICY as SHOP
from ansible_collections.evenkeel.release.tests.integration.data.dumps import dump
from ansible_collections.evenkeel.release.tests.integration.data.test_sync import params

NASTY = """
create schema "Zweite Ablage";
create type mood as enum ('glad', 'sad');
create type place as (street text, number int);
create domain mail as text check (value like '%@%');
create domain late_mail as mail not null;
create sequence ticket start 100;
create table staff (
  id int generated always as identity (start with 5 increment by 5) primary key, name text not null, boss int references staff (id),
  dept int, mood mood, home place, tags text[], contact mail, ticket bigint default nextval('ticket'));
create table dept (id serial primary key, title text not null, head int references staff (id) deferrable initially deferred);
alter table staff add constraint staff_dept foreign key (dept) references dept (id) deferrable initially immediate;
create table "order" (
  "select" bigserial, "größe" numeric(8, 2) not null default 1, "we""ird" text, at timestamptz default now(), constraint "order key" primary key ("select"),
  double numeric generated always as ("größe" * 2) stored);
create index "übersicht" on "order" ("größe" desc) where "größe" > 1;
create table "Zweite Ablage".staff (a int, b int, note text, primary key (a, b));
create table "Zweite Ablage"."Kind 😀" (a int, b int, c text collate "C", foreign key (a, b) references "Zweite Ablage".staff (a, b) match full);
create table no_key (line text, raw bytea, js jsonb, amount money, span int4range, exclude using gist (span with &&));
create table log (id bigint, day date not null, who text, kind text, primary key (id, day)) partition by range (day);
create table log_old partition of log for values from ('2020-01-01') to ('2024-01-01');
create table log_new partition of log for values from ('2024-01-01') to ('2030-01-01') partition by range (id);
create table "log new a" partition of log_new for values from (0) to (70);
create table log_new_rest partition of log_new default;
create index log_by_who on log (who);
create table log_note (id serial primary key, log bigint, day date, foreign key (log, day) references log (id, day));
create table animal (id int, name text);
create table dog (id int, name text, bark text) inherits (animal);
create unlogged table scratch (x int) with (fillfactor = 50);
create table free_of_keep (x int);
comment on table staff is 'it''s us';
comment on column staff.name is 'who';
comment on constraint staff_dept on staff is 'where';
create statistics two (ndistinct, dependencies) on name, dept from staff;
create index staff_lower on staff (lower(name)) include (dept);
alter table staff replica identity full;
alter table staff alter name set statistics 500;
create function noted() returns trigger language plpgsql as 'begin return new; end';
create trigger note before update on staff for each row when (old.name is distinct from new.name) execute function noted();
alter table staff enable always trigger note;
create rule no_delete as on delete to dept do instead nothing;
create view bosses as select s.id, s.name, b.name as boss from staff s left join staff b on b.id = s.boss;
create view bosses_of_bosses with (security_barrier = true) as select * from bosses where boss is not null;
create materialized view moods as select mood, count(*) as n from staff group by mood;
create unique index moods_key on moods (mood);
comment on view bosses is 'who says what';
alter table staff enable row level security;
create policy glad_only on staff for select to public using (mood = 'glad' or exists (select from dept d where d.head = staff.id));
comment on sequence dept_id_seq is 'counts';
comment on rule no_delete on dept is 'kept';
revoke truncate on dept from current_user;
alter index staff_lower alter column 1 set statistics 77;
alter statistics two set statistics 33;
create index never on staff (boss);
update pg_index set indisvalid = false where indexrelid = 'never'::regclass;
create access method heap2 type table handler heap_tableam_handler;
create table parts (k text, id int, v text, primary key (k, id)) partition by list (k);
create table "Zweite Ablage".parts_a (junk int, v text, id int not null, k text not null);
alter table "Zweite Ablage".parts_a drop column junk;
alter table parts attach partition "Zweite Ablage".parts_a for values in ('a', 'b');
create table parts_c partition of parts for values in ('c') partition by hash (id);
create table parts_c0 partition of parts_c for values with (modulus 2, remainder 0) with (fillfactor = 70);
create table parts_c1 partition of parts_c for values with (modulus 2, remainder 1);
create table parts_other partition of parts default;
create index parts_v on parts (v);
create index parts_a_only on "Zweite Ablage".parts_a (id desc);
comment on index parts_v is 'of all parts';
alter table parts_other add constraint positive check (id > 0), alter v set default 'other';
create trigger part before insert on parts for each row execute function noted();
alter table parts_c0 disable trigger part;
create function after() returns trigger language plpgsql as 'begin return null; end';
create constraint trigger late after insert on dept deferrable initially deferred for each row execute function after('x''y');
create trigger many after update on dept referencing old table as o new table as n for each statement execute function after();
create sequence shared;
create table kinds (
  id int generated by default as identity (start 3 increment 2 maxvalue 99 cycle cache 4) primary key, small smallserial, a int default nextval('shared'),
  half int generated always as (a / 2) virtual, wide text storage external compression pglz, c int constraint must not null,
  constraint pair unique nulls not distinct (a, c), constraint itself foreign key (a, c) references kinds (a, c) on delete set null (a) on update cascade,
  constraint free check (c > 0) no inherit, constraint unsaid check (a > 0) not enforced) using heap2 with (fillfactor = 40, toast.autovacuum_enabled = false);
create table kinds_too (id int default nextval('kinds_small_seq'), b int default nextval('shared'));
create table t (t text, s text, h text, v text, k text, "0" text, "1#x" text, "{h}" text, "{0}" text, "100%" text, "%s" text, "back\\slash" text, "new
line" text, "$1" text, id int primary key);
create table "per%cent {x}" ("%(x)s" int);
create table "dot.ted" ("a.b" int);
create table "ein Name, so lang, wie ein Name nur sein kann: 63 Zeichen ....." (x serial);
create view "Zweite Ablage".checked (c1, c2) with (check_option = local, security_invoker = true) as select id, title from dept where id > 0;
grant select (c1) on "Zweite Ablage".checked to pg_monitor with grant option;
create trigger instead instead of insert on "Zweite Ablage".checked for each row execute function noted();
create view counted as select d.*, (select count(*) from staff s where s.dept = d.id) as many from dept d group by d.id;
alter view "Zweite Ablage".checked owner to pg_monitor;
create materialized view counts using heap2 with (fillfactor = 60) as select id, many from counted;
create index counts_by_many on counts (many, (id + 1));
comment on index counts_by_many is 'by many';
alter index counts_by_many alter column 2 set statistics 11;
alter materialized view counts cluster on counts_by_many;
create materialized view nothing_yet as select * from counts with no data;
"""
ROWS = """
begin;
insert into staff (name, boss, dept, mood, home, tags, contact) select 'Name ' || i, null, null, (array['glad', 'sad'])[1 + i % 2]::mood,
  row('Street ' || i, i)::place, array['a' || i, null, ''], 'm' || i || '@x.example' from generate_series(1, 50) i;
insert into dept (title, head) select 'D' || i, i * 5 from generate_series(1, 5) i;
update staff set boss = 5, dept = 1 + id % 5;
insert into "order" ("größe", "we""ird") select i, 'w' || i from generate_series(1, 20) i;
insert into "Zweite Ablage".staff select i, i * 2, 'secret note ' || i from generate_series(1, 10) i;
insert into "Zweite Ablage"."Kind 😀" select i, i * 2, 'c' from generate_series(1, 10) i;
insert into no_key values (E'tab\\t', '\\x00ff', '{"a": [1, null]}', 1.5, '[1,3)'), (null, null, null, null, null), ('', '', '1', 0, '[5,9)');
insert into log select i, date '2021-01-01' + i * 20, 'Who ' || i, (array['a', 'b'])[1 + i % 2] from generate_series(1, 100) i;
insert into log_note (log, day) select id, day from log;
insert into animal values (1, 'Animal');
insert into dog values (2, 'Dog', 'wuff');
insert into scratch values (1);
insert into free_of_keep values (1);
insert into parts values ('a', 1, 'x'), ('c', 1, 'y'), ('c', 2, 'y'), ('z', 1, 'z');
insert into kinds (wide, c) values ('w', 1), ('w', 2);
insert into kinds_too default values;
insert into t select 'Ann', 'Bob', 'Cy', 'Di', 'Ed', 'Fay', 'Gus', 'Hal', 'Ida', 'Jo', 'Kay', 'Lee', 'Max', 'Ned', 1;
insert into "per%cent {x}" values (1);
commit;
refresh materialized view moods;
refresh materialized view counts;
"""
KEEP = {"keep": "no personal value"}
HOSTILE = ["t", "s", "h", "v", "k", "0", "1#x", "{h}", "{0}", "100%", "%s", "back\\slash", "new\nline", "$1"]


def kept(*names: str, **others: Any) -> dict[str, Any]:
    return {"columns": {**dict.fromkeys(names, KEEP), **others}}


POLICY: dict[str, Any] = {
    "name": "nasty",
    "version": 1,
    "tables": {
        "public.staff": kept(
            "id", "boss", "dept", "home", "tags", "ticket", name={"mask": "name"}, contact={"mask": "email"}, mood={"keep": "x", "values": ["glad", "sad"]}
        ),
        "public.dept": kept("id", "title", "head"),
        "public.order": kept("select", "größe", "at", "double", **{'we"ird': {"mask": "text"}}),
        "Zweite Ablage.staff": kept("a", "b", note={"mask": "text"}),
        "Zweite Ablage.Kind 😀": kept("a", "b", "c"),
        "public.no_key": kept("line", "raw", "js", "amount", "span"),
        "public.log": kept("id", "day", "kind", who={"mask": "name"}),
        "public.log_note": kept("id", "log", "day"),
        "public.animal": kept("id", "name"),
        "public.dog": kept("id", "bark", name={"mask": "first_name"}),
        "public.scratch": kept("x"),
        "public.parts": kept("k", "id", "v"),
        "public.kinds": kept("id", "small", "a", "half", "wide", "c"),
        "public.kinds_too": kept("id", "b"),
        "public.t": kept("id", **{name: {"mask": "name"} for name in HOSTILE}),
        "public.per%cent {x}": kept("%(x)s"),
        "public.dot.ted": kept("a.b"),
        "public.ein Name, so lang, wie ein Name nur sein kann: 63 Zeichen .....": kept("x"),
    },
    "skip": [{"table": "public.free_of_keep", "reason": "not wanted"}],
}


@pytest.fixture
def nasty(pg: Any) -> Iterator[tuple[str, str]]:
    source, target = pg.create_db(), pg.create_db()
    pg.psql(source, NASTY + ROWS)
    pg.psql(
        target, NASTY + "insert into staff (name) values ('Before'); grant select on staff, bosses to pg_monitor; grant update (name) on staff to pg_monitor"
    )
    yield source, target
    for name in (source, target):
        pg.psql("postgres", f"drop database {name} with (force)")


def test_everything_arrives_and_nothing_of_the_target_is_lost(pg: Any, nasty: tuple[str, str]) -> None:
    source, target = nasty
    before = dump(pg, target, "--schema-only")
    result = synchronize(params(pg, nasty, policy=POLICY), check_mode=False)
    assert result["changed"] is True
    after = dump(pg, target, "--schema-only")
    assert [line for line in after if line not in before] == []
    assert after == before
    for table in (
        "dept",
        '"order"',
        '"Zweite Ablage"."Kind 😀"',
        "no_key",
        "log_note",
        "only animal",
        "scratch",
        "parts",
        "parts_c1",
        "kinds",
        "kinds_too",
        "counts",
    ):
        rows = f"select * from {table} order by 1 nulls first"
        hidden = 'select (x.*)::text from (select *, null as "we""ird" from "order") x'
        assert table == '"order"' or pg.psql(source, rows) == pg.psql(target, rows), table
        del hidden
    for table in ("staff", "log", "log_old", '"log new a"', "log_new_rest", "dog", "only animal", '"order"', '"Zweite Ablage".staff'):
        rows = f"select count(*) from {table}"
        assert pg.psql(source, rows) == pg.psql(target, rows), table
    assert pg.psql(target, "select count(*) from free_of_keep") == "0"
    assert pg.psql(target, """select "100%" <> 'Jo', "{h}" <> 'Hal', "new\nline" <> 'Max' from t""") == "t|t|t"
    assert pg.psql(target, "select count(*) from log where who like 'Who%'") == "0"
    assert pg.psql(target, "select id, boss, dept, mood, home, tags from staff order by id") == pg.psql(
        source, "select id, boss, dept, mood, home, tags from staff order by id"
    )
    assert pg.psql(target, "select count(*) from bosses_of_bosses where boss like 'Name%'") == "0"
    assert pg.psql(target, "select * from moods order by 1") == pg.psql(source, "select * from moods order by 1")
    for sequence in ("ticket", "staff_id_seq", "kinds_id_seq", "kinds_small_seq", "shared", '"order_select_seq"', "dept_id_seq"):
        assert pg.psql(source, f"select last_value, is_called from {sequence}") == pg.psql(target, f"select last_value, is_called from {sequence}"), sequence
    assert pg.psql(target, "select bool_and(convalidated) from pg_constraint where conname <> 'unsaid'") == "t"
    pg.psql(target, "update staff set name = 'x' where id = 5; insert into staff (name) values ('y')")


def test_the_old_tables_come_back_exactly(pg: Any, nasty: tuple[str, str]) -> None:
    _source, target = nasty
    before = dump(pg, target)
    for phase in ("prepare", "swap"):
        assert synchronize(params(pg, nasty, policy=POLICY, phase=phase), check_mode=False)["changed"] is True
        assert pg.psql(target, "select count(*) from staff") == ("1" if phase == "prepare" else "50")
    assert synchronize(params(pg, nasty, policy=POLICY, phase="revert"), check_mode=False)["changed"] is True
    assert dump(pg, target) == before
    assert synchronize(params(pg, nasty, policy=POLICY, phase="revert"), check_mode=False)["changed"] is False


OBSTACLES = """
create table z (id int default nextval('dept_id_seq'), whole bosses);
create policy p on z using (exists (select from dept where dept.id = z.id));
create rule r as on insert to z do also insert into scratch values (new.id);
create cast (dept as text) with inout;
create function held() returns bigint language sql begin atomic select count(*) from moods; end;
create publication everything for tables in schema public;
alter materialized view moods alter column mood set statistics 55;
create index only_some on only parts (v desc);
create table pup (tail int) inherits (dog);
create subscription {name} connection 'dbname=nothing' publication p with (connect = false, slot_name = none);
insert into pg_subscription_rel select oid, 'scratch'::regclass, 'r', null from pg_subscription where subname = '{name}';
grant select on dept to pg_monitor with grant option;
set role pg_monitor;
grant select on dept to pg_read_all_data;
"""
REFUSED = [
    "sequence public.dept_id_seq: default value for column id of table public.z holds on to it",
    "type public.bosses: column whole of table public.z holds on to it",
    "table public.dept: policy p on table public.z holds on to it",
    "table public.scratch: rule r on table public.z holds on to it",
    "type public.dept: cast from public.dept to text holds on to it",
    "public.moods: a materialized view over synchronized tables with function public.held()",
    "public.moods: a materialized view over synchronized tables with settings of its column mood",
    "schema public: has publication everything, whose subscribers would not see the swap",
    "public.parts: has the index only_some, of which not every partition has its part",
    "public.pup: has columns that it inherits (id, name, bark) and doesn't define itself",
    "public.scratch: has a subscription that writes into it",
    "public.dept: has privileges that pg_monitor gave on",
]


def test_what_a_swap_would_lose_is_refused_by_name_all_of_it_at_once(pg: Any, nasty: tuple[str, str]) -> None:
    source, target = nasty
    pg.psql(target, OBSTACLES.format(name=f"from_{target}"))
    pg.psql(source, "create table pup (tail int) inherits (dog); create table z (id int)")
    policy = {
        **POLICY,
        "tables": {**POLICY["tables"], "public.pup": kept("id", "name", "bark", "tail")},
        "skip": [*POLICY["skip"], {"table": "public.z", "reason": "x"}],
    }
    before = dump(pg, target)
    with pytest.raises(SyncError) as caught:
        synchronize(params(pg, nasty, policy=policy), check_mode=False)
    assert [line for line in REFUSED if line not in str(caught.value)] == []
    assert dump(pg, target) == before
    pg.psql(target, f"drop subscription from_{target}")


def test_numbers_of_the_source_s_catalog_are_refused_by_name(pg: Any, shops: tuple[str, str]) -> None:
    for name in shops:
        pg.psql(name, "create table files (name regclass, kinds regtype[], content oid, other oid)")
    pg.psql(shops[0], "select lo_from_bytea(0, 'x')")
    policy = {**SHOP, "tables": {**SHOP["tables"], "public.files": kept("name", "kinds", "content", other={"mask": "null"})}}
    with pytest.raises(SyncError) as caught:
        synchronize(params(pg, shops, policy=policy), check_mode=False)
    said = str(caught.value)
    assert "files.name: its type regclass names an object by its number" in said
    assert "files.kinds: its type regtype[] names an object by its number" in said
    assert "files.content: may point at a large object" in said
    assert "files.other" not in said


def test_tablespaces_stay(pg: Any, shops: tuple[str, str]) -> None:
    place = f"place_{shops[1]}"
    pg.psql(shops[1], f"set allow_in_place_tablespaces = on; create tablespace {place} location ''")
    pg.psql(shops[1], f"alter table orders set tablespace {place}; alter index customers_pkey set tablespace {place}")
    pg.psql(shops[1], f"create materialized view v tablespace {place} as table orders")
    before = dump(pg, shops[1], "--schema-only")
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True
    assert dump(pg, shops[1], "--schema-only") == before
    pg.psql(shops[1], f"drop materialized view v; drop table orders; drop table customers; drop tablespace {place}")


def test_two_tables_with_one_written_name_are_refused(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[0], 'create schema x; create schema "x.y"; create table x."y.z" (a int); create table "x.y".z (b int)')
    with pytest.raises(SyncError, match=r"x\.y\.z is the name of two tables"):
        synchronize(params(pg, shops), check_mode=False)


def test_what_would_get_lost_unnoticed_stops_the_switch(pg: Any, shops: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a later PostgreSQL may add to a table: the new one is compared with the old one before anybody sees it."""
    pg.psql(shops[1], "comment on index orders_by_customer is 'by whom'")
    before = dump(pg, shops[1])
    monkeypatch.setattr(shadow_objects, "REMARKS", "select 'index', '', null::text where %(oid)s is null")
    with pytest.raises(SyncError, match=r"public\.orders: would lose index CREATE INDEX orders_by_customer .* by whom"):
        synchronize(params(pg, shops), check_mode=False)
    assert dump(pg, shops[1]) == before
