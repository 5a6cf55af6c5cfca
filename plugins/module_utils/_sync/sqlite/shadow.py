# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that grows beside the target, and the one transaction in which its rows take the place of the target's.

SQLite has no second schema to rename into, and a new file under the old name would leave open connections with the old one.
So rows are made and proved in a file of their own, the target's are kept in another, and the exchange is one transaction.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import fingerprint
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite import driver
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.catalog import STATE, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.driver import name

NEW, OLD = ".evenkeel_new", ".evenkeel_old"


def create(place: Mapping[str, Any], tables: Iterable[Table], target: sqlite3.Connection) -> sqlite3.Connection:
    """The empty file, with the target's own definitions, so that its constraints judge the rows."""
    path = place["path"] + NEW
    driver.remove(path)
    driver.create_private(path)
    found = driver.connect(path, role="new")
    found.execute("pragma journal_mode = off")
    found.execute("pragma synchronous = off")
    found.execute(f"create table {name(STATE)} (what text primary key, state text not null)")
    for table in tables:
        found.execute(table.sql)
        for (text,) in target.execute("select sql from sqlite_master where type = 'index' and tbl_name = ? and sql is not null", (table.name,)):
            found.execute(text)
    return found


def digest(connection: sqlite3.Connection, tables: Iterable[Table], key: str) -> str:
    """Equal when every row of every table is. Keyed: what it tells is for those who hold the key."""
    state = hashlib.sha256()
    for table in tables:
        state.update(repr(table.full).encode("utf-8"))
        wanted = ", ".join(map(name, table.stored))
        for row in connection.execute(f"select {wanted} from main.{name(table.name)} order by {wanted}"):
            state.update(repr(row).encode("utf-8", "surrogatepass"))
    return fingerprint(key, state.hexdigest())


def remembered(connection: sqlite3.Connection, policy: str) -> dict[str, Any]:
    if not connection.execute("select 1 from sqlite_master where type = 'table' and name = ?", (STATE,)).fetchone():
        return {}
    row = connection.execute(f"select state from {name(STATE)} where what = ?", (policy,)).fetchone()
    return dict(json.loads(row[0])) if row else {}


def remember(connection: sqlite3.Connection, policy: str, state: Optional[Mapping[str, Any]]) -> None:
    connection.execute(f"create table if not exists main.{name(STATE)} (what text primary key, state text not null)")
    if state is None:
        connection.execute(f"delete from main.{name(STATE)} where what = ?", (policy,))
    else:
        connection.execute(f"insert or replace into main.{name(STATE)} values (?, ?)", (policy, json.dumps(state)))


def exchange(target: sqlite3.Connection, other: str, tables: list[Table], *, policy: str, state: Optional[Mapping[str, Any]], keep: str) -> None:
    """The rows of the file `other` in the place of the target's. `keep` is where the target goes before, or nothing."""
    target.execute("pragma foreign_keys = off")  # checked as a whole before the end
    target.execute("attach database ? as evenkeel_other", (other,))
    try:
        target.execute("begin immediate")
        try:
            if keep:
                _keep(target, keep)
            triggers = target.execute("select name, sql from main.sqlite_master where type = 'trigger'").fetchall()
            for title, _text in triggers:
                target.execute(f"drop trigger main.{name(title)}")
            for table in tables:
                target.execute(f"delete from main.{name(table.name)}")
                wanted = ", ".join(map(name, table.stored))
                target.execute(f"insert into main.{name(table.name)} ({wanted}) select {wanted} from evenkeel_other.{name(table.name)}")
            _sequences(target, tables)
            for _title, text in triggers:
                target.execute(text)
            broken = target.execute("pragma main.foreign_key_check").fetchall()
            if broken:
                raise SyncError(f"The foreign keys of main.{broken[0][0]} would not hold. The target is as it was.")
            remember(target, policy, state)
            target.execute("commit")
        except BaseException:
            if target.in_transaction:
                target.execute("rollback")
            raise
    finally:
        target.execute("detach database evenkeel_other")


def _keep(target: sqlite3.Connection, path: str) -> None:
    """A copy of the whole target, made by a reader while the writer's lock keeps everybody else out."""
    driver.remove(path)
    driver.create_private(path)
    place = target.execute("select file from pragma_database_list where name = 'main'").fetchone()[0]
    reader, copy = driver.connect(place, role="target", mode="ro"), driver.connect(path, role="old")
    try:
        reader.backup(copy)
    finally:
        copy.close()
        reader.close()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sequences(target: sqlite3.Connection, tables: list[Table]) -> None:
    for table in tables:
        if "autoincrement" in table.sql.lower():
            target.execute("delete from main.sqlite_sequence where name = ?", (table.name,))
            target.execute("insert into main.sqlite_sequence select name, seq from evenkeel_other.sqlite_sequence where name = ?", (table.name,))
