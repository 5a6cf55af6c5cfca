# SPDX-License-Identifier: GPL-3.0-or-later
"""The append-only store of entries, on SQLite or PostgreSQL."""

from __future__ import annotations

import json
import operator
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor as actors
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical, engine, ids, leases, state
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry, NewEntry, check, clean
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Redactor, Secret, known_secrets
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import archived
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from sqlalchemy import Connection, Engine, Select, func, select, text

BATCH = 1000
_COLUMNS = ("id", "stream", "seq", "time", "kind", "phase", "environment", "release", "subject")
_WRITTEN = (*_COLUMNS, "bytes", "hash")
_values = operator.itemgetter(*_COLUMNS)
# In the words of the driver: what a query language adds to each row costs as much as writing it. Values are parameters, here as well.
_NAMES = ", ".join(f'"{name}"' for name in _WRITTEN)
_INSERT = {
    dialect: f"INSERT INTO evenkeel_entries ({_NAMES}) VALUES ({', '.join([mark] * len(_WRITTEN))})"  # noqa: S608 - no data is in this text
    for dialect, mark in (("sqlite", "?"), ("postgresql", "%s"))
}

# Made once: making a query takes longer than the database needs to answer it.
_before = table.alias("before")
# Asked only for the first entry of a stream and for the first that is left of one.
_elsewhere = select(archived.c.head).where(archived.c.stream == table.c.stream, archived.c.last == table.c.seq - 1).scalar_subquery()
_ENTRIES: Select[Any] = select(table.c.id, table.c.bytes, table.c.hash, func.coalesce(_before.c.hash, _elsewhere).label("prev")).outerjoin(
    _before, (_before.c.stream == table.c.stream) & (_before.c.seq == table.c.seq - 1)
)


class _Together(threading.local):
    """Of a thread: the process and the connection that it reads with while it reads together."""

    reader: tuple[int, Connection | None] = (0, None)


class Head(NamedTuple):
    """The last entry of a stream. Whoever remembers it notices when the tail is cut off."""

    stream: str
    seq: int
    id: str
    time: str
    hash: str


def open_store(
    url: str,
    *,
    actor: Mapping[str, Any] | None = None,
    secrets: Iterable[str | Secret] = (),
    clock: Callable[[], int] = ids.now_us,
) -> Store:
    """`secrets` are values to remove from every string, beside those that the environment names; raises LedgerError."""
    return Store(url, actor=actor or actors.detect(os.environ, {}), secrets=secrets, clock=clock)


def exists(url: str) -> bool:
    """Whether there is something to read: reading must not create a file. A database server is asked when it is opened."""
    parsed = engine.parse(url)
    return parsed.get_backend_name() != "sqlite" or Path(str(parsed.database)).exists()


