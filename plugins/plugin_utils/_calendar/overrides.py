# SPDX-License-Identifier: GPL-3.0-or-later
"""Overrides of a freeze, derived from the ledger. The freeze itself is never edited and holds for everybody else.

A fact of kind `freeze_override` has the environment and release of the entry, the subject `granted` or `withdrawn`, and the body
{freeze: UID, name, reason, until}. Who grants is the entry's actor; it counts for a deployment that somebody else runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import wall

KIND = "freeze_override"
MAX_SECONDS = 7 * 86400
Entry = Mapping[str, Any]


class Override(NamedTuple):
    """`counts` says whether it lets the deployment pass, `why_not` why it does not. Seconds since 1970."""

    id: str
    freeze: str
    name: str
    by: str
    reason: str
    begin: int
    until: int
    counts: bool
    why_not: str

    def as_dict(self) -> dict[str, Any]:
        found = self._asdict()
        begin, until = found.pop("begin"), found.pop("until")
        return {**found, "since": wall.text(begin), "until": wall.text(until)}


def standing(entries: Iterable[Entry], *, environment: str, release: str, deployer: str, at: int) -> list[Override]:
    """The overrides that were granted for this release there, those that do not count included; entries come oldest first.

    deployer: the name by which the ledger knows who deploys; without one nothing counts. An override that was withdrawn or has expired
    stays in the list.
    """
    found: dict[str, Override] = {}
    for entry in entries:
        if entry["kind"] != KIND or entry["phase"] != "fact" or entry["environment"] != environment:
            continue
        body = entry["body"]
        freeze = str(body.get("freeze", ""))
        if entry["subject"] == "withdrawn" and entry["release"] == release:
            found = {key: _stop(one, str(entry["actor"]["name"])) if one.freeze == freeze else one for key, one in found.items()}
        elif entry["subject"] == "granted" and entry["release"] == release:
            found[entry["id"]] = _read(entry, deployer=deployer, at=at)
    return list(found.values())


def granted(found: Iterable[Override]) -> list[tuple[str, int, int]]:
    """(UID, from, to) of those that count, as the timeline takes them."""
    return [(one.freeze, one.begin, one.until) for one in found if one.counts]


def same_person(one: str, other: str) -> bool:
    """ada, Ada, ada@example.org and CORP\\ada are one: two names of one person must not make two persons."""
    return _person(one) == _person(other)


def _person(name: str) -> str:
    return name.strip().rsplit("\\", 1)[-1].split("@", 1)[0].casefold()


def _read(entry: Entry, *, deployer: str, at: int) -> Override:
    body, by = entry["body"], str(entry["actor"]["name"])
    begin = _seconds(str(entry["time"])) or 0
    until = _seconds(str(body.get("until", "")))
    why = ""
    if until is None or not str(body.get("freeze", "")) or not str(body.get("reason", "")).strip():
        why = "it lacks its freeze, its reason or its end"
    elif not begin < until <= begin + MAX_SECONDS:
        why = f"it lasts longer than {MAX_SECONDS // 86400} days, or ends before it begins"
    elif not deployer or not by.strip():
        why = "nobody knows who deploys, or who granted it"
    elif same_person(by, deployer):
        why = f"{by} granted it and deploys: a second person has to grant it"
    elif at >= until:
        why = f"it expired at {wall.text(until)}"
    elif at < begin:
        why = f"it was granted later, at {wall.text(begin)}"
    end = until if until is not None else begin
    return Override(
        entry["id"], str(body.get("freeze", "")), str(body.get("name", "")), by, str(body.get("reason", "")), begin, end, counts=not why, why_not=why
    )


def _stop(one: Override, by: str) -> Override:
    return one._replace(counts=False, why_not=f"{by} withdrew it")


def _seconds(text: str) -> int | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return wall.seconds(found, "UTC") if found.tzinfo is not None else None
