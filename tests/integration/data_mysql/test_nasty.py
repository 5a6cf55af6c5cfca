# SPDX-License-Identifier: GPL-3.0-or-later
"""A schema with everything that a careless copy breaks, and one algorithm on two servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.runner import synchronize
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize as postgresql

KEY = "00112233445566778899aabbccddeeff" * 2
KEPT = {"keep": "no personal value"}
SCHEMA = """
set session sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
create table `kündé ``n` (`näme ``x` varchar(60) character set latin1, `id` int auto_increment primary key, boss int, key (boss),
  constraint `self` foreign key (boss) references `kündé ``n` (id));
create table `a.b` (x int, y varchar(20) collate utf8mb4_bin, partner int, mail varchar(60), primary key (x, y), key (partner));
create table `group` (id int primary key, x int, y varchar(20) collate utf8mb4_bin, key (x, y), foreign key (x, y) references `a.b` (x, y));
alter table `a.b` add foreign key (partner) references `group` (id);
create table heap (label varchar(20), mail varchar(60), big bigint unsigned);
create table kinds (id bigint primary key, f float, d double, n decimal(20, 6), y year, t time(3), dt datetime(6), ts timestamp(2) null, day date,
  c char(5), vs varchar(9), b binary(4), vb varbinary(20), bl blob, bi bit(10), en enum('', 'b', 'ü'), se set('x', 'y', 'z'), js json, lt longtext,
  tx text character set utf8mb3,
  virt varchar(70) as (concat(vs, '!')) virtual, sto varchar(70) as (concat(vs, '?')) stored, zero int unsigned zerofill, uu uuid, ip inet6,
  check (json_valid(js)), fulltext key (lt));
create table pieces (id int, mail varchar(60), primary key (id)) partition by hash (id) partitions 4;
"""
ROWS = """
set session sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
set foreign_key_checks = 0;
insert into `kündé ``n` values ('Jürgen', 0, 5), ('ÿ', 5, 0), (null, 6, 6);
insert into `a.b` values (1, 'a', 9, 'x@y'), (1, 'A', 8, 'z@y'), (2, 'a', null, null);
insert into `group` values (8, 1, 'a'), (9, 1, 'A'), (10, null, 'zz');
insert into heap values ('same', 'm@x', 18446744073709551615), ('same', 'm@x', 18446744073709551615), (null, null, null), ('', '', 0);
insert into kinds (id, f, d, n, y, t, dt, ts, day, c, vs, b, vb, bl, bi, en, se, js, lt, tx, zero, uu, ip) values
 (-9223372036854775808, 0.1, 0.1, -0.000001, 1999, '-838:59:59', '0000-00-00', '0000-00-00', '0000-00-00', 'a  ', 'v',
  x'00ff', x'5c090a0d00', x'', b'1000000001',
  'ü', 'x,z', '{"a": "\\\\u00e9\\\\n"}', concat('\\\\N', char(0), '\\t\\r\\n', '😀'), 'é', 7, uuid(), '::1'),
 (0, -3.4e38, 1.7976931348623157e308, 99999999999999.999999, 0, '00:00:00.5', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07', '2024-02-30',
  '', '', '', '', null, 0,
  '', '', '[]', '', '', 0, null, null),
 (9223372036854775807, 1e-30, 5e-324, 0, null, null, null, null, '2023-02-00', null, null, null, null, repeat(x'00', 70000),
  null, null, null, null, repeat('ä', 300000), null, null, null,
  '1.2.3.4');
