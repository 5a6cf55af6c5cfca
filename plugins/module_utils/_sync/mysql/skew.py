# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of migration tools in a MariaDB or MySQL database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, describe, name, pymysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import TOOLS_KNOWN, Record, record, tool_of

FOUND = "select table_name, column_name from information_schema.columns where table_schema = %s order by 1, 2"


def read(place: Mapping[str, Any], *, role: str) -> list[Record]:
    connection = connect(place, role=role)
    try:
        return records(connection)
    except pymysql.MySQLError as exc:
        raise SyncError(f"Can't read the record of migrations of the {role} database {place.get('dbname')}: {describe(exc)}") from None
    finally:
        connection.close()


def records(connection: Any) -> list[Record]:
    known = {tool.table for tool in TOOLS_KNOWN}
    columns: dict[str, list[str]] = {}
    for table, column in connection.rows(FOUND, (connection.database,)):
        columns.setdefault(table, []).append(column)
    found = []
    for table in sorted(columns):
        tool = tool_of(table, columns[table]) if table.casefold() in known else None
        if tool:
            text = re.sub(r"\[(\w+)\]", r"`\1`", tool.query).replace("{t}", name(connection.database, table))
            place = next((other for other in columns if other.casefold() == "ar_internal_metadata"), "") if tool.name == "rails" else ""
            row = connection.one(f"select value from {name(connection.database, place)} where `key` = 'environment'") if place else ()
            found.append(record(tool, f"{connection.database}.{table}", connection.rows(text), environment=str(row[0]) if row else ""))
    return found
