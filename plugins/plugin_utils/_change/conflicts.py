# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against the time of a change, for the reasons that ServiceNow's conflict detection knows.

Source: ServiceNow, "Conflict detection" (c_ConflictDetection): the configuration item, or a parent or child of it, is already scheduled, is not in its
maintenance window, or is in a blackout window; and the person that it is assigned to is already scheduled. Changes that touch each other in time do not
conflict (change.conflict.allow_contiguous_changes), and an item without a maintenance schedule has no window to be outside of. Both the item and the
affected ones are compared with those of other changes, as in ServiceNow's advanced mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import graph, text, times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change

REASONS = {
    "ci_scheduled": "the service is already scheduled at that time",
    "related_scheduled": "a parent or child of the service is already scheduled at that time",
    "ci_not_in_maintenance": "the service is not in its maintenance window",
    "related_not_in_maintenance": "a parent or child of the service is not in its maintenance window",
    "ci_in_blackout": "the service is in a blackout window",
    "related_in_blackout": "a parent or child of the service is in a blackout window",
    "assigned_scheduled": "the person that it is assigned to is already scheduled at that time",
}
MOST = 1000
# What has been carried out, or never will be, is in nobody's way.
INACTIVE = ("Review", "Closed", "Canceled")
Document = Mapping[str, Any]


def detect(
    planned: Document,
    others: Iterable[Document],
    services: Mapping[str, Document],
    *,
    maintenance: Sequence[Document] = (),
    blackout: Sequence[Document] = (),
) -> list[dict[str, str]]:
    """Each conflict: {reason, service, with, says}; sorted, each once.

    planned and others: {id, environment, services, start, end, assigned_to, state}; others without start are not scheduled.
    maintenance and blackout: spans that a calendar was expanded to, {name, environment, services, from, to}; no `services` means all of them.
    """
    mine = times.span(str(planned["id"]), planned["start"], planned["end"])
    near = {name: (() if name in planned["services"] else _kin(services, name, planned["services"])) for name in _reach(services, planned["services"])}
    found = [*_with_changes(planned, mine, others, near)]
    found += _with_calendars(str(planned["environment"]), mine, near, maintenance=maintenance, blackout=blackout)
    if len(found) > MOST:
        raise ChangeError(f"{planned['id']} has {len(found)} conflicts; at most {MOST} are told. Choose another time.")
    return [dict(one) for one in sorted({tuple(sorted(each.items())) for each in found})]


def as_planned(change: Change) -> dict[str, Any]:
    """A change of the ledger as detect() takes it."""
    known = change.as_dict()
    planned = known["planned"] or {}
    return {**{key: known[key] for key in ("id", "environment", "services", "assigned_to", "state")}, "start": planned.get("start"), "end": planned.get("end")}


def of_environment(environment: Document, begin: Any, end: Any) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(maintenance, blackout) of the environment document's own windows and freezes around that time."""
    around = times.span("the change", begin, end)
    name = str(environment["name"])
    spans = times.joined(list(times.opened(environment.get("windows") or [], around.begin, around.end)))
    windows = [{"name": one.name, "environment": name, "from": times.stamp(one.begin), "to": times.stamp(one.end)} for one in spans]
    if environment.get("windows") and not windows:
        # It has windows, and none is near: an empty list would say that it has none.
        windows = [{"name": "(none near)", "environment": name, "from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:01Z"}]
    freezes = [{"name": str(one["name"]), "environment": name, "from": one["from"], "to": one["to"]} for one in environment.get("freezes") or []]
    return windows, freezes


def _reach(services: Mapping[str, Document], names: Iterable[str]) -> list[str]:
    mine = set(names)
    return sorted(mine.union(*(graph.related(services, name) for name in mine)))


def _kin(services: Mapping[str, Document], name: str, mine: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(own for own in mine if name in graph.related(services, own)))


def _with_changes(planned: Document, mine: times.Span, others: Iterable[Document], near: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, str]]:
    for other in others:
        if other["id"] == planned["id"] or not other.get("start") or other.get("state") in INACTIVE:
            continue
        if not times.overlap(mine, times.span(str(other["id"]), other["start"], other["end"])):
            continue
        if other["environment"] == planned["environment"]:
            for name in sorted(set(other["services"]) & set(near)):
                yield _conflict("related_scheduled" if near[name] else "ci_scheduled", name, str(other["id"]))
        if planned.get("assigned_to") and planned["assigned_to"] == other.get("assigned_to"):
            yield _conflict("assigned_scheduled", str(planned["assigned_to"]), str(other["id"]))


def _with_calendars(
    environment: str, mine: times.Span, near: Mapping[str, tuple[str, ...]], *, maintenance: Sequence[Document], blackout: Sequence[Document]
) -> Iterator[dict[str, str]]:
    for name, kin in near.items():
        windows = [(each, _span(each)) for each in maintenance if _concerns(each, environment, name)]
        inside = any(one.begin <= mine.begin and mine.end <= one.end for one in times.joined([one for _each, one in windows]))
        if windows and not inside:
            yield _conflict("related_not_in_maintenance" if kin else "ci_not_in_maintenance", name, str(windows[0][0]["name"]))
        for each in blackout:
            if _concerns(each, environment, name) and times.overlap(mine, _span(each)):
                yield _conflict("related_in_blackout" if kin else "ci_in_blackout", name, str(each["name"]))


def _concerns(calendar: Document, environment: str, service: str) -> bool:
    return calendar.get("environment") in (None, environment) and (not calendar.get("services") or service in calendar["services"])


def check_calendars(given: Sequence[Document], *, name: str) -> None:
    """Raises for an entry that detect() could not read; one that is misspelt would protect nothing."""
    for number, one in enumerate(given):
        strange = sorted(str(key)[:40] for key in set(one) - {"name", "environment", "services", "from", "to"})
        if strange or not {"name", "from", "to"} <= set(one):
            found = f"has {', '.join(strange)}" if strange else f"has only {', '.join(sorted(map(str, one))) or 'nothing'}"
            raise ChangeError(f"{name}[{number}] {found}; needed are name, from and to, allowed beside them environment and services.")
        text.line(one["name"], name=f"{name}[{number}].name")
        if one.get("services") is not None:
            text.lines(one["services"], name=f"{name}[{number}].services", most=1000)
        _span(one)


def _span(calendar: Document) -> times.Span:
    return times.span(str(calendar["name"]), calendar["from"], calendar["to"], longest=None)


def _conflict(reason: str, name: str, other: str) -> dict[str, str]:
    return {"reason": reason, "service": name, "with": other, "says": REASONS[reason]}
