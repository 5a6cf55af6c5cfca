# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed keys by a logical replication slot of the source.

The slot's lines (test_decoding, part of every PostgreSQL) hold unmasked rows. They are read and taken apart inside the source:
only keys that the policy keeps, and names of tables, leave it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import Key, read_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.incremental import MOST_KEYS

FAR = 256 * 1024 * 1024  # bytes of log that a slot may hold back while nothing changes in the synchronized tables
FLUSH = 3.0  # seconds that the log is waited for; what comes later is told to the next run
STATE = """
select s.plugin::text, s.database::text = current_database(), s.active, pg_is_in_recovery(),
  (select rolsuper or rolreplication from pg_roles where rolname = current_user), coalesce(s.wal_status, '') = 'lost',
  s.confirmed_flush_lsn - '0/0'::pg_lsn
from pg_replication_slots s where s.slot_name = %s and s.slot_type = 'logical'
"""
# One column of a line: its name, its type, its value. Matching from the left takes whole values, so that a text which looks like
# a column can't pass for one.
FIELD = r"""(?:^| )("(?:[^"]|"")+"|[^\s"\[\]:]+)\[((?:"(?:[^"]|"")*"|[^\]"]|\[\])*)\]:(null|unchanged-toast-datum|B?'(?:[^']|'')*'|[^\s']+)"""
NAME = r"""(?:"(?:[^"]|"")+"|[^\s".,]+)\.(?:"(?:[^"]|"")+"|[^\s".,:]+)"""
LINE = rf"^table ({NAME}): (INSERT|UPDATE|DELETE): ?"
UNCLEAR = rf"^table ({NAME}(?:, {NAME})*): (?:(TRUNCATE): .*|(?:INSERT|UPDATE|DELETE): \(no-tuple-data\))$"
LINES = "pg_logical_slot_peek_changes(%(slot)s, null, null, 'include-timestamp', '0')"
# Commits that our snapshot saw, up to the first one that it didn't: so far the slot may go on afterwards.
SUMMARY = """
with l as materialized (select lsn, xid, data, row_number() over () as n from {lines}),
  seen as (select n, lsn, data, pg_visible_in_snapshot(
      (top - ((top - xid::text::bigint + 2147483648) %% 4294967296 - 2147483648))::text::xid8, now) as ours
    from l, (select pg_current_snapshot() as now, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as top) s where data like 'COMMIT%%')
select (select max(lsn)::text from seen where ours and n < coalesce((select min(n) from seen where not ours), 9223372036854775807)),
  array(select distinct coalesce(m[2], '') || ' ' || m[1] from l, regexp_match(data, {unclear}) m where m is not null),
  array(select distinct m[1] from l, regexp_match(data, {line}) m where m is not null)
"""
KEYS = """
select distinct {wanted} from (
  select l.n, f.part[1] as name, f.part[3] as value, row_number() over (partition by l.n, f.part[1] order by f.place) as turn
  from (select row_number() over () as n, data from {lines} where starts_with(data, {start})) l,
    regexp_matches(regexp_replace(l.data, {line}, ''), {field}, 'g') with ordinality f(part, place)
  where f.part[1] = any({names}::text[])) x
group by n, turn having count(*) = {count}
"""


class Told(NamedTuple):
    keys: list[tuple[Any, ...]]
    unclear: str  # why the keys of some changes aren't known


class Peek(NamedTuple):
    name: str
    upto: Optional[str]  # after the target's commit the slot may go on to here
    tables: dict[str, Told]
    begins: int = 0
    ends: int = 0

    @property
    def far_behind(self) -> bool:
        return self.ends - self.begins > FAR

    def follows(self, last: Optional[Mapping[str, Any]]) -> bool:
        """Whether it tells everything since the last run: that run saw it already, and nobody moved or made it anew since."""
        return last is not None and last["name"] == self.name and self.begins <= int(last["place"])


def check(source: Any, name: str) -> int:
    """Where in the log the slot begins."""
    row = source.execute(STATE, (name,)).fetchone()
    if row is None:
        raise SyncError(
            f"slot {name!r}: the source has no such logical slot; make it with select pg_create_logical_replication_slot('{name}', 'test_decoding')."
        )
    plugin, here, active, standby, allowed, lost, begins = row
    faults = [
        (plugin != "test_decoding", f"its plugin is {plugin}, and test_decoding is needed"),
        (not here, "it belongs to another database"),
        (standby, "the source is a standby, and a slot needs the primary, which accepts writes"),
        (not allowed, f"role {source.info.user} needs the attribute REPLICATION (alter role ... replication)"),
        (active, "another session uses it"),
        (lost, "the server has dropped the log that it needs (max_slot_wal_keep_size); drop it, make it again and copy in full"),
    ]
    for fault, text in faults:
        if fault:
            raise SyncError(f"slot {name!r} can't be used: {text}.")
    return int(begins)


