# SPDX-License-Identifier: GPL-3.0-or-later
"""The database that grows beside the target's and whose tables take their places in one RENAME."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table, new_of, old_of, state_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import name

STATE_TABLE = "data_sync"
LATER = re.compile(r"^  ((?:UNIQUE |FULLTEXT )?KEY .*?),?$")
HELD = "select table_name from information_schema.tables where table_schema = %s order by 1"


def lock(connection: Any, seconds: Any) -> None:
    """One synchronization at a time; the server frees it when the session ends."""
    taken = connection.one("select get_lock(%s, %s)", (f"evenkeel.data_sync.{connection.database}"[:64], max(1, int(float(seconds or 20)))))
    if taken != (1,):
        raise SyncError(f"Another synchronization works on the target database {connection.database!r}. Nothing was moved.")


def drop(connection: Any, database: str) -> None:
    connection.run("set session foreign_key_checks = 0")
    connection.run(f"drop database if exists {name(database)}")


def create(connection: Any, tables: list[Table]) -> None:
    """Empty tables as the target has them, without foreign keys and without the indexes that are built later."""
    new = new_of(connection.database)
    drop(connection, new)
    connection.run(f"create database {name(new)}")
    for table in tables:
        connection.run(f"create table {name(new, table.name)} like {name(table.schema, table.name)}")
        later = later_indexes(connection, table)
        if later:
            dropped = ", ".join(f"drop index {name(index)}" for index, _text in later)
            connection.run(f"alter table {name(new, table.name)} {dropped}")


def later_indexes(connection: Any, table: Table) -> list[tuple[str, str]]:
    """[(index, definition)] of all but the primary key and the one that AUTO_INCREMENT stands on."""
    if not table.primary:
        return []  # InnoDB might have made a unique index the order of the rows
    text = connection.one(f"show create table {name(table.schema, table.name)}")[1]
    counted = re.search(r"^  `((?:[^`]|``)+)` .* AUTO_INCREMENT", text, re.MULTILINE)
    found = []
    for row in text.splitlines():
        matched = LATER.match(row)
        if not matched:
            continue
        index = re.search(r"KEY `((?:[^`]|``)+)` \((.*)", row)
        if index is None or (counted and counted.group(1) != table.primary[0] and index.group(2).startswith(f"`{counted.group(1)}`")):
            continue
        found.append((index.group(1).replace("``", "`"), matched.group(1)))
    return found


def finish(connection: Any, table: Table, synced: set[str], *, counter: int) -> None:
    """Indexes and foreign keys of a filled table, in one pass over it. Foreign keys are proved afterwards."""
    new = new_of(connection.database)
    added = [f"add {text}" for _index, text in later_indexes(connection, table)]
    if counter:
        added.append(f"auto_increment = {counter}")
    if added:
        connection.run(f"alter table {name(new, table.name)} {', '.join(added)}")
    keys = [_foreign_key(connection.database, relation, synced) for relation in table.relations]
    if keys:
        connection.run(f"alter table {name(new, table.name)} {', '.join(keys)}")


def referenced(database: str, relation: Any, synced: set[str]) -> str:
    """The database in which the referenced table will be found until the swap."""
    other = relation.key.references.split(".", 1)[1]
    return new_of(database) if relation.schema == database and other in synced else relation.schema


def _foreign_key(database: str, relation: Any, synced: set[str]) -> str:
    key = relation.key
    here, there = (", ".join(map(name, columns)) for columns in (key.columns, key.keys))
    place = name(referenced(database, relation, synced), key.references.split(".", 1)[1])
    rules = f"on update {relation.on_update} on delete {relation.on_delete}"
    return f"add constraint {name(key.name)} foreign key ({here}) references {place} ({there}) {rules}"


def check_foreign_keys(connection: Any, table: Table, synced: set[str], *, live: bool = False, where: str = "") -> int:
    """Foreign keys proved, in the shadow or in the live tables, of the rows that the condition names."""
    for relation in table.relations:
        there = relation.schema if live else referenced(connection.database, relation, synced)
        here = connection.database if live else new_of(connection.database)
        (count,) = connection.one(statement.orphans(table, here, there, relation, where=where))
        if count:
            raise SyncError(f"{table.full}: {count} rows break foreign key {relation.key.name}. The target is as it was.")
    return len(table.relations)


def held(connection: Any, database: str) -> list[str]:
    return [row[0] for row in connection.rows(HELD, (database,))]


def _move(connection: Any, moves: list[tuple[str, str, str]]) -> None:
    """[(table, from, to)]: all at once."""
    words = [f"{name(here, table)} to {name(there, table)}" for table, here, there in moves]
    connection.run(f"rename table {', '.join(words)}")


def swap(connection: Any, tables: list[str]) -> None:
    live, new, old = connection.database, new_of(connection.database), old_of(connection.database)
    connection.run(f"create database if not exists {name(old)}")
    out = [(table, live, old) for table in tables]
    _move(connection, [*out, *[(table, new, live) for table in tables]])


def swap_back(connection: Any, tables: list[str]) -> None:
    live, new, old = connection.database, new_of(connection.database), old_of(connection.database)
    connection.run(f"create database if not exists {name(new)}")
    _move(connection, [*[(table, live, new) for table in tables], *[(table, old, live) for table in tables]])


def record(connection: Any, *, policy: str, phase: str, state: Mapping[str, Any]) -> None:
    """Within the transaction of the connection."""
    place = name(state_of(connection.database), STATE_TABLE)
    connection.run(f"replace into {place} values (%s, %s, %s)", (policy, phase, json.dumps(state)))


def remember(connection: Any, *, policy: str, phase: str, state: Mapping[str, Any]) -> None:
    database = state_of(connection.database)
    place = name(database, STATE_TABLE)
    connection.run(f"create database if not exists {name(database)}")
    connection.run(f"create table if not exists {place} (policy varchar(190) primary key, phase varchar(20) not null, state longtext not null)")
    record(connection, policy=policy, phase=phase, state=state)


def remembered(connection: Any, policy: str) -> tuple[str, dict[str, Any]]:
    """(phase, state); ("", {}) when nothing is known."""
    database = state_of(connection.database)
    if STATE_TABLE not in held(connection, database):
        return "", {}
    row = connection.one(f"select phase, state from {name(database, STATE_TABLE)} where policy = %s", (policy,))
    return (row[0], json.loads(row[1])) if row else ("", {})


def forget(connection: Any, policy: str) -> None:
    database = state_of(connection.database)
    if STATE_TABLE in held(connection, database):
        connection.run(f"delete from {name(database, STATE_TABLE)} where policy = %s", (policy,))
