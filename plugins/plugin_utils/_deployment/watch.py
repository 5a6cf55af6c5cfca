# SPDX-License-Identifier: GPL-3.0-or-later
"""The first hour of a release: whose hour it is, what it is compared with, and whether the release may be taken back. Pure functions of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import holds
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.acts import Act, Span, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.watch_documents import STEP, documents

Entry = Mapping[str, Any]
# How the verdict on a first hour is recorded: a fact of this kind, the subject being this and the service.
KIND, SUBJECT = "validation", "watch"
# Verdicts after which the same hour is not judged again; what could not be asked may answer later.
FINAL = ("passed", "failed", "inconclusive")
MINUTES, EVERY, EARLIER, BEFORE_MINUTES = 60.0, 60.0, 3, 120.0
GRACE = 300.0  # seconds after the hour in which a late look may still take the release back


class Choice(NamedTuple):
    """`act` is what is watched; without one `why` says why nothing is, and `refused` whether that is what was asked for."""

    act: Act | None
    why: str = ""
    refused: bool = False


def length(guard: Mapping[str, Any]) -> float:
    return float(guard.get("minutes", MINUTES)) * 60


def choose(acts: Sequence[Act], *, service: str, deployed: str, guard: Mapping[str, Any], now: float, version: str = "", deployment: str = "") -> Choice:
    """What to watch of a service.

    deployed: its release as the ledger's view says; version, deployment: what the caller wants watched and nothing else.
    """
    asked = bool(version or deployment)
    mine = [act for act in acts if service in act.services]
    place = max((number for number, act in enumerate(mine) if act.verdict == "passed"), default=-1)
    if place < 0:
        return Choice(None, f"the ledger knows no deployment of {service} that ended well", asked)
    act, later = mine[place], mine[place + 1 :]
    wanted = next((each for each in mine if each.id == deployment), None) or next((each for each in reversed(mine) if each.release == version), None)
    if asked and (wanted is None or wanted.release != act.release or (deployment and wanted.id != act.id)):
        return Choice(None, _replaced(service, wanted.release if wanted else version or deployment, act), True)
    if later:
        state = "is being deployed" if not later[-1].verdict else "was tried and went back"
        return Choice(None, f"{later[-1].release} {state} since {stamp(later[-1].began)}, so what {service} does is not {act.release}'s alone", asked)
    if deployed != act.release:
        return Choice(None, f"{service} runs {deployed or 'no release'} and not {act.release}, whose deployment was the last one", asked)
    end = act.services[service].at + length(guard)
    if not asked and now > end + length(guard):
        return Choice(None, f"the first {length(guard) / 60:g} minutes of {act.release} were over at {stamp(end)}")
    return Choice(act)


def _replaced(service: str, wanted: str, act: Act) -> str:
    return f"{wanted} does not serve {service}: it was replaced by {act.release} at {stamp(act.services[service].at)}, or never ran here"


def span(acts: Sequence[Act], act: Act, service: str, guard: Mapping[str, Any]) -> Span:
    """The time before belongs to one release: it goes back no further than the end of the act before."""
    served = act.services[service]
    reach = served.met - float(guard.get("before_minutes", BEFORE_MINUTES)) * 60
    others = [each.ended or each.began for each in acts if each.began < act.began and service in each.services]
    before = min(served.met, max([reach, *others]))
    return Span(served.release, before, served.met, served.at, served.at + length(guard), served.pool)


def earlier(entries: Iterable[Entry], acts: Sequence[Act], act: Act | None, service: str, guard: Mapping[str, Any]) -> list[Span]:
    """The last stable releases before it, newest first, each as long after its switch.

    Stable: verified, not marked bad, not found bad by its own watch, and nothing else was deployed within the window. act None: before the next act.
    """
    known = list(entries)
    verified = {entry["body"].get("intent") for entry in known if entry["kind"] == "verification" and entry["body"].get("verdict") == "passed"}
    failed = {entry["body"].get("deployment") for entry in known if _is_verdict(entry) and entry["body"].get("verdict") == "failed"}
    bad = holds.bad(known)
    found: dict[str, Span] = {}
    for each in reversed([each for each in acts if service in each.services and (act is None or each.began < act.began)]):
        stable = each.kind == "deployment" and each.verdict == "passed" and each.id in verified and each.id not in failed and each.release not in bad
        if not stable or (act is not None and each.release == act.release) or each.release in found:
            continue
        window = span(acts, each, service, guard)
        if not any(each.began < other.began < window.until for other in acts if service in other.services):
            found[each.release] = window
        if len(found) >= int(guard.get("earlier", EARLIER)):
            break
    return list(found.values()) if int(guard.get("earlier", EARLIER)) else []


def recorded(entries: Iterable[Entry], deployment: str, service: str) -> Entry | None:
    """The final verdict on that first hour, when there is one already."""
    mine = [entry for entry in entries if _is_verdict(entry) and entry["subject"] == f"{SUBJECT}/{service}" and entry["body"].get("deployment") == deployment]
    return next((entry for entry in reversed(mine) if entry["body"].get("verdict") in FINAL), None)


def no_way_back(acts: Sequence[Act], act: Act, *, service: str, guard: Mapping[str, Any], blamed: bool, now: float) -> str:
    """Why a bad release is not taken back by itself; "" when it is."""
    newer = [each for each in acts if each.began > act.began]
    late = act.services[service].at + length(guard) + max(GRACE, 2 * float(guard.get("every", EVERY)))
    if guard.get("on_bad", "tell") != "rollback":
        return "on_bad of its guard is tell"
    if act.kind == "rollback":
        return f"{act.release} came by a rollback itself"
    if newer:
        return f"a {newer[-1].kind} of {newer[-1].release} has begun since, at {stamp(newer[-1].began)}"
    if not blamed:
        return "the release is not the likely cause"
    if now > late:
        return f"its first {length(guard) / 60:g} minutes were over long ago"
    return ""


def check(services: Mapping[str, Mapping[str, Any]], *, today: date) -> None:
    """Raises when the judge could not take what a guard declares: an hour without a watch is too late to find that out."""
    for name, service in services.items():
        guard = service.get("guard")
        faults = (list(dict.fromkeys(_faults(guard, today))) or list(_too_short(guard))) if guard else []
        if faults:
            raise DeploymentError(f"Service {name}, guard.{'; '.join(faults)}.")


def _faults(guard: Mapping[str, Any], today: date) -> Iterator[str]:
    """Each metric by itself, so that its number is that of the guard, then all together for what they share."""
    # Slow to load, and every filter is loaded by each task that uses one.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import request
    from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.sources_prometheus import MOST_POINTS

    example = Span("1.0.0", 0.0, 1e6, 1e6, 1e6 + 3600)
    for number, metric in enumerate(guard["metrics"]):
        for document in documents({**guard, "metrics": [metric]}, example, [example], now=example.until):
            for fault in request.faults(request.numbers(document), today):
                yield f"{fault.path.replace('metrics[0]', f'metrics[{number}]')}: found {fault.found}, allowed {fault.allowed}"
    step, minutes = float(guard.get("step", STEP)), max(float(guard.get("before_minutes", BEFORE_MINUTES)), length(guard) / 60)
    if minutes * 60 / step > MOST_POINTS:
        least = minutes * 60 / MOST_POINTS
        yield f"step: found {step:g}, allowed {least:.3g} or more: Prometheus gives no more than {MOST_POINTS} points of {minutes:g} compared minutes"
    names = [metric["name"] for metric in guard["metrics"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"metrics: found {name} {names.count(name)} times, allowed each name once"


def _too_short(guard: Mapping[str, Any]) -> Iterator[str]:
    """Gauges that could never pass, since a watch has too few points of them."""
    from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.defaults import MIN_SAMPLES
    from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import GAUGE

    step = float(guard.get("step", STEP))
    for number, metric in enumerate(guard["metrics"]):
        needed = metric.get("min_samples", MIN_SAMPLES[GAUGE]) if metric["kind"] == GAUGE else 0
        minutes = needed * step / 60
        if minutes > length(guard) / 60:
            found = f"{length(guard) / 60:g} with a step of {step:g} s, allowed {minutes:g} or more"
            yield f"minutes: found {found}: metrics[{number}] needs {needed:g} points"


def _is_verdict(entry: Entry) -> bool:
    return bool(entry["kind"] == KIND and str(entry["subject"]).startswith(f"{SUBJECT}/"))
