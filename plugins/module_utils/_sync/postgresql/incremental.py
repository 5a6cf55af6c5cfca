# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed rows by a column that grows with every change, or by known keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import Key, literal_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of

OVERLAP = 600  # seconds before the last watermark that are read again: a commit may come late with an early time
MOST_KEYS = 100_000  # keys that go into one statement
TIMES = ("timestamp with time zone", "timestamp without time zone", "date")
NUMBERS = ("smallint", "integer", "bigint")
# The oldest transaction that was writing when the snapshot was taken: what it stamped is as old as its start.
WRITING = """
select greatest({overlap}, coalesce(extract(epoch from now() - min(xact_start)), 0))::bigint from pg_stat_activity
where backend_xid is not null and pid <> pg_backend_pid()
"""


def watermarks(job: Any, sides: Any) -> dict[str, str]:
    """{table: column}, or what is wrong with the option."""
    wanted = dict(job.options.get("watermarks") or {})
    faults = []
    for name, column in wanted.items():
        table = sides.here.get(name)
        found = {one.name: one for one in table.columns}.get(column) if table else None
        if found is None:
            faults.append(f"{name}.{column}: there is no such synchronized column")
        elif job.rules[name][column].mask:
            faults.append(f"{name}.{column}: the policy masks it, so its last value may not be kept in the target; leave the watermark out")
        elif _kind(found) not in TIMES + NUMBERS:
            faults.append(f"{name}.{column}: a {found.type} can't be a watermark; a time or a whole number can")
    if faults:
        raise SyncError("\n".join(["Nothing was moved: watermarks can't be used as given.", *[f"- {fault}" for fault in faults]]))
    return wanted


def _kind(column: Any) -> str:
    """The type without its modifier."""
    return re.sub(r"\([^)]*\)", "", column.type).replace("  ", " ")


def since(table: Table, column: str, last: Optional[str]) -> Any:
    """Condition over alias t. Rows without a watermark always count; `last` already lies before commits that were in flight."""
    if last is None:
        return sql.SQL("true")
    kind = {one.name: one.type for one in table.columns}[column]
    name = sql.Identifier("t", column)
    return sql.SQL("({0} >= {1}::{2} or {0} is null)").format(name, sql.Literal(last), sql.SQL(kind))


def latest(source: Any, table: Table, column: str) -> Optional[str]:
    """The watermark to go on from, as text."""
    kind = _kind({one.name: one for one in table.columns}[column])
    name = sql.Identifier("t", column)
    text = sql.SQL("max({})::text").format(name)
    if kind in TIMES:
        seconds = source.execute(WRITING.format(overlap=OVERLAP)).fetchone()[0]
        back = sql.SQL("({} - {} * interval '1 second')").format(sql.SQL("max({})").format(name), sql.Literal(int(seconds)))
        # A time in the future would hide every change until it comes.
        text = sql.SQL("least({}::timestamptz, now() - {} * interval '1 second')::{}::text").format(back, sql.Literal(int(seconds)), sql.SQL(kind))
    found = source.execute(sql.SQL("select {} from {} t").format(text, rows_of(table))).fetchone()[0]
    return None if found is None else str(found)


def by_keys(key: Key, rows: Sequence[Sequence[Any]]) -> Any:
    return literal_keys(key, rows)