class Store:
    def __init__(self, url: str, *, actor: Mapping[str, Any], secrets: Iterable[str | Secret], clock: Callable[[], int]) -> None:
        self.url = engine.parse(url)
        self.actor = dict(actor)
        password = [str(self.url.password)] if self.url.password else []
        self._secrets: set[str | Secret] = {*secrets, *password, *known_secrets(os.environ)}
        self._redact = Redactor(self._secrets)
        self._plain_actor = self._redact(self.actor)
        self._clock = clock
        self._engine = engine.connect(self.url)
        self._pid = os.getpid()
        self._together = _Together()
        self.prefix = engine.spool_prefix(self._engine, self.url)

    @property
    def name(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def append(self, new: Sequence[NewEntry], *, durable: bool = True) -> list[Entry]:
        """All of them or none, in this order, in one transaction; on return they are on disk, unless not `durable`."""
        return self.append_clean([self.clean(entry) for entry in new], durable=durable)  # before the lock is taken: it is the slow part

    def append_clean(self, ready: Sequence[dict[str, Any]], *, durable: bool = True) -> list[Entry]:
        """append() of what was cleaned before."""
        if not ready:
            return []
        with self.writing(durable=durable) as connection:
            return self.append_in(connection, ready)

    def append_in(self, connection: Connection, ready: Sequence[dict[str, Any]]) -> list[Entry]:
        heads = {stream: self._lock_head(connection, stream) for stream in sorted({fields["stream"] for fields in ready})}
        now = self.now(connection)
        written, rows = [], []
        for fields in ready:
            seq, last, previous = heads[fields["stream"]]
            # Time never runs backwards in a stream, whatever the clocks of its writers do: ids keep the order of seq.
            moment = max(now, last + 1)
            content = {**fields, "seq": seq + 1, "id": ids.new_id(moment), "time": ids.at(moment)}
            data = canonical.dumps(content)
            digest = canonical.link(previous, data)
            heads[fields["stream"]] = (seq + 1, moment, digest)
            rows.append((*_values(content), data, digest))
            written.append(Entry(**content, prev=previous.hex(), hash=digest.hex()))
        connection.exec_driver_sql(_INSERT[connection.dialect.name], rows)
        state.note(connection, written)
        return written

    def clean(self, entry: NewEntry) -> dict[str, Any]:
        """What append() would write: the fields without seq, id and time."""
        if self.prefix:
            entry = replace(entry, stream=self.own_stream(entry.stream))
        check(entry)
        return clean(entry, actor=self._plain_actor, redact=self._redact)

    def own_stream(self, stream: str) -> str:
        """A spool has streams of its own, see spool.py."""
        return f"{self.prefix}:{stream}" if self.prefix else stream

    def _lock_head(self, connection: Connection, stream: str) -> tuple[int, int, bytes]:
        """(seq, time, hash) of the last entry."""
        self.lock(connection, stream)
        last = select(table.c.seq, table.c.time, table.c.hash).where(table.c.stream == stream).order_by(table.c.seq.desc()).limit(1)
        row = connection.execute(last).one_or_none()
        return (row.seq, ids.microseconds(row.time), bytes(row.hash)) if row else (0, 0, canonical.GENESIS)

    @staticmethod
    def lock(connection: Connection, stream: str) -> None:
        """Nobody else can append to the stream until the transaction ends. SQLite has one writer anyway."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"evenkeel:{stream}"})

    def now(self, connection: Connection) -> int:
        """Several controllers share a PostgreSQL store: its clock is the one they agree on."""
        if connection.dialect.name == "postgresql":
            return int(connection.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")).scalar_one())
        return self._clock()

    def entries(
        self,
        *,
        kind: str | Sequence[str] | None = None,
        phase: str | Sequence[str] | None = None,
        environment: str | None = None,
        release: str | None = None,
        subject: str | Sequence[str] | None = None,
        stream: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Entry]:
        """Entries in the order of their ids, which is the order of time; `after` is an id and is left out itself."""
        wanted = {"kind": kind, "phase": phase, "environment": environment, "release": release, "subject": subject, "stream": stream}
        conditions = [table.c[name] == value if isinstance(value, str) else table.c[name].in_(value) for name, value in wanted.items() if value is not None]
        if after is not None:
            conditions.append(table.c.id > after)
        order = table.c.id.desc() if newest_first else table.c.id
        return self.select(lambda query: query.where(*conditions).order_by(order).limit(limit))

    def select(self, narrow: Callable[[Select[Any]], Select[Any]]) -> list[Entry]:
        """The entries of a narrowed query over the table of entries, in its order."""
        with self.reading() as connection:
            rows = connection.execute(narrow(_ENTRIES)).all()
        return [_entry(row.id, bytes(row.bytes), prev=bytes(row.prev or canonical.GENESIS), digest=bytes(row.hash)) for row in rows]

    def following(self, stream: str, seq: int, *, limit: int = BATCH) -> list[Entry]:
        """The next entries of the stream after that number, in its own order."""
        return self.select(lambda query: query.where(table.c.stream == stream, table.c.seq > seq).order_by(table.c.seq).limit(limit))

    def find(self, entry_id: str) -> Entry | None:
        found = self.select(lambda query: query.where(table.c.id == entry_id))
        return found[0] if found else None

    def heads(self) -> dict[str, Head]:
        newest = select(table.c.stream, func.max(table.c.seq).label("seq")).group_by(table.c.stream).subquery()
        query: Select[Any] = select(table.c.stream, table.c.seq, table.c.id, table.c.time, table.c.hash).join(
            newest, (table.c.stream == newest.c.stream) & (table.c.seq == newest.c.seq)
        )
        with self.reading() as connection:
            rows = connection.execute(query.order_by(table.c.stream)).all()
        return {row.stream: Head(row.stream, row.seq, row.id, row.time, bytes(row.hash).hex()) for row in rows}

    def archives(self) -> dict[str, tuple[int, bytes]]:
        """{stream: (seq, hash)} of the last entry that lies in an archive."""
        query = select(archived.c.stream, archived.c.last, archived.c.head).order_by(archived.c.stream, archived.c.first)
        with self.reading() as connection:
            return {row.stream: (row.last, bytes(row.head)) for row in connection.execute(query)}

    def raw(self, *, batch: int = BATCH) -> Iterator[Sequence[Any]]:
        """Every row by stream and seq, as plain tuples in batches: (stream, seq, bytes, hash, *indexed columns)."""
        columns = [table.c[name] for name in ("stream", "seq", "bytes", "hash", "id", "time", "kind", "phase", "environment", "release", "subject")]
        query = select(*columns).order_by(table.c.stream, table.c.seq)
        with self.reading() as connection:
            yield from connection.execution_options(yield_per=batch).execute(query).partitions()

    def acquire(self, name: str, **options: Any) -> dict[str, Any]:
        return leases.acquire(self, name, **options)

    def renew(self, name: str, token: int, **options: Any) -> dict[str, Any]:
        return leases.renew(self, name, token, **options)

    def release(self, name: str, token: int, **options: Any) -> dict[str, Any]:
        return leases.release(self, name, token, **options)

    def lease(self, name: str) -> dict[str, Any] | None:
        return leases.find(self, name)

    def leases(self) -> list[dict[str, Any]]:
        return leases.held(self)

    def writing(self, *, durable: bool = True) -> AbstractContextManager[Connection]:
        return engine.writing(self._database(), self.url, durable=durable)

    def reading(self) -> AbstractContextManager[Connection]:
        pid, connection = self._together.reader
        return nullcontext(connection) if connection is not None and pid == os.getpid() else engine.reading(self._database(), self.url)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread reads meanwhile it reads in one transaction: many small questions cost no more than they must. Not for what also writes."""
        with self.reading() as connection:
            before, self._together.reader = self._together.reader, (os.getpid(), connection)
            try:
                yield
            finally:
                self._together.reader = before

    def _database(self) -> Engine:
        if self._pid != os.getpid():  # a connection is not shared with a forked worker
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        return self._engine

    def hide(self, secrets: Iterable[str | Secret]) -> None:
        """More values to remove from now on."""
        if not self._secrets.issuperset(new := set(secrets)):
            self._secrets |= new
            self._redact = Redactor(self._secrets)
            self._plain_actor = self._redact(self.actor)

    def redact(self, text: str) -> str:
        return self._redact.text(text)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _entry(entry_id: str, data: bytes, *, prev: bytes, digest: bytes) -> Entry:
    try:
        return Entry(**json.loads(data), prev=prev.hex(), hash=digest.hex())
    except (ValueError, TypeError):
        raise LedgerError(f"Entry {entry_id} of the ledger can't be read: its bytes were changed. Next: run evenkeel.release.ledger_verify.") from None
