# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports psycopg. Version 3 only: psycopg2 writes bound values, so the key, into the SQL text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

psycopg: Any
sql: Any
try:
    import psycopg as _psycopg
    from psycopg import sql as _sql

    psycopg, sql = _psycopg, _sql
    HAS_PSYCOPG = True
except ImportError:
    psycopg = sql = None
    HAS_PSYCOPG = False

MISSING = (
    "data_sync needs psycopg 3 in the Python that runs it (pip install 'psycopg[binary]'); "
    "psycopg2 doesn't do, because it would write the masking key into SQL text."
)
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
}
PUBLIC_CLASSES = ("08", "25", "28", "3D", "3F", "42", "53", "55", "57")  # their messages can't hold a row's value


class SyncError(Exception):
    """One clear report: what was done to which object, what was found, what helps."""


def describe(exc: Any) -> str:
    """A server's error without what it may quote of a row."""
    code = exc.sqlstate or ""
    if not code or code[:2] in PUBLIC_CLASSES:
        return (exc.diag.message_primary or str(exc)).strip().splitlines()[0]
    named = [exc.diag.schema_name, exc.diag.table_name, exc.diag.column_name, exc.diag.constraint_name]
    place = ".".join(part for part in named if part)
    return f"{type(exc).__name__} (SQLSTATE {code}){' at ' + place if place else ''}; the server's log has the details"


def connect(place: Mapping[str, Any], *, role: str) -> Any:
    words = {key: place[key] for key in ("host", "port", "dbname", "user", "password", "sslmode") if place.get(key)}
    try:
        found = psycopg.connect(autocommit=True, connect_timeout=15, prepare_threshold=None, **words)
        calls = ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(SETTINGS))
        found.execute(f"select {calls}", [word for pair in SETTINGS.items() for word in pair])
    except psycopg.Error as exc:
        where = f"{place.get('host')}:{place.get('port')}/{place.get('dbname')}"
        raise SyncError(f"Can't open the {role} database {where} as {place.get('user')}: {describe(exc)}") from None
    return found
