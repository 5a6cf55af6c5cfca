# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports psycopg. Version 3 only: psycopg2 writes bound values, so the key, into the SQL text."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

psycopg: Any
sql: Any
try:
    import psycopg as _psycopg
    from psycopg import sql as _sql

    psycopg, sql = _psycopg, _sql
    # It tells of errors that it ignores, with all that the server said: not on our standard error.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    AVAILABLE = True
except ImportError:
    psycopg = sql = None
    AVAILABLE = False

NEEDS = "psycopg 3 in the Python that runs it (pip install 'psycopg[binary]'); psycopg2 doesn't do, because it would write the masking key into SQL text."
# Fixed, so that a value has one text on every server; UTC so that a day has 24 hours.
SETTINGS = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "search_path": "pg_catalog",
    "row_security": "off",
    "jit": "off",  # compiling the masks takes longer than running them
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "log_parameter_max_length_on_error": "0",
    "application_name": "evenkeel data_sync",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# One process per worker: a live source keeps its other cores.
READING = {"client_min_messages": "error", "max_parallel_workers_per_gather": "0", "work_mem": "64MB"}
# What fills the shadow needs no flush of its own: the swap, which is flushed, comes later in the same log. A killed
# synchronization must not keep a server process, and its locks, busy.
WRITING = {"synchronous_commit": "off", "client_connection_check_interval": "1s", "maintenance_work_mem": "256MB"}
# A connection that a firewall forgot, or whose other end lost its power, is noticed after a minute, here and there.
ALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
LOCK_TIMEOUT = 30.0
PUBLIC_CLASSES = ("08", "25", "28", "3D", "3F", "42", "53", "55", "57")  # their messages can't hold a row's value


def public(code: str, message: str) -> str:
    """The message of an error that can't quote a row; of all others nothing."""
    return message if code[:2] in PUBLIC_CLASSES or code == "40P01" else ""


def fields_of(message: bytes) -> dict[str, str]:
    """The fields of an error as the protocol writes them."""
    parts = [part.decode("utf-8", "replace") for part in message.split(b"\0") if part]
    return {part[:1]: part[1:] for part in parts}


def report(fields: Mapping[str, str], *, kind: str = "an error") -> str:
    """A server's error without what it may quote of a row."""
    code, message = fields.get("C", ""), fields.get("M", "").strip()
    if public(code, "yes") and message:
        return message.splitlines()[0]
    place = ".".join(fields[letter] for letter in "stcn" if fields.get(letter))
    return f"{kind} (SQLSTATE {code}){' at ' + place if place else ''}; the server's log has the details"


def describe(exc: Any) -> str:
    if not exc.sqlstate:
        return (str(exc).strip().splitlines() or [type(exc).__name__])[0]
    found = exc.diag
    named = {"s": found.schema_name, "t": found.table_name, "c": found.column_name, "n": found.constraint_name}
    return report({**named, "C": exc.sqlstate, "M": found.message_primary or ""}, kind=type(exc).__name__)


def limits(params: Mapping[str, Any]) -> dict[str, str]:
    """Seconds of the options as settings of a session."""
    statement = float(params.get("statement_timeout") or 0)
    lock = params.get("lock_timeout")
    return {
        "statement_timeout": str(int(statement * 1000)),
        "lock_timeout": str(int(1000 * (LOCK_TIMEOUT if lock is None else float(lock)))),
    }


def connect(place: Mapping[str, Any], *, role: str, settings: Mapping[str, str] | None = None) -> Any:
    words = {key: place[key] for key in ("host", "port", "dbname", "user", "password", "sslmode") if place.get(key)}
    wanted = {**SETTINGS, **(settings or {})}
    try:
        found = psycopg.connect(autocommit=True, connect_timeout=15, prepare_threshold=None, **ALIVE, **words)
        calls = ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(wanted))
        found.execute(f"select {calls}", [word for pair in wanted.items() for word in pair])
    except psycopg.Error as exc:
        where = f"{place.get('host')}:{place.get('port')}/{place.get('dbname')}"
        raise SyncError(f"Can't open the {role} database {where} as {place.get('user')}: {describe(exc)}") from None
    return found


def connect_source(params: Mapping[str, Any]) -> Any:
    return connect(params["source"], role="source", settings={**READING, **limits(params)})


def connect_target(params: Mapping[str, Any]) -> Any:
    return connect(params["target"], role="target", settings={**WRITING, "lock_timeout": limits(params)["lock_timeout"]})
