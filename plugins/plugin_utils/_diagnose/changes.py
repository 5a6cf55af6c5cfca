# SPDX-License-Identifier: GPL-3.0-or-later
"""From the entries of the ledger to the changes of one environment. Pure; entries come oldest first.

The steps and switches of a deployment are when users could notice it, so they are its moments and no changes of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose import drift, tasks
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import Change, seconds_of

Entry = Mapping[str, Any]
ACTS = ("deployment", "rollback", "recovery", "promotion", "switch", "migration", "repair", "provision", "teardown", "data_sync", "data_purge")
READ = (*ACTS, "step", "drift", "baseline", "task", "report", "flag", "verification", "hold", "mark")
# What puts a release onto hosts; a step or switch that names one of them belongs to it.
OWNERS = ("deployment", "rollback", "recovery", "promotion")
PURGE_REPORT = "reported"


def changes(entries: Sequence[Entry], environment: str) -> list[Change]:
    """All that changed there, in the order in which it began."""
    own = [entry for entry in entries if entry["environment"] == environment]
    outcomes = {entry["body"].get("intent"): entry for entry in own if entry["phase"] == "outcome"}
    owners = {entry["id"] for entry in own if entry["phase"] == "intent" and entry["kind"] in OWNERS}
    parts = _parts(own, owners, outcomes)
    acts = [_act(entry, outcomes.get(entry["id"]), parts.get(entry["id"], [])) for entry in own if _is_act(entry, owners)]
    acts = _related(acts)
    found = [*acts, *_baselines(own), *drift.changes(own), *tasks.flags(own), *tasks.others(own, acts)]
    return sorted(found, key=lambda change: (change.earliest, change.id))


def _is_act(entry: Entry, owners: set[str]) -> bool:
    if entry["phase"] != "intent" or entry["kind"] not in ACTS:
        return False
    if entry["kind"] == "data_purge" and entry["body"].get("state") == PURGE_REPORT:
        return False
    return not (entry["kind"] == "switch" and entry["body"].get("deployment") in owners)


def _parts(own: Sequence[Entry], owners: set[str], outcomes: Mapping[Any, Entry]) -> dict[str, list[tuple[Entry, Entry | None]]]:
    """{deployment: [(intent, outcome) of its steps and switches]}"""
    found: dict[str, list[tuple[Entry, Entry | None]]] = {}
    for entry in own:
        owner = entry["body"].get("deployment")
        if entry["phase"] == "intent" and entry["kind"] in ("step", "switch") and owner in owners:
            found.setdefault(owner, []).append((entry, outcomes.get(entry["id"])))
    return found


def _act(intent: Entry, outcome: Entry | None, parts: Sequence[tuple[Entry, Entry | None]]) -> Change:
    body = {**intent["body"], **(outcome["body"] if outcome else {})}
    began = seconds_of(intent["time"])
    services, hosts = _scope(intent, body, parts)
    kind, release = str(intent["kind"]), str(intent["release"])
    owner = kind in OWNERS
    moments = sorted({seconds_of(entry["time"]) for pair in parts for entry in pair if entry}) if owner else []
    if not moments:
        moments = [began] + ([seconds_of(outcome["time"])] if outcome else [])
    size, size_text = _size(kind, body, services, hosts)
    verdict = str(body.get("verdict", "")) if outcome else "open"
    return Change(
        id=str(intent["id"]),
        kind=kind,
        what=_what(kind, release, str(intent["subject"]), body),
        who=str(intent["actor"]["name"]),
        release=release,
        services=services,
        hosts=hosts,
        moments=tuple(moments),
        began=began,
        size=size,
        size_text=size_text,
        verdict=verdict,
        # A deployment that went back before any step or switch has changed nothing that users could meet.
        reached=bool(parts) or not owner or verdict in ("passed", "open") or not body.get("plan"),
        notes=tuple(_notes(kind, body, verdict)),
    )


def _scope(intent: Entry, body: Mapping[str, Any], parts: Sequence[tuple[Entry, Entry | None]]) -> tuple[frozenset[str], frozenset[str]]:
    services: set[str] = set()
    hosts: set[str] = set()
    plan = intent["body"].get("plan") or {}
    for service in plan.get("services") or ():
        services.add(str(service["service"]))
        hosts.update(map(str, service.get("hosts") or ()))
    for part, _outcome in parts:
        services.update(filter(None, [str(part["body"].get("service") or "")]))
        hosts.update(map(str, part["body"].get("hosts") or ()))
    named = body.get("services")
    services.update(map(str, named) if isinstance(named, Mapping) else (str(each) for each in named or () if isinstance(each, str)))
    services.update(_subject_services(intent, hosts))
    told = body.get("hosts")
    if not hosts and isinstance(told, (Mapping, list, tuple)):
        hosts.update(map(str, told))
    return frozenset(services), frozenset(hosts)


def _subject_services(intent: Entry, hosts: set[str]) -> list[str]:
    """The subject is a service, services with commas, or `<host>/<service>`."""
    subject = str(intent["subject"])
    host, slash, service = subject.partition("/")
    if slash:
        hosts.add(host)
        return [service]
    return [name for name in subject.split(",") if name]


def _what(kind: str, release: str, subject: str, body: Mapping[str, Any]) -> str:
    if kind == "migration":
        return f"{body.get('phase', '')} migration of {subject or 'the schema'} for {release}".strip()
    if kind == "switch":
        return f"switch of {subject} from {body.get('from', '?')} to {body.get('to', '?')}"
    if kind == "data_sync":
        return f"data refresh of {subject} from {body.get('source', '?')}"
    return " ".join(part for part in (kind.replace("_", " "), release, f"of {subject}" if subject else "") if part)


def _size(kind: str, body: Mapping[str, Any], services: frozenset[str], hosts: frozenset[str]) -> tuple[int, str]:
    if kind == "migration":
        applied = body.get("applied") or body.get("pending") or []
        count = len(applied) if isinstance(applied, (list, tuple)) else 1
        return (4 * max(count, 1), f"{count} migrations{', one way' if body.get('one_way') else ''}") if count else (0, "nothing to migrate")
    if kind == "repair":
        paths = body.get("paths") or []
        return max(1, len(paths)), f"{len(paths)} items put back"
    if kind in OWNERS:
        return 8 * max(1, len(services)), f"a release of {_count(len(services), 'service')} on {_count(len(hosts), 'host')}"
    return 8, f"a {kind.replace('_', ' ')} of {_count(len(services), 'service')}" if services else "all of the environment"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else f"unnamed {word}s"


def _notes(kind: str, body: Mapping[str, Any], verdict: str) -> Iterator[str]:
    if verdict == "open":
        yield "it has no outcome: it is under way, or its run was killed; see evenkeel.release.status and evenkeel.release.recover"
    if kind == "migration" and body.get("partial"):
        yield "it stopped half way"
    problems = body.get("problems") or []
    if problems and isinstance(problems[0], Mapping):
        yield f"it said itself: {problems[0].get('host', '')} ({problems[0].get('phase', '')}): {str(problems[0].get('reason', ''))[:200]}"


def _related(acts: Sequence[Change]) -> list[Change]:
    """Which release was taken back, and when; which migration came with which deployment."""
    found = []
    for act in acts:
        if act.kind in ("deployment", "promotion"):
            back = _back(act, acts)
            found.append(replace(act, undone=back) if back else act)
        elif act.kind == "migration":
            owner = next((each for each in acts if each.kind in OWNERS and each.release == act.release and each.began <= act.began <= each.moments[-1]), None)
            found.append(replace(act, part_of=owner.id, notes=(*act.notes, f"it came with the {owner.what}")) if owner else act)
        else:
            found.append(act)
    return found


def _back(act: Change, acts: Sequence[Change]) -> float | None:
    """A deployment that failed went back by itself when it ended; else a rollback of its services after it takes it back."""
    if act.verdict == "failed":
        return act.moments[-1]
    for later in acts:
        if later.kind == "rollback" and later.verdict == "passed" and later.began > act.began and (not act.services or later.services & act.services):
            return later.moments[-1]
        if later.kind == "deployment" and later.verdict == "passed" and later.began > act.began and act.services and act.services <= later.services:
            return None
    return None


def _baselines(own: Iterable[Entry]) -> Iterator[Change]:
    for entry in own:
        if entry["kind"] == "baseline":
            body = entry["body"]
            yield Change(
                id=str(entry["id"]),
                kind="baseline",
                what=f"baseline {entry['subject']} {body.get('event', 'recorded')}",
                who=str(entry["actor"]["name"]),
                release="",
                moments=(seconds_of(entry["time"]),),
                began=seconds_of(entry["time"]),
                size=1,
                size_text="what counts as expected, not what runs",
                verdict="passed",
            )