def peek(source: Any, job: Any, sides: Any) -> Peek:
    """The keys of all rows that changed and that the snapshot sees; some that it doesn't see may be among them."""
    name = str(job.options["slot"])
    begins = check(source, name)
    ends = int(source.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()[0])
    _wait_for_log(source)
    words = {"slot": name}
    summary = SUMMARY.replace("{lines}", LINES).replace("{line}", _quoted(LINE)).replace("{unclear}", _quoted(UNCLEAR))
    upto, unclear, changed = source.execute(summary, words).fetchone()
    keys = read_keys(sides.target, sides.there, job.rules)
    owners = _owners(source, sides.here)
    found: dict[str, Told] = {}
    for text in unclear:
        act, _space, listed = text.partition(" ")
        for shown in re.findall(NAME, listed):
            for full in owners.get(shown, []):
                found[full] = Told([], "it was truncated" if act else "its replica identity names no key")
    for shown in changed:
        for full in owners.get(shown, []):
            key = keys[full]
            told = found.get(full, Told([], ""))
            if not told.unclear and key is not None and key.kept:
                found[full] = Told(sorted({*told.keys, *_keys(source, words, shown, key)}), "")
    return Peek(name, upto, found, begins, ends)


def _wait_for_log(source: Any) -> None:
    """A slot tells what is on disk; a commit that didn't wait for its flush (synchronous_commit off) follows within a moment."""
    place = source.execute("select pg_current_wal_insert_lsn()::text").fetchone()[0]
    deadline = time.monotonic() + FLUSH
    while time.monotonic() < deadline:
        # Up to the header of a page, which is no record.
        if source.execute("select pg_current_wal_flush_lsn() - %s::pg_lsn > -64", (place,)).fetchone()[0]:
            return
        time.sleep(0.02)


def _owners(source: Any, tables: dict[str, Table]) -> dict[str, list[str]]:
    """{name as the slot shows it: synchronized tables}; a partition's rows are its root's."""
    found: dict[str, list[str]] = {}
    text = "select quote_ident(%s) || '.' || quote_ident(%s)"
    for full, table in tables.items():
        for schema, name in [(table.schema, table.name), *[(leaf.schema, leaf.name) for leaf in table.leaves]]:
            found.setdefault(source.execute(text, (schema, name)).fetchone()[0], []).append(full)
    return found


def _keys(source: Any, words: dict[str, Any], shown: str, key: Key) -> list[tuple[Any, ...]]:
    quoted = [source.execute("select quote_ident(%s)", (name,)).fetchone()[0] for name in key.columns]
    value = "max(case when value like '''%%' then replace(substr(value, 2, length(value) - 2), '''''', '''') else value end) filter (where name = {})"
    text = KEYS
    for place, part in {
        "{lines}": LINES,
        "{line}": _quoted(LINE),
        "{field}": _quoted(FIELD),
        "{start}": _quoted(f"table {shown}: "),
        "{names}": _quoted("{" + ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in quoted) + "}"),
        "{count}": str(len(quoted)),
        "{wanted}": ", ".join(value.replace("{}", _quoted(name)) for name in quoted),
    }.items():
        text = text.replace(place, part)
    rows = source.execute(text + f" limit {MOST_KEYS + 1}", words).fetchall()
    if len(rows) > MOST_KEYS:
        raise NeedsFull(f"{shown}: more than {MOST_KEYS} changed keys wait in the slot.")
    return [tuple(row) for row in rows]


def _quoted(text: str) -> str:
    return str(sql.Literal(text).as_string(None)).replace("%", "%%")


def advance(job: Any, peek: Peek) -> None:
    """After the target's commit: what it holds need not be told again. A failure costs a repetition, no row."""
    if peek.upto is None:
        return
    source = connect(job.source, role="source")
    try:
        source.execute("select pg_replication_slot_advance(%s, %s::pg_lsn)", (peek.name, peek.upto))
    finally:
        source.close()
