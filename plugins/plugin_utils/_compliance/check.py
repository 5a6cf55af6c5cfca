# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot against the rules of a security baseline. Pure: no clock, no disk. What was not looked at has never passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.operators import EXISTENCE, OPERATORS
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.rules import SEVERITIES, Baseline, Rule
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches

Items = Mapping[str, Mapping[str, Any]]
Collectors = Mapping[str, Mapping[str, Any]]
Answer = dict[str, Any]
MOST = 20  # pieces of evidence; more of the same convinces nobody better
# Kinds whose items come out of files, and are told under the file when that cannot be read.
WHOLE = ("sudo", "key", "group", "cron")
OUTCOME = {"pass": "passed", "fail": "failed", "unknown": "unknown"}


def check(
    baseline: Baseline, items: Items, collectors: Collectors, *, waivers: Sequence[Mapping[str, Any]] = (), today: date, host: str = "", threshold: str = "low"
) -> Answer:
    """{baseline, verdict, results, counts, faults, unused}; one result per rule."""
    found = [judge(rule, items, collectors) for rule in baseline.rules]
    faults, used = [], set()
    for index, waiver in enumerate(waivers):
        faults += waiver_faults(waiver, baseline, today)
        for result in found:
            if result["result"] == "failed" and _covers(waiver, result["id"], host) and not waiver_faults(waiver, baseline, today):
                used.add(index)
                result.update(result="waived", waiver={key: str(waiver[key]) for key in ("reason", "owner", "expires")})
    results = ("passed", "failed", "waived", "unknown")
    return {
        "baseline": baseline.name,
        "verdict": verdict(found, faults, threshold),
        "results": found,
        "counts": {name: sum(result["result"] == name for result in found) for name in results},
        "faults": faults,
        "unused": [dict(waiver) for index, waiver in enumerate(waivers) if index not in used],
    }


def verdict(results: Sequence[Mapping[str, Any]], faults: Sequence[str], threshold: str) -> str:
    worst = SEVERITIES[SEVERITIES.index(threshold) :]
    heavy = {result["result"] for result in results if result["severity"] in worst}
    if "failed" in heavy or faults:
        return "failed"
    return "inconclusive" if "unknown" in heavy else "passed"


def judge(rule: Rule, items: Items, collectors: Collectors) -> Answer:
    result: Answer = {"id": rule.id, "title": rule.title, "severity": rule.severity, "rationale": rule.rationale, "remedy": rule.remedy}
    blind = [_blind(kind, collectors) for kind in sorted(rule.kinds)]
    if any(blind):
        return {**result, "result": "unknown", "evidence": [], "reason": next(filter(None, blind))}
    named = {key: item for key, item in items.items() if any_matches(rule.items, key) and not any_matches(rule.but, key)}
    # Whether it is there is known of an item that cannot be read.
    unreadable = {key: str(item["unknown"]) for key, item in named.items() if rule.operator not in EXISTENCE and "unknown" in item and not _told(rule, item)}
    unreadable.update(_covering(rule, items))
    if rule.applies and not named and not unreadable and not any(any_matches([rule.applies], key) for key in items):
        return {**result, "result": "passed", "evidence": [], "reason": f"there is no {rule.applies} that it could hold for"}
    chosen = {key: item for key, item in named.items() if key not in unreadable and _where(rule, item)}
    outcome, evidence, reason = _outcome(rule, chosen)
    if unreadable and (outcome != "failed" or not evidence):
        key = min(unreadable)
        return {**result, "result": "unknown", "evidence": sorted(unreadable)[:MOST], "reason": f"{key}: {unreadable[key]}"}
    return {**result, "result": outcome, "evidence": evidence[:MOST], "reason": reason}


