# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift events out of the ledger.

ansible-rulebook runs this file by itself, in an environment of its own: it imports neither the collection nor anything that
ansible-rulebook does not bring along, and only ever reads the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

DOCUMENTATION = r"""
---
short_description: Drift events out of the ledger
description:
  - Follows the ledger of C(evenkeel.release) and puts an event on the queue for each new result of a drift scan.
  - The event is C({"drift":{...}}) with C(environment), C(host), C(service), C(release), C(verdict), C(severity) of the worst finding,
    C(score), C(baseline), C(count), C(findings), C(more), C(entry) (the id in the ledger) and C(time).
  - The position is written after each event, so that a restart loses nothing. A process that is killed between the two repeats that one
    event; its C(entry) is the same.
  - While the ledger cannot be read it is asked again, less and less often.
options:
  ledger:
    description: Path of the SQLite file, or a URL as in C(evenkeel_ledger_url). A password is better given as C(PGPASSWORD).
    type: str
    required: true
  position:
    description: File that keeps how far the ledger was read. Its folder is made when absent.
    type: str
    required: true
  start:
    description: Where to begin when there is no position yet, V(now) or V(beginning).
    type: str
    default: now
  environments:
    description: Events of these environments only. Empty means all.
    type: list
    default: []
  min_severity:
    description:
      - Only results with a finding of this severity or above, V(critical), V(high), V(medium), V(low) or V(cosmetic); other findings are left out.
      - Empty means every result, also those that found nothing any more.
    type: str
    default: ""
  changes_only:
    description: No event when a host's service has the same findings as in its last event, so that a scan each hour is not an event each hour.
    type: bool
    default: true
  max_findings:
    description: Most findings in one event; C(more) says how many were left out.
    type: int
    default: 100
  interval:
    description: Seconds between two looks.
    type: float
    default: 5
  max_interval:
    description: Seconds between two looks at most, while the ledger cannot be read.
    type: float
    default: 300
  stream:
    description: Hash chain of the ledger to follow.
    type: str
    default: main
"""

EXAMPLES = r"""
- name: Severe drift
  evenkeel.release.drift:
    ledger: /var/lib/evenkeel/ledger.sqlite
    position: /var/lib/eda/drift.json
    min_severity: high
    environments: [production]
"""

SEVERITIES = ("critical", "high", "medium", "low", "cosmetic")
BATCH = 500
_ROWS = (
    "SELECT seq, hash, CASE WHEN kind = 'drift' AND phase <> 'intent' THEN bytes END FROM evenkeel_entries"
    " WHERE stream = {0} AND seq > {0} ORDER BY seq LIMIT {0}"
)
_HEAD = "SELECT seq, hash FROM evenkeel_entries WHERE stream = {0} ORDER BY seq DESC LIMIT 1"
_ONE = "SELECT hash FROM evenkeel_entries WHERE stream = {0} AND seq = {0}"
logger = logging.getLogger(__name__)


class OtherLedgerError(Exception):
    """The position is of another ledger, or entries were taken out of this one: going on would hide it."""


class Unreachable(Exception):
    """It passes by itself."""


class Options(NamedTuple):
    ledger: str
    position: Path
    start: str
    environments: tuple[str, ...]
    min_severity: str
    changes_only: bool
    max_findings: int
    interval: float
    max_interval: float
    stream: str


async def main(queue: asyncio.Queue, args: dict[str, Any]) -> None:
    options = parse(args)
    state, delay = load(options.position), options.interval
    while True:
        try:
            state = await asyncio.to_thread(begin, options) if state is None else state
            rows = await asyncio.to_thread(read, options, state["seq"], state["hash"])
            delay = options.interval
        except Unreachable as fault:
            logger.warning("the ledger cannot be read, the next look is in %g s: %s", delay, fault)
            await asyncio.sleep(delay)
            delay = min(options.max_interval, delay * 2)
            continue
        state = await emit(queue, options, state, rows)
        if len(rows) < BATCH:
            await asyncio.sleep(options.interval)


async def emit(queue: asyncio.Queue, options: Options, state: dict[str, Any], rows: list[tuple[int, bytes, bytes | None]]) -> dict[str, Any]:
    for seq, digest, data in rows:
        event = None if data is None else event_of(json.loads(bytes(data)), options)
        state = {**state, "seq": seq, "hash": bytes(digest).hex()}
        if event is None:
            continue
        subject, mark = subject_of(event), mark_of(event)
        if not event["count"] and options.min_severity:
            # Not told, but known: the same finding that comes again later is news.
            state = {**state, "told": {name: known for name, known in state["told"].items() if name != subject}}
        elif not options.changes_only or state["told"].get(subject) != mark:
            await queue.put({"drift": event})
            state = {**state, "told": {**state["told"], subject: mark}}
            await asyncio.to_thread(save, options.position, state)
    if rows:
        await asyncio.to_thread(save, options.position, state)
    return state


