# SPDX-License-Identifier: GPL-3.0-or-later
"""What is proved of rows before others see them: of a filled shadow before its swap, of what a delta moved before its commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional, TypeVar

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._sync import proof
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import copying, leaks, sampling, shadow, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import new_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import name

SMALL = 5  # rows of a group; smaller ones are counted in the report
LEAK_SAMPLE = 2000  # rows per table in which masks are compared with their values before anything moves
FEW = 500_000  # rows of all tables; hashing their values takes seconds
Found = TypeVar("Found")


class Moved(NamedTuple):
    """What a delta did to one table."""

    rows: int  # rows that it brought
    where: str  # condition over t of all rows in its reach, on both sides


def check_equal(job: Any, sides: Any, source: Any) -> None:
    """Compared inside the source, only counts leave it."""
    leaking = []
    for full, table in sides.here.items():
        checked, text = statement.equals(table, job.rules[full], sample=LEAK_SAMPLE)
        if checked:
            row = source.one(text)
            most = max(1, proof.UNCHANGED * int(row[0]))  # a mask may be its value by chance
            leaking += [f"{full}.{column}" for column, count in zip(checked, row[-len(checked) :]) if int(count or 0) > most]
    if leaking:
        raise SyncError(f"The mask equals the value in {', '.join(leaking)}. Nothing was moved; use another transformer.")


class Timer:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, step: str, act: Callable[[], Found]) -> Found:
        began = time.monotonic()
        try:
            return act()
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0.0) + time.monotonic() - began, 3)


def prove(
    job: Any,
    sides: Any,
    source: Any,
    *,
    sent: Mapping[str, list[copying.Tally]],
    arrived: Mapping[str, Mapping[int, tuple[int, int]]],
    targets: Sequence[Any],
) -> dict[str, Any]:
    """`arrived`: the checksums of the shadow's rows, by buckets. The CRCs of the lines that were sent were summed on the way.
    Those and the foreign keys are always compared, as they are what makes the copy a copy."""
    target, options, timer = sides.target, proof.read_options(job.options), Timer()
    findings: list[proof.Finding] = []
    tables: dict[str, Any] = {}
    for full, tallies in sent.items():
        rows, crc = sum(one.rows for one in tallies), sum(one.crc for one in tallies)
        there = [sum(one[place] for one in arrived[full].values()) for place in (0, 1)]
        findings += proof.count_findings(full, sent=rows, arrived=there[0], checksum_sent=str(crc), checksum=str(there[1]))
        tables[full] = {"sent": rows, "rows": there[0], "checksum": "equal" if (rows, crc) == tuple(there) else "differs"}
    synced = {table.name for table in sides.there.values()}
    keys = sum(len(table.relations) for table in sides.there.values())
    related = [table._replace(relations=[one]) for table in sides.there.values() for one in table.relations]
    timer.run("keys", lambda: copying.run_all(list(targets), related, lambda one, table, _stopped: shadow.check_foreign_keys(one, table, synced)))
    if not options.enabled:
        proof.conclude({"tables": tables}, findings)
        return {"verdict": "off"}
    new = {full: table._replace(schema=new_of(target.database)) for full, table in sides.there.items()}
    return _conclude(job, sides.here, new, source, target, tables=tables, findings=findings, keys=keys, only=None, timer=timer)


def prove_moved(job: Any, sides: Any, source: Any, target: Any, *, moved: Mapping[str, Moved], rows: Mapping[str, int], keys: int) -> dict[str, Any]:
    """In the open transaction of a delta. Each of its steps has compared counts and checksums already; `rows`: what the tables hold now."""
    if not proof.read_options(job.options).enabled:
        return {"verdict": "off"}
    tables = {full: {"sent": one.rows, "rows": rows[full], "checksum": "equal"} for full, one in moved.items()}
    only = {full: one.where for full, one in moved.items()}
    return _conclude(job, sides.here, sides.there, source, target, tables=tables, findings=[], keys=keys, only=only, timer=Timer())


def _conclude(
    job: Any,
    here: Mapping[str, Any],
    there: Mapping[str, Any],
    source: Any,
    target: Any,
    *,
    tables: dict[str, Any],
    findings: list[proof.Finding],
    keys: int,
    only: Optional[Mapping[str, str]],
    timer: Timer,
) -> dict[str, Any]:
    options = proof.read_options(job.options)
    whole = only is None or sum(table.rows for table in here.values()) <= FEW
    samples: dict[str, dict[str, Any]] = {}
    if options.remask_percent:
        pairs = [sampling.Pair(here[full], there[full], "" if only is None else only[full]) for full in tables]
        samples = timer.run(
            "sample", lambda: {pair.full: sampling.compare(job, pair, source=source, target=target, percent=options.remask_percent) for pair in pairs}
        )
    findings += sampling.findings(samples)
    leaked: dict[str, Any] = {"checked": False}
    if options.leak_scan:
        scan = leaks.Scan(job, here, there, options=options, only=only, whole_source=whole)
        leaked, found = timer.run("leaks", lambda: scan.run(source, target))
        findings += found
    crowds = timer.run("k_anonymity", lambda: anonymity(job, there, target, options))
    findings += proof.anonymity_findings(crowds, options.minimum_k)
    record = {
        "scope": "all rows" if only is None else "changed rows",
        "source_values": "all rows" if whole else "changed rows",
        "tables": tables,
        "sample": samples,
        "leaks": leaked,
        "keys": {"foreign_keys": keys},
        "k_anonymity": crowds,
        "key_id": key_id(job.key),
        "took": timer.seconds,
        "seconds": round(sum(timer.seconds.values()), 3),
    }
    return proof.conclude(record, findings)


def anonymity(job: Any, there: Mapping[str, Any], target: Any, options: proof.Options) -> dict[str, Any]:
    """How many rows of the new tables share their quasi-identifiers."""
    found: dict[str, Any] = {}
    least = max(options.minimum_k, SMALL)
    for full, table in there.items():
        columns: Sequence[str] = (job.policy["tables"].get(full) or {}).get("quasi_identifiers") or []
        if columns:
            groups = f"select count(*) as n {statement.rows_of(table)} group by {', '.join(name('t', one) for one in columns)}"
            row = target.one(f"select count(*), min(n), cast(coalesce(sum(if(n < {least}, n, 0)), 0) as signed) from ({groups}) g")
            found[full] = {"columns": list(columns), "groups": int(row[0]), "smallest": row[1], "k": least, "rows_below_k": int(row[2])}
    return found