def _outcome(rule: Rule, chosen: Items) -> tuple[str, list[Any], str]:
    if rule.operator == "absent":
        return ("failed", sorted(chosen), "it is there") if chosen else ("passed", [], "it is not there")
    if not chosen:
        return OUTCOME[rule.on_missing], [], f"nothing is named {' or '.join(rule.items)}"
    if rule.operator == "present":
        return "passed", sorted(chosen), "it is there"
    seen = [(key, item.get(rule.attribute), _holds(rule, item)) for key, item in sorted(chosen.items())]
    for outcome in ("failed", "unknown", "passed"):
        evidence = [{"item": key, "value": value} for key, value, holds in seen if holds == outcome]
        if evidence:
            more = f", and {len(evidence) - 1} more" if len(evidence) > 1 else ""
            return outcome, evidence, f"{evidence[0]['item']} has {rule.attribute} {evidence[0]['value']}{more}; wanted is {rule.operator} {rule.value}"
    return "unknown", [], "nothing was judged"


def _holds(rule: Rule, item: Mapping[str, Any]) -> str:
    if item.get("secret") and rule.attribute not in item:
        return "unknown"
    if rule.attribute not in item:
        return OUTCOME[rule.on_missing]
    try:
        return "passed" if OPERATORS[rule.operator](item[rule.attribute], rule.value) else "failed"
    except (ValueError, TypeError):
        return "unknown"


def _told(rule: Rule, item: Mapping[str, Any]) -> bool:
    """An item may be unknown in part: the attribute of the rule may well be there."""
    return rule.attribute in item and all(name in item for name in rule.where)


def _where(rule: Rule, item: Mapping[str, Any]) -> bool:
    """Each attribute is one of the wanted; {at_least: 1000} and the like are operators."""
    for name, wanted in rule.where.items():
        if isinstance(wanted, Mapping):
            if name not in item or not all(_safely(operator, item[name], value) for operator, value in wanted.items()):
                return False
        elif item.get(name) not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


def _safely(operator: str, found: Any, wanted: Any) -> bool:
    try:
        return OPERATORS[operator](found, wanted)
    except (ValueError, TypeError):
        return False


def _covering(rule: Rule, items: Items) -> dict[str, str]:
    """What could not be read as a whole hides all that would have been in it: `config:sshd_config`, `sudo:/etc/sudoers`, `key:*`."""
    heads = {":".join(item.split(":")[:2]) for item in rule.items if item.count(":") > 1}
    return {key: str(item["unknown"]) for key, item in items.items() if "unknown" in item and (key in heads or _source(rule, key))}


def _source(rule: Rule, key: str) -> bool:
    kind, _colon, name = key.partition(":")
    return kind in WHOLE and kind in rule.kinds and (name.startswith("/") or name == "*") and ":" not in name


def _blind(kind: str, collectors: Collectors) -> str:
    name = registry.KIND_OF.get(kind, "")
    state = collectors.get(name)
    if state is None:
        return f"the snapshot did not look at {name or kind}"
    return "" if state.get("state") == "read" else f"{name}: {state.get('reason', 'no reason given')}"


def waiver_faults(waiver: Mapping[str, Any], baseline: Baseline, today: date) -> list[str]:
    missing = [key for key in ("rule", "reason", "owner", "expires") if not waiver.get(key)]
    if missing:
        return [f"The waiver {dict(waiver)} lacks {', '.join(missing)}."]
    if not any(any_matches([str(waiver["rule"])], rule.id) for rule in baseline.rules):
        return [f"The waiver of {waiver['rule']} names no rule of {baseline.name}."]
    try:
        ends = date.fromisoformat(str(waiver["expires"])[:10])
    except ValueError:
        return [f"The waiver of {waiver['rule']} expires on {waiver['expires']!r}, which is no day."]
    return [f"The waiver of {waiver['rule']} by {waiver['owner']} expired on {ends}: mend it, or decide anew."] if ends < today else []


def _covers(waiver: Mapping[str, Any], rule: str, host: str) -> bool:
    hosts = waiver.get("hosts") or ["*"]
    return any_matches([str(waiver.get("rule"))], rule) and any_matches([str(one) for one in hosts], host or "*")
