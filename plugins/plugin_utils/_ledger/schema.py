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

# The audit trail is most of a ledger and is never looked up by subject or release: its entries pay for no further index.
NOT_AUDIT = "kind NOT IN ('play', 'run', 'task')"
# Subjects are found by how they begin, which in the order of most languages is no range: PostgreSQL is told to compare bytes, as SQLite does.
COLLATIONS = {"sqlite": "BINARY", "postgresql": "C"}


def _indexes(dialect: str) -> tuple[str, ...]:
    subject = f'subject COLLATE "{COLLATIONS[dialect]}"'
    return (
        f"CREATE INDEX IF NOT EXISTS evenkeel_entries_subject ON evenkeel_entries (kind, environment, {subject}, id) WHERE {NOT_AUDIT}",
        f"CREATE INDEX IF NOT EXISTS evenkeel_entries_release ON evenkeel_entries (release, kind, id) WHERE {NOT_AUDIT}",
    )


# Which entries say how things stand now, so that nobody has to read what came before: see state.py. Only a memory aid of what the entries say.
state = Table(
    "evenkeel_state",
    metadata,
    Column("view", String(16), primary_key=True),  # open, deployed
    Column("environment", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the intent's id, the service
    Column("entry", String(36), nullable=False),
    Index("evenkeel_state_key", "key"),
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

waiters = Table(
    "evenkeel_waiters",
    metadata,
    Column("name", String(255), primary_key=True),  # of the lease
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),  # in the order of coming
    Column("priority", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("host_id", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("since", String(27), nullable=False),
    Column("seen", String(27), nullable=False),
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

archived = Table(
    "evenkeel_archived",
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("head", LargeBinary(32), nullable=False),  # hash of the last one: the next one follows it
    Column("leaves", LargeBinary, nullable=False),  # 32 bytes each: the tree needs no more of them
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
)

_GUARDED = ("evenkeel_entries", "evenkeel_checkpoints", "evenkeel_archived")
# Nothing goes but what lies in an archive.
_KEPT = "OLD.seq > coalesce((SELECT max(last) FROM evenkeel_archived a WHERE a.stream = OLD.stream), 0)"
_REFUSED = "SELECT RAISE(ABORT, 'the ledger is append-only')"
_SQLITE_GUARDS = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} ON {table} BEGIN {_REFUSED}; END"
        for table in _GUARDED
        for act in ("UPDATE", "DELETE")
        if (table, act) != ("evenkeel_entries", "DELETE")
    ),
    "DROP TRIGGER IF EXISTS evenkeel_entries_no_delete",
    f"CREATE TRIGGER evenkeel_entries_no_delete BEFORE DELETE ON evenkeel_entries WHEN {_KEPT} BEGIN {_REFUSED}; END",
)
_POSTGRESQL_GUARDS = (
    "CREATE OR REPLACE FUNCTION evenkeel_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    *(
        f"CREATE OR REPLACE TRIGGER {table}_guard BEFORE {acts} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_append_only()"
        for table, acts in (
            ("evenkeel_entries", "UPDATE OR TRUNCATE"),
            ("evenkeel_checkpoints", "UPDATE OR DELETE OR TRUNCATE"),
            ("evenkeel_archived", "UPDATE OR DELETE OR TRUNCATE"),
        )
    ),
    f"""CREATE OR REPLACE FUNCTION evenkeel_archived_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF {_KEPT} THEN RAISE EXCEPTION 'the ledger is append-only'; END IF; RETURN OLD; END $$""",
    "CREATE OR REPLACE TRIGGER evenkeel_entries_kept BEFORE DELETE ON evenkeel_entries FOR EACH ROW EXECUTE FUNCTION evenkeel_archived_only()",
)


def create(connection: Connection) -> None:
    metadata.create_all(connection)
    for statement in _indexes(connection.dialect.name):
        connection.execute(text(statement))
    for statement in _SQLITE_GUARDS if connection.dialect.name == "sqlite" else _POSTGRESQL_GUARDS:
        connection.execute(text(statement))
