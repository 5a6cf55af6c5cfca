# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page shows, from ledger entries (oldest first, as mappings) and samples: pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import data as refreshed
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import drift as drifts
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.samples import Sample, totals

Entry = Mapping[str, Any]


class Load(NamedTuple):
    """`environment` says whose switches to mark; empty marks all."""

    name: str
    samples: list[Sample]
    environment: str = ""


# The audit trail of single tasks and the leases would drown what a reader looks for.
SHOWN = (
    "provision",
    "teardown",
    "deployment",
    "promotion",
    "rollback",
    "recovery",
    "switch",
    "migration",
    "verification",
    "data_sync",
    "data_purge",
    "drift",
    "repair",
    "baseline",
    "gate",
    "report",
)
# Of a shown value: a list of findings may be long, and the ledger has all of it.
LONGEST = 200
DEPLOYING = ("deployment", "rollback", "recovery")
WORDS = {"passed": "passed", "failed": "failed", "errored": "could not tell", "inconclusive": "too little data"}


def build(
    *,
    title: str,
    now: str,
    entries: Sequence[Entry],
    verification: Mapping[str, Any],
    loads: Sequence[Load],
    environment: str = "",
) -> dict[str, Any]:
    """verification: {entries, heads: {stream: {seq, hash, ...}}, faults: [{text}]}, as the ledger's report gives it."""
    shown = [entry for entry in entries if not environment or entry["environment"] == environment]
    environments = _environments(shown)
    unfinished = [entry for entry in views.open_intents(shown) if entry["kind"] in SHOWN]
    data = refreshed.section(shown, names=[place["name"] for place in environments if place["services"]], now=now)
    environments = [{**place, "data": refreshed.short(data, place["name"])} for place in environments]
    return {
        "title": title,
        "generated": clock(now),
        "environment": environment,
        "state": _state(environments, unfinished, verification, refreshed.notes(data)),
        "environments": environments,
        "parity": _parity(environments),
        "drift": drifts.section(shown),
        "data": data,
        "gates": [_gate(entry) for entry in reversed(shown) if entry["kind"] == "gate" and entry["phase"] != "intent"],
        "timeline": _timeline(shown),
        "loads": [{**load._asdict(), **totals(load.samples)} for load in loads],
        "versions": sorted({sample.version for load in loads for sample in load.samples if sample.version}),
        "switches": _switches(shown),
        "ledger": _ledger(verification),
    }


def clock(moment: str) -> str:
    return moment[:19].replace("T", " ") + " UTC" if moment else ""


