# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a run that began and never ended: a pure function of the ledger and of what the balancers serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import progress, rollout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.plan import other

Entry = Mapping[str, Any]
DEPLOYING = ("deployment", "rollback")


def what_next(*, entries: Sequence[Entry], open_intents: Sequence[Entry]) -> dict[str, Any]:
    """The decision about the last interrupted deployment or rollback, with the `batches` of the hosts that it touched; {} when there is none.

    A recovery that was killed changes nothing about it, however far it came: the next one decides the same and does it once more.
    """
    interrupted = [entry for entry in open_intents if entry["kind"] in DEPLOYING]
    if not interrupted:
        return {}
    intent = interrupted[-1]
    decision = decide(intent=intent, later=entries[entries.index(intent) + 1 :])
    batches = rollout.back(intent["body"]["plan"], progress.touched(progress.steps(entries, intent["id"])))
    return {**decision, "batches": batches if decision["direction"] == "roll_back" else batches[::-1]}


def decide(*, intent: Entry, later: Sequence[Entry]) -> dict[str, Any]:
    """The direction for one interrupted deployment or rollback.

    intent: the open entry, its body holds the plan; later: the entries after it.
    A verified release goes forward; anything else goes back to what served before, the only state known to be good.
    """
    verified = _verified(intent, later)
    plan = intent["body"]["plan"]
    return {
        "intent": intent["id"],
        "kind": intent["kind"],
        "release": intent["release"],
        "direction": "finish" if verified else "roll_back",
        "why": (
            f"release {intent['release']} was verified before the run ended"
            if verified
            else f"release {intent['release']} was not verified before the run ended; it was last seen {_last_step(later)}"
        ),
        "services": settle_plan(plan, forward=verified),
    }


def _settle(service: Mapping[str, Any], *, forward: bool) -> dict[str, Any]:
    """Which colour and release stays, which goes. Without a previous release nothing stays running."""
    hosts = {host: {**at, **_colours(at, forward=forward)} if "live" in at else dict(at) for host, at in service["hosts"].items()}
    return {
        **service,
        **_colours(service, forward=forward),
        "hosts": hosts,
        "keep_release": service["release"] if forward else service["previous"],
        "drop_release": service["previous"] if forward else service["release"],
    }


def _colours(at: Mapping[str, Any], *, forward: bool) -> dict[str, str]:
    keep = str(at["idle"] if forward else at["live"])
    return {"keep": keep, "drop": other(keep)}


def settle_plan(plan: Mapping[str, Any], *, forward: bool) -> list[dict[str, Any]]:
    """In the order in which they are settled: on the way back what needs another goes before it, and it came after it."""
    services = plan["services"] if forward else reversed(plan["services"])
    return [_settle(service, forward=forward) for service in services]


def tell(*, open_intents: Sequence[Entry], decision: Mapping[str, Any]) -> list[str]:
    """What an operator reads at the start of a recovery, a line each."""
    if not open_intents:
        return ["Every act in the ledger has its outcome: there is nothing to recover."]
    lines = [
        f"{entry['kind']} {entry['release']} of {entry['environment']} began at {entry['time']} by {entry['actor']['name']} and never ended"
        for entry in open_intents
    ]
    if decision:
        lines.append(f"{'going on with' if decision['direction'] == 'finish' else 'rolling back'} {decision['release']}: {decision['why']}")
        lines += [
            f"{service['service']}: {service['keep']} stays on {', '.join(service['hosts'])} with {service['keep_release'] or 'no release'}"
            for service in decision["services"]
        ]
    return lines


def _verified(intent: Entry, later: Iterable[Entry]) -> bool:
    return any(entry["kind"] == "verification" and entry["body"].get("intent") == intent["id"] and entry["body"].get("verdict") == "passed" for entry in later)


def _last_step(later: Sequence[Entry]) -> str:
    steps = [f"{entry['kind']} {entry['phase']}" for entry in later if entry["kind"] in {"migration", "switch", "verification", "rollback"}]
    return f"at {steps[-1]}" if steps else "before its first step"
