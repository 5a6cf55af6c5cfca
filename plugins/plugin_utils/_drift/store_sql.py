# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as rows of a PostgreSQL database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_place import Shelf, StoreError
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    func,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

CONNECT_SECONDS = 10
# More parameters than that do not fit into one statement.
BATCH = 10_000
_metadata = MetaData()


def _shelf(name: str) -> Table:
    touched = Column("touched", DateTime(timezone=True), nullable=False, server_default=func.now())
    return Table(name, _metadata, Column("digest", String(64), primary_key=True), Column("bytes", LargeBinary, nullable=False), touched)


SHELVES: dict[Shelf, Table] = {"objects": _shelf("evenkeel_objects"), "records": _shelf("evenkeel_records"), "kin": _shelf("evenkeel_kin")}


class Rows:
    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.name = self._url.render_as_string(hide_password=True)
        self._engine = self._opened()

    def read(self, shelf: Shelf, key: str) -> bytes | None:
        return self.read_many(shelf, [key]).get(key)

    def read_many(self, shelf: Shelf, keys: Iterable[str]) -> dict[str, bytes]:
        table, found = SHELVES[shelf], dict[str, bytes]()
        with self._explained("Reading"), self._engine.connect() as connection:
            for some in _batches(keys):
                rows = connection.execute(select(table.c.digest, table.c.bytes).where(table.c.digest.in_(some)))
                found.update((row.digest, bytes(row.bytes)) for row in rows)
        return found

    def write(self, shelf: Shelf, key: str, data: bytes) -> None:
        new = insert(SHELVES[shelf]).values(digest=key, bytes=data)
        anew = new.on_conflict_do_update(index_elements=["digest"], set_={"bytes": new.excluded.bytes, "touched": func.now()})
        with self._writing() as connection:
            connection.execute(anew)

    def add(self, shelf: Shelf, key: str, data: bytes) -> bool:
        new = insert(SHELVES[shelf]).values(digest=key, bytes=data).on_conflict_do_nothing(index_elements=["digest"])
        with self._writing() as connection:
            return connection.execute(new.returning(SHELVES[shelf].c.digest)).first() is not None

    def touch(self, shelf: Shelf, keys: Iterable[str]) -> None:
        table = SHELVES[shelf]
        with self._writing() as connection:
            for some in _batches(keys):
                connection.execute(update(table).where(table.c.digest.in_(some)).values(touched=func.now()))

    def keys(self, shelf: Shelf) -> list[str]:
        table = SHELVES[shelf]
        with self._explained("Reading"), self._engine.connect() as connection:
            return list(connection.execute(select(table.c.digest).order_by(table.c.digest)).scalars())

    def old(self, shelf: Shelf, keys: Iterable[str], *, older_than: float) -> list[str]:
        table, found = SHELVES[shelf], list[str]()
        with self._explained("Reading"), self._engine.connect() as connection:
            for some in _batches(keys):
                found += connection.execute(select(table.c.digest).where(table.c.digest.in_(some), _before(table, older_than))).scalars()
        return found

    def remove(self, shelf: Shelf, keys: Iterable[str], *, older_than: float) -> list[str]:
        table, gone = SHELVES[shelf], list[str]()
        with self._writing() as connection:
            for some in _batches(keys):
                gone += connection.execute(delete(table).where(table.c.digest.in_(some), _before(table, older_than)).returning(table.c.digest)).scalars()
        return gone

    def _opened(self) -> Engine:
        engine = create_engine(self._url, pool_size=1, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "evenkeel"})
        with self._explained("Opening"), engine.begin() as connection:
            if not inspect(connection).has_table(SHELVES["kin"].name):
                # Two first users at once: the second one waits and finds the tables.
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('evenkeel:objects', 0))"))
                _metadata.create_all(connection)
        return engine

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._explained("Writing to"), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as exc:
            raise StoreError(self._message(doing, str(exc.orig))) from exc
        except SQLAlchemyError as exc:
            raise StoreError(self._message(doing, str(exc))) from exc

    def _message(self, doing: str, fault: str) -> str:
        fault = " ".join(fault.split())
        if self._url.password:
            fault = fault.replace(str(self._url.password), "[REDACTED]")
        return f"{doing} the object store {self.name} failed: {fault}. Check that the database is up and that this user may create and write its tables."


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    wanted = list(keys)
    for start in range(0, len(wanted), BATCH):
        yield wanted[start : start + BATCH]


def _before(table: Table, seconds: float) -> ColumnElement[bool]:
    return table.c.touched <= func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("The object store was refused: its text is not a URL. Give a folder, or postgresql://user:password@host/database.") from None
    return parsed.set(drivername="postgresql+psycopg")
