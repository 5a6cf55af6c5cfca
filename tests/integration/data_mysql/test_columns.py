# SPDX-License-Identifier: GPL-3.0-or-later
"""Constants in columns of every type, and targets whose columns are wider than the source's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.runner import synchronize

from .conftest import KEPT, KEY, drop

TYPES = {
    "t": ("time", "00:00", "00:00:00"),
    "d": ("decimal(8,2)", "5.0", "5.00"),
    "day": ("date", "2020-1-1", "2020-01-01"),
    "at": ("datetime(3)", "2020-01-01 10:00", "2020-01-01 10:00:00.000"),
    "n": ("int", "7", "7"),
    "f": ("float", "0.1", "0.1"),
    "y": ("year", "21", "2021"),
    "s": ("set('a','b')", "b", "b"),
    "e": ("enum('x','y\\'s')", "y's", "y's"),
    "c": ("char(9) character set latin1", "ü\tb", "ü\tb"),
    "j": ("json", '{"a": 1}', '{"a": 1}'),
}


@pytest.fixture
def pair(mariadb: Any) -> Iterator[tuple[Any, str, str]]:
    source, target = mariadb.create_db(), mariadb.create_db()
    yield mariadb, source, target
    drop(mariadb, source, target)


def refresh(pair: tuple[Any, str, str], columns: dict[str, Any], **changes: Any) -> dict[str, Any]:
    server, source, target = pair
    policy = {"name": "p", "version": 1, "tables": {f"{source}.t": {"columns": {"id": KEPT, **columns}}}}
    words = {"engine": "mysql", "target_tier": "test", "policy": policy, "key": KEY, "workers": 1, "mode": "full", "phase": "all", **changes}
    params = {**words, "source": server.place(source), "target": server.place(target)}
    return synchronize(params, check_mode=False, tell=lambda _event: None)


def test_constants_are_shown_as_the_column_shows_them(pair: Any) -> None:
    server, source, target = pair
    columns = ", ".join(f"{name} {kind}" for name, (kind, _value, _shown) in TYPES.items())
    for database in (source, target):
        server.sql(database, f"create table t (id int primary key, {columns})")
    server.sql(source, "insert into t (id) values (1); insert into t values (2, '10:10', 1, '2001-01-01', '2001-01-01', 1, 1, 2001, 'a', 'x', 'x', '{}')")
    assert refresh(pair, {name: {"mask": "constant", "value": value} for name, (_kind, value, _shown) in TYPES.items()})["changed"]
    assert server.sql(target, f"select {', '.join(TYPES)} from t where id = 2").split("\t") == "\t".join(one[2] for one in TYPES.values()).split("\t")
    assert server.sql(target, "select concat_ws('', t, d, day, j) from t where id = 1") == ""


@pytest.mark.parametrize(
    ("kind", "value"), [("time", "noon"), ("tinyint", "300"), ("decimal(3,1)", "1000"), ("year", "1800"), ("char(9) character set latin1", "漢")]
)
def test_constants_that_dont_fit_are_refused_before_anything_moves(pair: Any, kind: str, value: str) -> None:
    server, source, target = pair
    for database in (source, target):
        server.sql(database, f"create table t (id int primary key, c {kind}); insert into t (id) values (1)")
    with pytest.raises(SyncError, match=r"\.t\.c: constant: .* is no"):
        refresh(pair, {"c": {"mask": "constant", "value": value}})
    assert server.sql(target, f"select count(*) from information_schema.schemata where schema_name like '{target}\\_evenkeel%'") == "0"


NARROW = """create table t (id int primary key, n smallint unsigned, amount decimal(6,2), note varchar(20) not null, at datetime, day date, f float,
  state enum('a','b'), raw varbinary(9))"""
WIDE = """create table t (state enum('a','b','c'), id bigint primary key, extra varchar(9) not null default 'own', n int, amount decimal(12,4), note mediumtext,
  at datetime(6), day datetime, f double, raw blob)"""


def test_a_wider_target_is_accepted_on_request(pair: Any) -> None:
    server, source, target = pair
    server.sql(
        source,
        NARROW + "; insert into t select seq, seq, seq / 4, concat('n', seq), '2024-01-02 03:04:05', '2024-01-02', seq / 10, 'b', x'00ff0a' from seq_1_to_9",
    )
    server.sql(target, WIDE)
    columns = {**dict.fromkeys(("n", "at", "f", "raw"), KEPT), "state": {"keep": "state", "values": ["a", "b"]}, "note": {"mask": "text"}}
    columns.update(amount={"mask": "noise", "percent": 0.0001}, day={"mask": "date_shift", "days": 3})
    with pytest.raises(SyncError) as caught:
        refresh(pair, columns)
    assert "t.amount: decimal(6,2) in the source, decimal(12,4) in the target (the target could take it: drift: accept)" in str(caught.value)
    found = refresh(pair, columns, drift="accept")
    assert found["changed"]
    assert len(found["drift"]) == 10
    assert any(line.endswith("t.extra: only the target has it") for line in found["drift"])
    assert (
        server.sql(target, "select n, note, at, f, state, hex(raw), extra from t where id = 7")
        == "7\t[redacted]\t2024-01-02 03:04:05.000000\t0.699999988079071\tb\t00FF0A\town"
    )
    assert server.sql(target, "select count(*) from t where abs(datediff(day, '2024-01-02')) <= 3") == "9"
    assert not refresh(pair, columns, drift="accept", mode="auto")["changed"]
    server.sql(source, "update t set note = 'other', n = 4 where id = 7")
    assert refresh(pair, columns, drift="accept", mode="differential")["proof"]["verdict"] == "passed"
    assert server.sql(target, "select n from t where id = 7") == "4"


def test_a_narrower_target_never_is(pair: Any) -> None:
    server, source, target = pair
    server.sql(source, WIDE)
    server.sql(target, NARROW.replace("id int primary key", "id int, nr int primary key auto_increment"))
    columns = {**dict.fromkeys(("extra", "n", "at", "f", "raw", "note", "day", "amount"), KEPT), "state": {"keep": "state", "values": ["a", "b", "c"]}}
    with pytest.raises(SyncError) as caught:
        refresh(pair, columns, drift="accept")
    for words in ("t.extra: only the source has it", "t.n: int", "t.amount: decimal(12,4)", "t.at: datetime(6)", "t.f: double", "t.raw: blob", "t.state: enum"):
        assert words in str(caught.value)
