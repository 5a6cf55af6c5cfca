# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward-only migrations: each file runs once, in order, in a transaction of its own.

They only expand the schema, so that the release before keeps working on it while both run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from shop import RELEASE_DIR
from shop.settings import Database

# Any constant will do, as long as every release of the shop uses the same one.
LOCK = 7_401_250_011
NAME = re.compile(r"^(\d{3})_([a-z0-9_]+)\.sql$")
TABLE = """
create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
)
"""


class MigrationError(Exception):
    pass


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode("utf-8")).hexdigest()


def read_migrations(folder: Path) -> list:
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = NAME.match(path.name)
        if not match:
            raise MigrationError(f"{path} is not named NNN_words.sql")
        found.append(Migration(int(match.group(1)), match.group(2), path.read_text(encoding="utf-8")))
    if [item.version for item in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"{folder}: versions must be 001, 002, ... without gap or repeat")
    return found


def pending(known: list, applied: dict) -> list:
    """Which migrations are still to run; applied is version -> sha256."""
    for item in known:
        if applied.get(item.version, item.sha256) != item.sha256:
            raise MigrationError(f"migration {item.version:03d}_{item.name} was changed after it was applied; add a new one instead")
    return [item for item in known if item.version not in applied]


def schema_version(connection: psycopg.Connection[Any]) -> int:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("select to_regclass('schema_migrations') is not null").fetchone()
        if not row or not row[0]:
            return 0
        row = cursor.execute("select coalesce(max(version), 0) from schema_migrations").fetchone()
        return int(row[0]) if row else 0


def _applied(connection: psycopg.Connection[Any]) -> dict:
    if schema_version(connection) == 0:
        return {}
    return dict(connection.execute("select version, sha256 from schema_migrations").fetchall())


def _apply(connection: psycopg.Connection[Any], item: Migration) -> None:
    with connection.transaction():
        connection.execute(item.sql.encode("utf-8"))
        connection.execute(
            "insert into schema_migrations (version, name, sha256) values (%s, %s, %s)",
            (item.version, item.name, item.sha256),
        )


def migrate(database: Database, *, check: bool = False, folder: Path = RELEASE_DIR / "migrations") -> Iterator[str]:
    known = read_migrations(folder)
    with psycopg.connect(autocommit=True, **database.connect_arguments()) as connection:
        # Freed with the session, so a killed migration leaves no lock behind.
        connection.execute("select pg_advisory_lock(%s)", (LOCK,))
        todo = pending(known, _applied(connection))
        if check:
            yield from (f"would apply {item.version:03d}_{item.name}" for item in todo)
        elif todo:
            connection.execute("set client_min_messages = warning")
            connection.execute(TABLE)
            for item in todo:
                _apply(connection, item)
                yield f"applied {item.version:03d}_{item.name}"
        yield "schema version {}, {} of {} migrations {}".format(schema_version(connection), len(todo), len(known), "pending" if check else "applied now")
