# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of migration tools in a PostgreSQL database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect, describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import TOOLS_KNOWN, Record, Tool, record, tool_of

FOUND = """
select n.nspname, c.relname, array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and lower(c.relname) = any(%s) and n.nspname !~ '^(pg_|evenkeel(_new_.*|_old_.*)?$)' and n.nspname <> 'information_schema'
order by 1, 2
"""


def read(place: Mapping[str, Any], *, role: str) -> list[Record]:
    connection = connect(place, role=role)
    try:
        return records(connection)
    except psycopg.Error as exc:
        raise SyncError(f"Can't read the record of migrations of the {role} database {place.get('dbname')}: {describe(exc)}") from None
    finally:
        connection.close()


def records(connection: Any) -> list[Record]:
    """On a connection that may be inside of a transaction; reads only."""
    found = []
    for schema, table, columns in connection.execute(FOUND, ([tool.table for tool in TOOLS_KNOWN],)).fetchall():
        tool = tool_of(table, columns)
        if tool:
            rows = connection.execute(_query(tool, schema, table)).fetchall()
            found.append(record(tool, f"{schema}.{table}", rows, environment=_environment(connection, schema) if tool.name == "rails" else ""))
    return found


def _query(tool: Tool, schema: str, table: str) -> Any:
    return sql.SQL(re.sub(r"\[(\w+)\]", r'"\1"', tool.query)).format(t=sql.Identifier(schema, table))


def _environment(connection: Any, schema: str) -> str:
    there = connection.execute("select to_regclass(format('%%I.ar_internal_metadata', %s::text)) is not null", (schema,)).fetchone()[0]
    if not there:
        return ""
    row = connection.execute(sql.SQL("select value from {} where key = 'environment'").format(sql.Identifier(schema, "ar_internal_metadata"))).fetchone()
    return str(row[0]) if row else ""