insert into pieces select seq, concat('p', seq, '@x') from seq_1_to_50;
"""
MASKED = {"mail": {"mask": "email"}, "näme `x": {"mask": "last_name"}}


def _policy(server: Any, database: str) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    rows = server.sql(database, "select table_name, column_name, column_type from information_schema.columns where table_schema = database()")
    for row in rows.splitlines():
        table, column, kind = row.split("\t")
        entry = MASKED.get(column) or {"keep": "no personal value"}
        if kind.startswith(("enum", "set")):
            entry = {**entry, "values": [label.strip("'") for label in kind[kind.index("(") + 1 : -1].split(",")]}
        tables.setdefault(f"{database}.{table}", {"columns": {}})["columns"][column] = entry
    return {"name": "nasty", "version": 1, "tables": tables}


@pytest.fixture
def pair(mariadb: Any) -> Iterator[tuple[str, str]]:
    source, target = mariadb.create_db(), mariadb.create_db()
    yield source, target
    for database in (source, target, f"{target}_evenkeel"):
        mariadb.sql("mysql", f"drop database if exists {database}")


def _fill(server: Any, source: str, target: str) -> None:
    server.sql(source, SCHEMA + ROWS)
    server.sql(target, SCHEMA)


def _params(server: Any, source: str, target: str, policy: dict[str, Any]) -> dict[str, Any]:
    places = {"source": server.place(source), "target": server.place(target)}
    return {"engine": "mysql", **places, "target_tier": "test", "policy": policy, "key": KEY, "workers": 2, "mode": "full", "phase": "all"}


def test_nasty_schema(mariadb: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    _fill(mariadb, source, target)
    found = synchronize(_params(mariadb, source, target, _policy(mariadb, source)), check_mode=False, tell=lambda _event: None)
    assert found["changed"]
    assert found["proof"]["keys"]["foreign_keys"] == 3
    shown = """select id, f + 0e0, d, n, y, t, dt, ts, day, hex(c), hex(b), hex(vb), md5(bl), bi + 0, hex(en), en + 0, se, js, md5(lt), hex(tx),
      virt, sto, zero, uu, ip
      from kinds order by id; select id, boss from `kündé ``n` order by id; select * from `group` order by id; select big from heap order by big;
      select x, y, partner from `a.b` order by 1, 2"""
    assert mariadb.sql(target, shown) == mariadb.sql(source, shown)
    assert mariadb.sql(target, "select count(*), count(mail), count(distinct mail) from heap") == "4\t3\t2"
    assert mariadb.sql(target, "select count(*) from pieces where mail like '%@example.test'") == "50"
    assert "Jürgen" not in mariadb.sql(target, "select `näme ``x` from `kündé ``n` where id = 0")
    assert "PARTITIONS 4" in mariadb.sql(target, "show create table pieces")


def test_an_unknown_label_stops(mariadb: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    _fill(mariadb, source, target)
    policy = _policy(mariadb, source)
    policy["tables"][f"{source}.kinds"]["columns"]["en"]["values"] = ["", "b"]
    with pytest.raises(SyncError, match=r"kinds\.en"):
        synchronize(_params(mariadb, source, target, policy), check_mode=False, tell=lambda _event: None)


PEOPLE = """create table people (id bigint primary key, account varchar(20) not null, name varchar(80), email varchar(80), phone varchar(40),
  iban varchar(40), born date)"""
NAMES = ["Jane Doe", "Łukasz", "日本 太郎", "", "😀", "O'Brien \\ \t x", "é", "e\u0301", "ß" * 40]
COLUMNS = {
    "id": KEPT,
    "account": KEPT,
    "name": {"mask": "name"},
    "email": {"mask": "email", "by": "value"},
    "phone": {"mask": "phone"},
    "iban": {"mask": "iban"},
    "born": {"mask": "date_shift", "days": 60},
}


def test_the_same_customers_in_postgresql_and_mariadb(mariadb: Any, pg: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    theirs = [pg.create_db(), pg.create_db()]
    rows = [
        (n, f"acc-{n}", NAMES[n % 9] + (f" {n}" if n > 8 else ""), f"p{n}@x", f"+49 {n:07d}", f"DE{n:020d}", f"19{n % 90 + 10}-0{n % 9 + 1}-11")
        for n in range(400)
    ]
    quoted = ", ".join("(" + ", ".join("'" + str(value).replace("'", "''") + "'" for value in row) + ")" for row in rows)
    for database in (source, target):
        mariadb.sql(database, PEOPLE)
    mariadb.sql(source, f"set session sql_mode = 'NO_BACKSLASH_ESCAPES'; insert into people values {quoted}")
    for database in theirs:
        pg.psql(database, PEOPLE)
    pg.psql(theirs[0], f"insert into people values {quoted}")
    document = {"entity": {"name": "customer", "key": "account"}, "columns": COLUMNS}
    synchronize(
        _params(mariadb, source, target, {"name": "p", "version": 1, "tables": {f"{source}.people": document}}), check_mode=False, tell=lambda _event: None
    )
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password}
    params = {"engine": "postgresql", "source": {**place, "dbname": theirs[0]}, "target": {**place, "dbname": theirs[1]}, "target_tier": "test", "key": KEY}
    policy = {"name": "p", "version": 1, "tables": {"public.people": document}}
    postgresql({**params, "policy": policy, "workers": 2, "mode": "full", "phase": "all"}, check_mode=False, tell=lambda _event: None)
    listed = "concat_ws('|', id, account, name, email, phone, iban, born)"
    here = mariadb.sql(target, f"select {listed} from people order by id")
    assert here == pg.psql(theirs[1], f"select {listed} from people order by id")
    assert len(here.splitlines()) == 400
    assert here != mariadb.sql(source, f"select {listed} from people order by id")