def parse(args: Mapping[str, Any]) -> Options:
    """Every fault in one ValueError."""
    faults = [f"{name} is required" for name in ("ledger", "position") if not args.get(name)]
    faults += [f"{name} is no option" for name in sorted(set(args) - set(Options._fields))]
    options = Options(
        ledger=str(args.get("ledger") or ""),
        position=Path(str(args.get("position") or "")).expanduser(),
        start=str(args.get("start", "now")),
        environments=_names(args.get("environments")),
        min_severity=str(args.get("min_severity") or ""),
        changes_only=str(args.get("changes_only", True)).lower() not in ("false", "no", "0"),
        max_findings=int(args.get("max_findings", 100)),
        interval=float(args.get("interval", 5)),
        max_interval=float(args.get("max_interval", 300)),
        stream=str(args.get("stream", "main")),
    )
    if options.start not in ("now", "beginning"):
        faults.append(f"start is {options.start!r}, allowed: now, beginning")
    if options.min_severity and options.min_severity not in SEVERITIES:
        faults.append(f"min_severity is {options.min_severity!r}, allowed: {', '.join(SEVERITIES)}")
    if options.interval <= 0:
        faults.append(f"interval is {options.interval:g}, it must be more than 0")
    if faults:
        raise ValueError("the source evenkeel.release.drift was not started: " + "; ".join(faults))
    return options


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else tuple(map(str, value or ()))


def event_of(entry: Mapping[str, Any], options: Options) -> dict[str, Any] | None:
    """None for an environment that was not asked for."""
    body = entry["body"]
    if options.environments and entry["environment"] not in options.environments:
        return None
    found = [item for item in body.get("findings") or [] if isinstance(item, Mapping)] if isinstance(body.get("findings"), list) else []
    if options.min_severity:
        found = [item for item in found if rank(item) <= SEVERITIES.index(options.min_severity)]
    found = sorted(found, key=lambda item: (rank(item), str(item.get("path"))))
    host, _slash, service = entry["subject"].partition("/")
    return {
        "entry": entry["id"],
        "time": entry["time"],
        "environment": entry["environment"],
        "release": entry["release"],
        "host": host,
        "service": service,
        "verdict": str(body.get("verdict") or "errored"),
        "score": body.get("score"),
        "baseline": body.get("baseline") or {},
        "severity": SEVERITIES[rank(found[0])] if found else "",
        "count": len(found),
        "findings": [{**item, "severity": SEVERITIES[rank(item)]} for item in found[: options.max_findings]],
        "more": max(0, len(found) - options.max_findings),
        "digest": digest(found),
    }


def rank(finding: Mapping[str, Any]) -> int:
    """A severity that nobody knows counts as high: it must not hide itself."""
    found = finding.get("severity")
    return SEVERITIES.index(found) if found in SEVERITIES else 1


def digest(findings: list[Mapping[str, Any]]) -> str:
    """Of what is so, not of who did it: attribution may be found later."""
    parts = [[item.get(key) for key in ("path", "kind", "from", "before", "after")] for item in findings]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def subject_of(event: Mapping[str, Any]) -> str:
    return f"{event['environment']}/{event['host']}/{event['service']}"


def mark_of(event: Mapping[str, Any]) -> str:
    return f"{event['verdict']}:{event['digest']}"


def load(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"seq": int(found["seq"]), "hash": str(found["hash"]), "told": dict(found["told"])}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the position in {path} cannot be read ({error}). Next: remove the file; then events begin where `start` says.") from None


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Whole or not at all: half a position would be none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(state, stream)
            stream.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def begin(options: Options) -> dict[str, Any]:
    """The first position. A ledger that nobody has written to yet begins at its beginning."""
    head = [] if options.start == "beginning" else query(options.ledger, _HEAD, options.stream)
    seq, found = head[0] if head else (0, b"")
    state = {"seq": seq, "hash": bytes(found).hex(), "told": {}}
    save(options.position, state)
    return state


def read(options: Options, seq: int, known: str) -> list[tuple[int, bytes, bytes | None]]:
    """What came after this place. Within a stream numbers are given under a lock: none below one that is seen can come later."""
    if seq:
        found = query(options.ledger, _ONE, options.stream, seq)
        if not found or bytes(found[0][0]).hex() != known:
            raise OtherLedgerError(
                f"entry {seq} of stream {options.stream} {'is not the one that was read' if found else 'is gone'}: this is another ledger than the one"
                f" {options.position} belongs to, or it was changed. Next: run evenkeel.release.ledger_verify; if it is another one, remove that file."
            )
    return query(options.ledger, _ROWS, options.stream, seq, BATCH)


def query(ledger: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    try:
        return _postgresql(ledger, sql, values) if ledger.startswith("postgres") else _sqlite(ledger, sql, values)
    except (sqlite3.Error, OSError) as error:
        raise Unreachable(str(error)) from None


def _sqlite(ledger: str, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    path = Path(re.sub(r"^sqlite:///", "", ledger)).expanduser()
    if not path.exists():
        return []  # the first entry makes the file
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'evenkeel_entries'").fetchall():
            return []
        return connection.execute(sql.format("?"), values).fetchall()


def _postgresql(ledger: str, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    import psycopg

    try:
        with psycopg.connect(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", ledger), connect_timeout=10, autocommit=True) as connection:
            if connection.execute("SELECT to_regclass('evenkeel_entries')").fetchone() == (None,):
                return []
            return connection.execute(sql.format("%s"), values).fetchall()
    except psycopg.Error as error:
        # The text may quote the URL when it cannot be parsed.
        raise Unreachable(re.sub(r"//[^/@\s]*@", "//[REDACTED]@", " ".join(str(error).split()))) from None
