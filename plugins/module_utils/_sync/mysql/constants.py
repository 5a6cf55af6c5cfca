# SPDX-License-Identifier: GPL-3.0-or-later
"""A constant as the column that takes it shows it: the target tries it on before anything moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import describe, is_error, literal, name

TABLE = "evenkeel_constant"  # temporary, of this session alone


def fitted(target: Any, tables: Mapping[str, Table], rules: Mapping[str, Mapping[str, Rule]]) -> tuple[dict[str, dict[str, Rule]], list[str]]:
    """(the rules with constants as fields of a line, faults)."""
    made = {full: dict(each) for full, each in rules.items()}
    faults: list[str] = []
    for full, table in tables.items():
        for column in table.stored:
            rule = made[full].get(column.name)
            if rule is None or rule.mask != "constant":
                continue
            value = str(rule.options.get("value", ""))
            try:
                made[full][column.name] = rule._replace(options={**rule.options, "line": _tried(target, table, column, value)})
            except Exception as exc:
                if not is_error(exc):
                    raise
                faults.append(f"{full}.{column.name}: constant: {value!r} is no {column.type}: {describe(exc)}")
    return made, faults


def _tried(target: Any, table: Table, column: Column, value: str) -> str:
    place, charset = name(target.database, TABLE), table.charsets[column.name]
    words = f" character set {charset} collate {column.collation}" if charset and column.collation and column.type != "json" else ""
    target.run(f"create temporary table {place} ({name(column.name)} {column.type}{words})")
    try:
        target.run(f"insert into {place} values ({literal(value)})")
        alone = table._replace(schema=target.database, name=TABLE, columns=[column._replace(not_null=True)])
        (text,) = target.one(f"select cast({statement.line(alone)} as binary) {statement.rows_of(alone)}")
        return bytes(text).decode("utf-8")
    finally:
        target.run(f"drop temporary table {place}")
