# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind for the next one: which row versions both sides held, so that newer ones tell what changed.

A version of a row never changes in its place, and whoever makes a new one signs it (xmin). A version that the snapshot of the
last run had not seen is thus an insert or an update since, without any column that says so; what was deleted is missing in the count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import fingerprint
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

OLDEST = 1_500_000_000  # transactions: numbers wrap after two thousand million
MOST_OWN = 500  # runs whose numbers are kept before a full or differential run has to draw a line
HORIZON = """
select (select system_identifier from pg_control_system())::text,
  case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())::text
       else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int::text end,
  pg_current_snapshot()::text
"""
NUMBERS = """
select a.attrelid::bigint, string_agg(a.attnum::text, ',' order by a.attnum) from pg_attribute a
where a.attrelid = any(%s::oid[]) and a.attnum > 0 and not a.attisdropped group by 1
"""


class Horizon(NamedTuple):
    """Everything that one server had committed at a moment; `own` are later transactions that were ours."""

    system: str
    timeline: str
    snapshot: str
    own: tuple[int, ...] = ()

    @property
    def oldest(self) -> int:
        return int(self.snapshot.split(":")[0])

    @property
    def next(self) -> int:
        return int(self.snapshot.split(":")[1])

    @property
    def running(self) -> list[int]:
        return [int(word) for word in self.snapshot.split(":")[2].split(",") if word]

    def dump(self) -> dict[str, Any]:
        return {"system": self.system, "timeline": self.timeline, "snapshot": self.snapshot, "own": list(self.own)}


def load(found: Mapping[str, Any]) -> Horizon:
    return Horizon(found["system"], str(found["timeline"]), found["snapshot"], tuple(found.get("own") or ()))


def horizon(connection: Any) -> Horizon:
    row = connection.execute(HORIZON).fetchone()
    return Horizon(*row)


def distrust(then: Horizon, now: Horizon, *, side: str) -> str:
    """Why the versions of `then` say nothing about now; empty when they do."""
    if then.system != now.system:
        return f"the {side} is another cluster than at the last run"
    if then.timeline != now.timeline:
        return f"the {side} was restored or failed over since the last run (timeline {then.timeline}, now {now.timeline})"
    if now.next < then.next or now.next - then.oldest > OLDEST:
        return f"the transaction numbers of the {side} went too far since the last run"
    return ""


def _wrapped(number: int) -> int:
    return max(number % 2**32, 3)


def newer(then: Horizon) -> Any:
    """Condition over alias t: this version was not there at `then`, and not made by us since. A row frozen long ago has the greatest age."""
    text = sql.SQL("age(t.xmin) <= (select age({}::xid))").format(sql.Literal(str(_wrapped(then.next))))
    if then.running:
        text = sql.SQL("({} or t.xmin = any({}::xid[]))").format(text, _numbers(then.running))
    if then.own:
        text = sql.SQL("({} and t.xmin <> all({}::xid[]))").format(text, _numbers(list(then.own)))
    return text


def _numbers(found: list[int]) -> Any:
    return sql.Literal("{" + ",".join(str(_wrapped(number)) for number in found) + "}")


def shape(job: Any, sides: Any) -> str:
    """Changes whenever the same source rows could give other target rows: the policy, the key, the columns."""
    columns = {name: [list(column[:4]) for column in table.columns] for name, table in sides.here.items()}
    words = json.dumps([job.policy["tables"], columns, job.policy["name"]], sort_keys=True, default=str)
    return fingerprint(job.key, words)


def numbers(connection: Any, tables: Mapping[str, Table]) -> dict[str, str]:
    """{table: numbers of its columns}: a column that was dropped and made again has a new one, and its rows no new version."""
    names = {table.oid: name for name, table in tables.items()}
    rows = connection.execute(NUMBERS, (list(names),)).fetchall()
    return {names[oid]: f"{oid}:{text}" for oid, text in rows}


class Known(NamedTuple):
    """The mark of the last run."""

    source: Horizon
    target: Horizon
    shape: str
    rows: dict[str, int]
    numbers: dict[str, str]
    watermarks: dict[str, Optional[str]]
    rate: float
    slot: Optional[dict[str, Any]]  # its name, and where the log ended when the last run saw it
    unasked: tuple[str, ...] = ()  # tables of which that run asked a watermark alone

    def dump(self) -> dict[str, Any]:
        return {**self._asdict(), "source": self.source.dump(), "target": self.target.dump()}


def parse(state: Mapping[str, Any]) -> Optional[Known]:
    found = state.get("delta")
    if not found:
        return None
    return Known(
        load(found["source"]),
        load(found["target"]),
        found["shape"],
        dict(found["rows"]),
        dict(found["numbers"]),
        dict(found.get("watermarks") or {}),
        float(found.get("rate") or 0.0),
        found.get("slot"),
        tuple(found.get("unasked") or ()),
    )
