# SPDX-License-Identifier: GPL-3.0-or-later
"""Both sides compared by content: sums of hashes over ranges of keys, then only the rows of ranges that differ."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import subkey
from ansible_collections.evenkeel.release.plugins.module_utils._sync import merkle
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import buckets
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import carry, give_out, make, names
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of

PURPOSE = "delta/rows"


def seed_of(key: str) -> int:
    return int.from_bytes(subkey(key, PURPOSE)[:8], "big", signed=True)


def rows_differ(job: Any, worker: Any, item: Any) -> tuple[merkle.Cut, list[int]]:
    """Ranges of keys in which the masked rows of the source aren't those of the target."""
    for connection in (worker.source, worker.target):
        buckets.seed(connection, seed_of(job.key))
    parts = buckets.find_cut(worker.source, item.table, item.key, item.rows)
    here = buckets.rows_here(worker.source, job, item.table, item.key, parts)
    return parts, merkle.differing(here, buckets.rows_there(worker.target, item.live, item.key, parts))


def keys_differ(job: Any, worker: Any, item: Any) -> bool:
    parts = buckets.find_cut(worker.source, item.table, item.key, item.rows)
    here = buckets.keys_here(worker.source, job, item.table, item.key, parts)
    return bool(merkle.differing(here, buckets.keys_there(worker.target, item.live, item.key, parts, None)))


def compare(run: Any, item: Any, stage: Any) -> Any:
    """Rows of differing ranges go into the stage; returns the keys that only the target has."""
    parts, found = item.cutting
    _fetch(run, item, parts, found, stage)
    return _doomed(run, item, parts, found, stage)


def _fetch(run: Any, item: Any, parts: merkle.Cut, found: list[int], stage: Any) -> None:
    """Kept keys choose rows before they are masked, masked ones after."""
    if not found:
        return
    before = buckets.within(item.key, parts, found, "t") if item.key.kept else None
    after = None if item.key.kept else buckets.within(item.key, parts, found, "m")
    text = give_out(run.job, item.table, condition=before, after=after)
    _rows, size = carry(run.source, run.target, text, place=stage, table=item.live)
    run.sizes[item.table.full] = run.sizes.get(item.table.full, 0) + size


def _doomed(run: Any, item: Any, parts: merkle.Cut, found: list[int], alive: Any) -> Any:
    """Keys of the target in these ranges that are not among the living."""
    place = run.place("gone", item)
    make(run.target, place, item.live, item.key.columns)
    text = sql.SQL("insert into {} select {} from {} t where {} and not exists (select from {} a where {})")
    run.target.execute(text.format(place, item.key.of("t"), rows_of(item.live), buckets.within(item.key, parts, found, "t"), alive, item.key.equal("a", "t")))
    return place


def compare_keys(run: Any, item: Any, stage: Any) -> tuple[Any, bool]:
    """(keys that only the target has, whether rows came into the stage whose keys only the source has)."""
    key = item.key
    parts = buckets.find_cut(run.source, item.table, key, item.rows)
    # Row versions and slots name every key that came: what the source holds is in the target or in the stage.
    counted = not item.check_keys and item.known_rows is not None
    with ThreadPoolExecutor(1) as pool:  # both servers at the same time
        here = pool.submit(buckets.keys_here, run.source, run.job, item.table, key, parts, counted=counted)
        there = buckets.keys_there(run.target, item.live, key, parts, stage, counted=counted)
    found = merkle.differing(here.result(), there)
    more = False
    alive = run.place("alive", item)
    make(run.target, alive, item.live, key.columns)
    if found:
        before = buckets.within(key, parts, found, "t") if key.kept else None
        after = None if key.kept else buckets.within(key, parts, found, "m")
        text = give_out(run.job, item.table, condition=before, after=after, columns=key.columns)
        carry(run.source, run.target, text, place=alive, table=item.live, columns=key.columns)
        more = _fetch_missing(run, item, parts, alive, stage)
    return _doomed(run, item, parts, found, alive), more


def _fetch_missing(run: Any, item: Any, parts: merkle.Cut, alive: Any, stage: Any) -> bool:
    """Rows that a watermark didn't tell of, or that somebody deleted in the target."""
    key = item.key
    text = sql.SQL("select distinct {} from {} a where not exists (select from {} t where {}) and not exists (select from {} s where {})")
    absent = text.format(buckets.bucket(key, parts, "a"), alive, rows_of(item.live), key.equal("t", "a"), stage, key.equal("s", "a"))
    found = [int(row[0]) for row in run.target.execute(absent).fetchall()]
    if not found:
        return False
    more = run.place("more", item)
    make(run.target, more, item.live)
    _fetch(run, item, parts, found, more)
    text = sql.SQL("insert into {} select * from {} m where not exists (select from {} s where {})")
    run.target.execute(text.format(stage, more, stage, key.equal("s", "m")))
    run.target.execute(sql.SQL("drop table {}").format(more))
    return True


def not_in(run: Any, item: Any, alive: Any) -> Any:
    place = run.place("gone", item)
    make(run.target, place, item.live, item.key.columns)
    text = sql.SQL("insert into {} select {} from {} t where not exists (select from {} a where {})")
    run.target.execute(text.format(place, item.key.of("t"), rows_of(item.live), alive, item.key.equal("a", "t")))
    return place


def whole_hash(connection: Any, table: Table, place: Optional[Any]) -> tuple[int, Any]:
    """(rows, sum of hashes) of a table without a key; both sides of the comparison are on one server."""
    text = sql.SQL("select count(*), sum(hashtextextended(row({})::text, 0)) from {} m").format(names(table, "m"), place)
    row = connection.execute(text).fetchone()
    return int(row[0]), row[1]
