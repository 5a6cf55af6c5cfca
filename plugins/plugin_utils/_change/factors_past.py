# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done before, whether the way back was tried, and when it is done: the other half of the factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.factors import Case, Found, many, names_of, ratio, some

Document = Mapping[str, Any]
UNKNOWN_LENGTH = timedelta(minutes=1)


def first_release(case: Case) -> Found:
    lower = "nothing: deploy it to an environment before this one first"
    if any("previous" not in each for each in case.plan.get("services", ())):
        return Found(None, "what runs there now is unknown", lower)
    new = sorted(str(each["service"]) for each in case.plan.get("services", ()) if not each["previous"])
    return Found(1.0 if new else 0.0, f"first release of {some(new)}" if new else "every service runs an earlier release", lower)


def strategy(case: Case) -> Found:
    lower = "use the strategy in an environment before this one first"
    if case.history is None:
        return Found(None, "which strategies were used before is unknown", lower)
    used = {(act.get("service"), act.get("strategy")) for act in case.history if act.get("verdict") == "passed"}
    new = sorted(f"{each['service']} by {each.get('strategy') or 'an unknown one'}" for each in case.plan.get("services", ()) if _way(each) not in used)
    return Found(1.0 if new else 0.0, f"first time of {some(new)}" if new else "its strategy went well here before", lower)


def staleness(case: Case) -> Found:
    lower = "release smaller changes more often"
    if case.history is None:
        return Found(None, "when it was deployed last is unknown", lower)
    oldest, told = 0.0, "no service"
    for name in sorted(names_of(case)):
        seen = [times.days(act["ended"], case.now, name="the end of a deployment") for act in case.history if act.get("service") == name and act.get("ended")]
        if not seen:
            return Found(1.0, f"{name} was never deployed here", lower)
        if min(seen) >= oldest:
            oldest, told = min(seen), name
    return Found(ratio(max(0.0, oldest), case.rules["worst"]["staleness_days"]), f"the last deployment of {told} was {max(0.0, oldest):.0f} days ago", lower)


def history(case: Case) -> Found:
    """The change failure rate of the worst service over its last deployments. Those that a young service lacks count as failed."""
    lower = "find out why deployments of it failed; each that goes well lowers it"
    if case.history is None:
        return Found(None, "how deployments went before is unknown", lower)
    worst, told = 0.0, "nothing is deployed"
    for name in sorted(names_of(case)):
        rate, words = failure_rate(case.history, name, **case.rules["history"])
        if rate >= worst:
            worst, told = rate, f"{name}: {words}"
    return Found(ratio(worst, case.rules["worst"]["failure_rate"]), told, lower)


def failure_rate(past: Sequence[Document], service: str, *, last: int, few: int) -> tuple[float, str]:
    """(rate from 0 to 1, in words) of the newest `last` deployments; below `few`, the missing ones count as failed."""
    mine = [act for act in past if act.get("service") == service][-last:]
    failed = sum(act.get("verdict") != "passed" or bool(act.get("remediated")) for act in mine)
    if not mine:
        return 1.0, "no deployment to judge by"
    words = f"{failed} of the last {many(len(mine), 'deployment')} failed"
    if len(mine) >= few:
        return failed / len(mine), words
    return (failed + few - len(mine)) / few, f"{words}; fewer than {few}, the missing ones count as failed"


def window(case: Case) -> Found:
    lower = "plan it well inside a window, with time for a rollback before it closes"
    windows, freezes = case.environment.get("windows"), case.environment.get("freezes") or []
    try:
        end = case.end or case.begin + UNKNOWN_LENGTH
        planned = times.Span("the change", case.begin, end)
        held = [each["name"] for each in freezes if times.overlap(planned, times.span("the freeze", each["from"], each["to"], longest=None))]
        if held:
            return Found(1.0, f"during the freeze {some(map(str, held))}", "wait until it ends")
        if not windows:
            return Found(0.0, "the environment has no windows: always allowed", "nothing")
        around = times.joined(list(times.opened(windows, case.begin, end + timedelta(days=1))))
    except (ChangeError, KeyError, TypeError) as exc:
        return Found(None, f"windows and freezes can't be read: {exc}", "correct the environment document")
    inside = next((each for each in around if each.begin <= case.begin < each.end), None)
    if inside is None:
        return Found(1.0, f"{times.stamp(case.begin)} is outside every window", lower)
    if case.end is None:
        return Found(None, f"inside {inside.name}, and how long it takes is unknown", "give duration_minutes, measured from earlier deployments")
    if case.end > inside.end:
        return Found(1.0, f"it would end at {times.stamp(case.end)}, after {inside.name} closes at {times.stamp(inside.end)}", lower)
    if inside.end - case.end < timedelta(minutes=case.rules["edge_minutes"]):
        return Found(0.5, f"it would end {int((inside.end - case.end).total_seconds() // 60)} minutes before {inside.name} closes", lower)
    return Found(0.0, f"inside {inside.name}", "nothing")


def peak(case: Case) -> Found:
    declared = case.rules["peak"]
    if declared is None:
        return Found(None, "peak hours are not declared", "declare peak in the rules of changes; an empty list says that there are none")
    try:
        found = sorted({each.name for each in times.opened(declared, case.begin, case.end or case.begin + UNKNOWN_LENGTH)})
    except ChangeError as exc:
        return Found(None, f"peak hours can't be read: {exc}", "correct peak in the rules of changes")
    return Found(1.0 if found else 0.0, f"during {some(found)}" if found else "outside peak hours", "plan it outside peak hours")


def rehearsal(case: Case) -> Found:
    known = case.facts.get("rehearsal")
    lower = "rehearse the rollback with evenkeel.release.rollback_rehearsal"
    if not isinstance(known, Mapping):
        return Found(None, "whether the rollback was rehearsed is unknown", lower)
    if not known.get("passed") or not known.get("at"):
        return Found(1.0, f"rollback not rehearsed: {known.get('verdict') or 'none'}", lower)
    age = max(0.0, times.days(known["at"], case.now, name="the time of the rehearsal"))
    return Found(ratio(age, case.rules["worst"]["rehearsal_days"]), f"rollback rehearsed {age:.0f} days ago in {known.get('environment')}", lower)


def _way(service: Document) -> tuple[Any, Any]:
    return service.get("service"), service.get("strategy")
