# SPDX-License-Identifier: GPL-3.0-or-later
"""When the ledger says that an environment could not be used.

Not there: from a teardown, or a provision that failed or is under way, until a provision that passed.
Broken: while a deployment or a rollback ran that did not end well (at its end what served before is back), and from one without an end, or a recovery
that failed, until an act that passed.
A hold is no outage: it keeps one release out, what runs goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments

Span = tuple[datetime, datetime]
PLACES = ("provision", "teardown")
RELEASES = ("deployment", "rollback", "recovery")


class Outage(NamedTuple):
    begin: datetime
    end: datetime
    cause: str
    entry: str


class Step(NamedTuple):
    """From `time` on it is ready, or not, because of `cause`."""

    time: datetime
    ready: bool
    cause: str
    entry: str


def outages(entries: Sequence[Any], end: datetime) -> list[Outage]:
    """Of one environment, its entries oldest first; those of different causes may overlap."""
    return [*_gaps(provisions(entries), end), *_gaps(_releases(entries), end)]


def provisions(entries: Sequence[Any]) -> list[Step]:
    """A first provision is no outage before it began: nobody knows what was there. One of an environment that is ready only brings back what is missing."""
    found: list[Step] = []
    for entry in entries:
        if entry["kind"] not in PLACES:
            continue
        what, time = entry["kind"], _time(entry)
        if entry["phase"] == "intent":
            if what == "teardown" or not (found and found[-1].ready):
                found.append(Step(time, False, f"{what} under way", entry["id"]))
        elif entry["phase"] == "outcome":
            verdict = str(entry["body"].get("verdict"))
            ready = what == "provision" and verdict == "passed"
            found.append(Step(time, ready, "" if ready else "torn down" if verdict == "passed" else f"{what} {verdict}{_why(entry)}", entry["id"]))
    return found


def _releases(entries: Sequence[Any]) -> list[Step]:
    outcomes = {entry["body"].get("intent"): entry for entry in entries if entry["phase"] == "outcome"}
    steps = []
    for entry in entries:
        if entry["kind"] not in RELEASES:
            continue
        named = f"{entry['kind']} of {entry['release'] or 'a release'}"
        if entry["phase"] == "intent":
            ended = outcomes.get(entry["id"])
            verdict = "" if ended is None else str(ended["body"].get("verdict"))
            if verdict != "passed":
                cause = f"{named} {verdict}{_why(ended)}" if ended is not None else f"{named} without an end"
                steps.append(Step(_time(entry), False, cause, entry["id"]))
        elif entry["phase"] == "outcome":
            passed = entry["body"].get("verdict") == "passed"
            steps.append(Step(_time(entry), passed or entry["kind"] != "recovery", "" if passed else f"{named} {entry['body'].get('verdict')}", entry["id"]))
    return steps


def _gaps(steps: Iterable[Step], end: datetime) -> Iterator[Outage]:
    began: Step | None = None
    for step in steps:
        if not step.ready and began is None:
            began = step
        elif not step.ready and began is not None and step.cause and began.cause.endswith("under way"):
            began = began._replace(cause=step.cause, entry=step.entry)
        elif step.ready and began is not None:
            yield Outage(began.time, step.time, began.cause, began.entry)
            began = None
    if began is not None and began.time < end:
        yield Outage(began.time, end, began.cause, began.entry)


def holds(entries: Sequence[Any], end: datetime) -> list[Outage]:
    """Releases that are kept out, and why."""
    held: dict[str, Any] = {}
    found = []
    for entry in entries:
        if entry["kind"] == "hold":
            began = held.pop(entry["release"], None)
            if began is not None:
                found.append(Outage(_time(began), _time(entry), _hold(began), began["id"]))
            if entry["body"].get("state") == "held":
                held[entry["release"]] = entry
    return found + [Outage(_time(began), end, _hold(began), began["id"]) for began in held.values()]


def _hold(entry: Any) -> str:
    return f"hold of {entry['release'] or 'a release'}: {entry['body'].get('reason') or 'no reason given'}"


def merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif begin < end:
            found.append((begin, end))
    return found


def cut(span: Span, by: Span) -> Span | None:
    begin, end = max(span[0], by[0]), min(span[1], by[1])
    return (begin, end) if begin < end else None


def _time(entry: Any) -> datetime:
    return moments.utc(str(entry["time"]))


def _why(entry: Any) -> str:
    body = entry["body"]
    hosts = body.get("not_ready") or body.get("problems") or ""
    shown = ", ".join(map(str, hosts)) if isinstance(hosts, (list, dict)) else str(hosts)
    return f" ({shown[:200]})" if shown else ""
