# SPDX-License-Identifier: GPL-3.0-or-later
"""What is proved of a release: the section `quality` of the evidence document that policies are asked about.

A pure function of ledger entries, the release manifest and now. Per kind of evidence and component:

1. Only evidence for exactly the component's digest counts, and evidence for the manifest, which pins that digest among others.
2. Of each name (which run it was: unit, e2e, semgrep) the newest counts: by made_at, then by the order of the ledger. Earlier ones are `attempts`.
3. Different names are taken together (`combine.together`); the verdict is the worst, the time the oldest.
4. What is absent is absent: a condition on it is an error, and an error denies. `all` (the worst of all components) is there only when every
   component has that kind of evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import baseline, combine, licences
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.document import SKEW, artifacts, digest_of, is_evidence
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import ERRORED, INCONCLUSIVE, KINDS, WORST, worst
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.statement import KINDS as SIGNED
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.take import parse_time

Entry = Any  # a ledger entry, or its dictionary
_OF_COMPARISON = ("regressions", "releases_compared", "metrics_compared", "metrics_new", "metrics_gone", "creep_percent", "findings")


class _One(NamedTuple):
    """The newest evidence of one name, and how many there were before it."""

    entry: Entry
    made_at: datetime
    attempts: int
    failed: int


def standing(entries: Iterable[Entry], release_manifest: Mapping[str, Any], now: str | datetime, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """{kind: {components: {label: {verdict, made_at, age_seconds, attempts, evidence, *numbers}}, missing: [label], all: {...}}, complete: [kind]}.

    `settings` is the document `evenkeel_quality`: licence lists and the rule for load tests. Shapes: docs/reference/evidence.md.
    """
    moment = now if isinstance(now, datetime) else datetime.fromisoformat(now)
    wanted, whole = artifacts(release_manifest), digest_of(release_manifest)
    every = list(entries)
    mine = [entry for entry in every if is_evidence(entry, {whole, *(one.sha256 for one in wanted)})]
    found: dict[str, Any] = {}
    for kind in KINDS:
        of_kind = [entry for entry in mine if entry["body"]["kind"] == kind]
        if not of_kind:
            continue
        components = {}
        for one in wanted:
            about = [entry for entry in of_kind if entry["subject"] in (one.sha256, whole)]
            if about:
                components[one.label] = _component(kind, about, every, moment, settings or {})
        missing = [one.label for one in wanted if one.label not in components]
        found[kind] = {"components": components, "missing": missing}
        if not missing:
            found[kind]["all"] = combine.worst_of(list(components.values()))
    return {**found, "complete": [kind for kind in found if "all" in found[kind]]}


def _component(kind: str, about: Sequence[Entry], every: Sequence[Entry], now: datetime, settings: Mapping[str, Any]) -> dict[str, Any]:
    newest = _newest(about)
    judged = [_judged(kind, one, every, now, settings) for one in newest]
    verdicts, reasons = [one["verdict"] for one in judged], [one["reason"] for one in judged if one["reason"]]
    try:
        numbers = combine.together([one["numbers"] for one in judged])
        if kind == "licences" and settings.get("licences"):
            numbers |= licences.judge((one["expression"] for one in numbers["expressions"]), **settings["licences"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as exc:  # written by hand, and not by a reader
        numbers = {}
        verdicts.append(ERRORED)
        reasons.append(f"its numbers can't be read ({type(exc).__name__})")
    return {
        "verdict": worst(verdicts),
        "reason": "; ".join(reasons),
        "made_at": min(one["made_at"] for one in judged),
        "age_seconds": max(one["age_seconds"] for one in judged),
        "attempts": sum(one.attempts for one in newest),
        "failed_attempts": sum(one.failed for one in newest),
        "evidence": [{key: one[key] for key in ("name", "entry", "verdict", "made_at", "tool", "environment", "subject")} for one in judged],
        **numbers,
    }


def _newest(about: Sequence[Entry]) -> list[_One]:
    """One per name, place and artifact."""
    groups: dict[tuple[str, str, str], list[tuple[datetime, str, Entry]]] = {}
    for entry in about:
        body = entry["body"]
        made_at = parse_time(body.get("made_at"), timezone.utc) or datetime.max.replace(tzinfo=timezone.utc)
        groups.setdefault((str(body["name"]), entry["environment"], entry["subject"]), []).append((made_at, entry["id"], entry))
    found = []
    for _key, group in sorted(groups.items()):
        ordered = sorted(group, key=lambda one: one[:2])
        before = ordered[:-1]
        failed = sum(entry["body"].get("verdict") != "passed" for _made_at, _id, entry in before)
        found.append(_One(ordered[-1][2], ordered[-1][0], len(ordered), failed))
    return found


def _judged(kind: str, one: _One, every: Sequence[Entry], now: datetime, settings: Mapping[str, Any]) -> dict[str, Any]:
    body, numbers = one.entry["body"], dict(one.entry["body"].get("numbers") or {})
    said = str(body.get("verdict"))
    verdicts, reasons = [said if said in WORST else ERRORED], [str(body.get("reason") or "")]
    if one.made_at > now + SKEW:
        verdicts.append(ERRORED)
        reasons.append(f"{body['name']} says that it was made in the future")
    until = parse_time(numbers.get("valid_until"), timezone.utc)
    if until is not None and until < now:
        verdicts.append(INCONCLUSIVE)
        reasons.append(f"its signer stood by it until {numbers['valid_until']}")
    if kind in SIGNED and not _trusted(body, settings):
        verdicts.append(ERRORED)
        reasons.append("it was checked with allowed signers that evenkeel_quality.signers does not name")
    if kind == "performance":
        compared = _compared(one, every, settings)
        verdicts.append(compared["verdict"])
        reasons.append(compared["reason"])
        numbers = {name: value for name, value in numbers.items() if name != "metrics"} | {name: compared[name] for name in _OF_COMPARISON}
    return {
        "verdict": worst(verdicts),
        "reason": "; ".join(reason for reason in reasons if reason),
        "made_at": str(body.get("made_at")),
        "age_seconds": max(0, int((now - one.made_at).total_seconds())),
        "numbers": numbers,
        "name": body["name"],
        "entry": one.entry["id"],
        "tool": body.get("tool"),
        "environment": one.entry["environment"],
        "subject": one.entry["subject"],
    }


def _trusted(body: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whoever records a statement names the allowed signers; whoever asks may say which of these files count."""
    used = body.get("allowed_signers")
    return "signers" not in settings or (isinstance(used, Mapping) and used.get("sha256") in settings["signers"])


def _compared(one: _One, every: Iterable[Entry], settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return baseline.compare(_run(one.entry, one.made_at), _history(one.entry, every), baseline.settings(settings))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as exc:
        return {"verdict": ERRORED, "reason": f"its figures can't be compared ({type(exc).__name__})", **dict.fromkeys(_OF_COMPARISON)}


def _history(entry: Entry, every: Iterable[Entry]) -> list[baseline.Run]:
    """What was measured of other artifacts under the same component, name and place."""
    body, found = entry["body"], []
    for other in every:
        if not is_evidence(other, {other["subject"]}) or other["environment"] != entry["environment"]:
            continue
        same = all(other["body"].get(key) == body.get(key) for key in ("kind", "name", "component"))
        made_at = parse_time(other["body"].get("made_at"), timezone.utc)
        # What its own tool called a failure, or could not measure, is no example of how it should be.
        if same and made_at is not None and other["body"].get("verdict") == "passed":
            found.append(_run(other, made_at))
    return found


def _run(entry: Entry, made_at: datetime) -> baseline.Run:
    metrics = (entry["body"].get("numbers") or {}).get("metrics") or []
    return baseline.Run(entry["subject"], made_at, {str(one["metric"]): one for one in metrics})