def epoch(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _environments(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    running = views.deployments(entries)
    order = list(dict.fromkeys(entry["environment"] for entry in entries if entry["environment"]))
    return [_environment(name, running.get(name, {}), entries) for name in order]


def _environment(name: str, services: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    own = [entry for entry in entries if entry["environment"] == name]
    acts = [row for row in views.history(own) if row["kind"] in DEPLOYING]
    return {
        "name": name,
        "services": [
            {"name": service or "all services", "release": known["release"], "since": clock(known["since"]), "by": known["by"]}
            for service, known in sorted(services.items())
        ],
        "releases": sorted({str(known["release"]) for known in services.values()}),
        "last": _act(acts[-1]) if acts else None,
        "drift": _drift(own),
    }


def _act(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "release": row["release"],
        "verdict": row["verdict"],
        "word": WORDS.get(row["verdict"], row["verdict"]),
        "time": clock(row["ended"] or row["began"]),
        "by": row["by"],
    }


def _drift(own: Sequence[Entry]) -> dict[str, Any] | None:
    """The newest report of each subject, taken together."""
    newest = {entry["subject"]: entry for entry in own if entry["kind"] == "drift" and entry["phase"] != "intent"}
    if not newest:
        return None
    findings = [item for entry in newest.values() for item in _items(entry["body"].get("findings"))]
    verdicts = {str(entry["body"].get("verdict") or "errored") for entry in newest.values()}
    worst = next((word for word in ("failed", "errored", "inconclusive") if word in verdicts), "passed")
    return {
        "verdict": worst,
        "count": len(findings) or sum(_count(entry["body"].get("findings")) for entry in newest.values()),
        "paths": list(dict.fromkeys(str(item.get("path") or item.get("name") or "") for item in findings if isinstance(item, Mapping)))[:5],
        "time": clock(max(entry["time"] for entry in newest.values())),
    }


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _parity(environments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names: dict[str, dict[str, str]] = {}
    for environment in environments:
        for service in environment["services"]:
            names.setdefault(service["name"], {})[environment["name"]] = service["release"]
    differing = {service: places for service, places in names.items() if len(set(places.values())) > 1}
    return {"services": len(names), "differing": differing}


def _state(environments: Iterable[Mapping[str, Any]], unfinished: Sequence[Entry], verification: Mapping[str, Any], more: Sequence[str]) -> dict[str, Any]:
    found = []
    if verification["faults"]:
        found.append(f"The ledger was changed: {len(verification['faults'])} faults.")
    found += [
        f"{entry['kind'].replace('_', ' ').capitalize()} of {entry['release'] or entry['subject'] or 'an environment'}"
        f" in {entry['environment'] or 'no environment'} was begun and never ended."
        for entry in unfinished
    ]
    for environment in environments:
        drift = environment["drift"]
        if drift and drift["verdict"] != "passed":
            found.append(f"{environment['name'].capitalize()} differs from its baseline ({drift['count']} findings).")
        if environment["last"] and environment["last"]["verdict"] not in ("passed", "open"):
            last = environment["last"]
            kept = ", ".join(environment["releases"])
            stays = f"; it serves {kept}" if kept else ""
            found.append(f"The last {last['kind']} in {environment['name']}, {last['release']}, ended {last['word']}{stays}.")
    found += more
    verdict = "failed" if verification["faults"] else "attention" if found else "passed"
    return {"verdict": verdict, "notes": found}


def _gate(entry: Entry) -> dict[str, Any]:
    body = entry["body"]
    verdict = str(body.get("verdict") or "errored")
    return {
        "time": clock(entry["time"]),
        "environment": entry["environment"],
        "release": entry["release"],
        "act": str(body.get("act") or "change"),
        "verdict": verdict,
        "word": "allowed" if verdict == "passed" else "refused",
        "by": entry["actor"]["name"],
        "rules": [_rule(rule) for rule in body.get("rules", [])],
    }


def _word(rule: Mapping[str, Any], verdict: str) -> str:
    """A rule that did not agree and refused nothing says why it did not."""
    word = WORDS.get(verdict, verdict)
    if verdict == "passed":
        return word
    if rule.get("waived"):
        return f"{word}, waived by {rule['waived'].get('approver')}"
    return word + {"warn": ", only warned of", "dryrun": ", only tried out"}.get(str(rule.get("enforcement")), "")


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    verdict = str(rule["verdict"])
    return {
        "name": rule["name"],
        "policy": rule.get("policy", ""),
        "severity": rule.get("severity", ""),
        "verdict": verdict,
        "word": _word(rule, verdict),
        "values": [(key, json.dumps(value, ensure_ascii=False)[:LONGEST]) for key, value in rule.get("values", {}).items()],
        "reason": rule.get("reason", ""),
        "remedy": rule.get("remedy", ""),
        "problem": rule.get("problem", ""),
    }


def _timeline(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    rows = [row for row in views.history(entries) if row["kind"] in SHOWN]
    return [
        {
            "time": clock(row["began"]),
            "seconds": round(epoch(row["ended"]) - epoch(row["began"]), 1) if row["ended"] else None,
            "kind": row["kind"].replace("_", " "),
            "environment": row["environment"],
            "release": row["release"],
            "subject": row["subject"],
            "verdict": row["verdict"],
            "word": WORDS.get(row["verdict"], row["verdict"]),
            "by": row["by"],
            "text": _text(row),
        }
        for row in reversed(rows)
    ]


def _text(row: Mapping[str, Any]) -> str:
    """One line of what the body says, from the few keys that mean something to a reader."""
    body = row["body"]
    if row["kind"] == "switch" and body.get("to"):
        return f"traffic from {body.get('from') or 'nothing'} to {body['to']}"
    if row["kind"] == "drift" or row["subject"].startswith("parity/"):
        findings = body.get("findings")
        return f"{len(_items(findings)) or _count(findings)} findings"
    if row["kind"] in ("data_sync", "data_purge"):
        return refreshed.line(row)
    problems = [str(item.get("reason", "")) for item in _items(body.get("problems")) if isinstance(item, Mapping)]
    if problems:
        return problems[0]
    return str(body.get("message") or body.get("reason") or body.get("summary") or "")


def _switches(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """When traffic moved: the outcome where there is one, the intent of a run that was killed else."""
    rows = [row for row in views.history(entries) if row["kind"] == "switch"]
    return [{"t": epoch(row["ended"] or row["began"]), "release": row["release"], "environment": row["environment"]} for row in rows]


def _ledger(verification: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "entries": verification["entries"],
        "ok": not verification["faults"],
        "faults": [str(fault["text"]) for fault in verification["faults"]],
        "heads": [
            {"stream": name, "seq": head["seq"], "hash": head["hash"], "time": clock(str(head.get("time") or ""))}
            for name, head in sorted(verification["heads"].items())
        ],
    }
