# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables, and the guards that make the ledger append-only for whoever uses the database by hand."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, MetaData, String, Table, Text, UniqueConstraint, text

metadata = MetaData()

entries = Table(
    "evenkeel_entries",
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False),
    Column("time", String(27), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("environment", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("bytes", LargeBinary, nullable=False),  # exactly what was hashed
    Column("hash", LargeBinary(32), nullable=False),
    UniqueConstraint("id", name="evenkeel_entries_id"),
    Index("evenkeel_entries_kind", "kind", "environment", "id"),
)

leases = Table(
    "evenkeel_leases",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("token", BigInteger, nullable=False),  # fencing: only ever grows, so the row stays after a release
    Column("held", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("host_id", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("since", String(27), nullable=False),
    Column("until", String(27), nullable=False),
    Column("heartbeat", String(27), nullable=False),
    Column("release", Text, nullable=False),
    Column("message", Text, nullable=False),
)

checkpoints = Table(
    "evenkeel_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),  # leaves of the tree
    Column("time", String(27), nullable=False),
    Column("parts", Text, nullable=False),  # [[stream, first, last]]: what it took into the tree, in this order
    Column("roots", LargeBinary, nullable=False),  # of the tree's complete subtrees: all that the next one needs
    Column("note", Text, nullable=False),  # exactly what was signed
)

_SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for table in ("evenkeel_entries", "evenkeel_checkpoints")
    for act in ("UPDATE", "DELETE")
)
_POSTGRESQL_GUARDS = (
    "CREATE OR REPLACE FUNCTION evenkeel_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    *(
        f"CREATE OR REPLACE TRIGGER {table}_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_append_only()"
        for table in ("evenkeel_entries", "evenkeel_checkpoints")
    ),
)


def create(connection: Connection) -> None:
    metadata.create_all(connection)
    for statement in _SQLITE_GUARDS if connection.dialect.name == "sqlite" else _POSTGRESQL_GUARDS:
        connection.execute(text(statement))
