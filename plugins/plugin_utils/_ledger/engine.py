# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections: what SQLite and PostgreSQL need to be told, and their faults in the words of the ledger."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import schema, state
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import sqlite as _sqlite  # noqa: F401 - loaded here, with the plugin: each task would load it anew in a process of its own
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 60
CONNECT_SECONDS = 10
_HINTS = (
    ("disk is full", "free space on its file system"),
    ("no space left", "free space on its file system"),
    ("could not extend", "free space on the database server"),
    ("readonly", "make the file and its folder writable for this user"),
    ("read-only", "use a primary server, or make the database writable"),
    ("unable to open", "make its folder writable for this user, or set evenkeel_ledger_url to another place"),
    ("permission denied", "grant this user INSERT and SELECT on the ledger's tables, and CREATE once for its first use"),
    ("locked", "another process holds it for long; find that process and end it"),
    ("not a database", "the file is not a ledger; set evenkeel_ledger_url to another file"),
    ("malformed", "the file is damaged; restore it from a backup and run evenkeel.release.ledger_verify"),
    ("authentication failed", "check the user and the password in evenkeel_ledger_url"),
    ("no password supplied", "check the user and the password in evenkeel_ledger_url"),
    ("does not exist", "create that database, or correct evenkeel_ledger_url"),
    ("refused", "start the database server, or correct host and port in evenkeel_ledger_url"),
    ("timeout", "check that the database server can be reached from here"),
    ("resolve", "check the host name in evenkeel_ledger_url"),
)


def parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerError(_bad_url("it is not a URL")) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise LedgerError(_bad_url(f"its scheme is {parsed.drivername!r}"))
    if parsed.drivername == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise LedgerError(_bad_url("it names no file; a ledger in memory would be lost"))
    return parsed


def _bad_url(fault: str) -> str:
    return (
        f"The ledger URL was refused: {fault}. Allowed: sqlite:////absolute/path/ledger.sqlite or"
        " postgresql+psycopg://user:password@host/database. Correct evenkeel_ledger_url."
    )


def connect(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        with explained(url, "Opening"):
            _private_file(Path(str(url.database)))
        # One connection is kept: closing the last one of a WAL file checkpoints it, at the price of several syncs.
        engine = create_engine(url, poolclass=QueuePool, pool_size=1, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        engine = create_engine(
            url, poolclass=QueuePool, pool_size=1, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "evenkeel"}
        )
    with explained(url, "Opening"):
        _create_tables(engine)
    return engine


def _create_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        if set(schema.metadata.tables) <= set(inspect(connection).get_table_names()):
            return
    with engine.connect() as plain, plain.execution_options(evenkeel_writes=True).begin() as transaction:
        connection = transaction.connection
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('evenkeel:schema', 0))"))
        schema.create(connection)
        state.rebuild(connection)


def spool_prefix(engine: Engine, url: URL) -> str:
    """What the streams of a spool begin with; empty for the ledger itself."""
    if engine.dialect.name != "sqlite":
        return ""
    with explained(url, "Reading"), engine.connect() as connection:
        try:
            return str(connection.exec_driver_sql("SELECT prefix FROM evenkeel_spool").scalar_one())
        except OperationalError:
            return ""  # no such table


def _private_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _sqlite_connect(connection: Any, record: Any) -> None:  # noqa: ARG001 - the signature is SQLAlchemy's
    connection.isolation_level = None  # we say BEGIN ourselves
    _patiently(connection, "PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _patiently(connection: Any, statement: str) -> None:
    """SQLite's busy timeout does not cover a change of the journal mode, nor opening while the last other connection closes
    (https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode): both last milliseconds, so we ask again."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(statement).fetchall()
            return
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - spreads the waiting, guards nothing


def _sqlite_begin(connection: Connection) -> None:
    """A writer takes its lock first: a reader that turns into a writer can only fail."""
    options = connection.get_execution_options()
    if not options.get("evenkeel_writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('evenkeel_durable', True) else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextlib.contextmanager
def writing(engine: Engine, url: URL, *, durable: bool = True) -> Iterator[Connection]:
    """One transaction that has its lock from the start. Not durable means: it may wait for the next durable one to reach the disk."""
    with explained(url, "Writing to"), engine.connect() as plain:
        connection = plain.execution_options(evenkeel_writes=True, evenkeel_durable=durable)
        with connection.begin():
            if engine.dialect.name == "postgresql" and not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection


@contextlib.contextmanager
def reading(engine: Engine, url: URL) -> Iterator[Connection]:
    with explained(url, "Reading"), engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def explained(url: URL, doing: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as exc:
        raise LedgerError(_message(url, doing, str(exc.orig))) from exc
    except (SQLAlchemyError, OSError) as exc:
        raise LedgerError(_message(url, doing, str(exc))) from exc


def _message(url: URL, doing: str, fault: str) -> str:
    fault = " ".join(fault.split())
    if url.password:
        fault = fault.replace(str(url.password), "[REDACTED]")
    hint = next((advice for sign, advice in _HINTS if sign in fault.lower()), "check evenkeel_ledger_url and the store behind it")
    return f"{doing} the ledger {url.render_as_string(hide_password=True)} failed: {fault}. Nothing is done without a ledger. Next: {hint}."
