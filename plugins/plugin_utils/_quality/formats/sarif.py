# SPDX-License-Identifier: GPL-3.0-or-later
"""SARIF 2.1.0 (OASIS): static and dynamic analysis, scanners of infrastructure code.

A result counts when its kind is fail, no accepted suppression covers it and its baselineState is not absent. Its level is its own, else that of its rule,
else warning (3.27.10); its severity is the rule's security-severity on the scale of CVSS, as code scanners write it.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import ERRORED, INCONCLUSIVE, ITEMS, PASSED, Reading, short, worst
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAME = "sarif"
LEVELS = ("error", "warning", "note", "none")
_SCALE = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
_ORDER = ("critical", "high", "error", "medium", "warning", "low", "note", "none")


def sniff(doc: Document) -> bool:
    return doc.syntax == "json" and isinstance(doc.value, dict) and isinstance(doc.value.get("runs"), list) and "version" in doc.value


def read(doc: Document) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    if top.get("version") != "2.1.0":
        doc.refuse("version", found=repr(top.get("version"))[:60], allowed="2.1.0", next_step="make the scanner write SARIF 2.1.0")
    runs = [_run(doc, run, place) for place, run in take.mappings(doc, top.get("runs"), "runs")]
    if not runs:
        return [Reading("static_analysis", INCONCLUSIVE, zero(), "the file has no run")]
    verdict = worst(run.verdict for run in runs)
    numbers = {name: sum(run.numbers[name] for run in runs) for name in zero()}
    items = sorted((item for run in runs for item in run.items), key=lambda item: _ORDER.index(item["severity"] or item["level"]))
    times = [run.made_at for run in runs if run.made_at]
    return [
        Reading(
            "static_analysis",
            verdict,
            numbers,
            "; ".join(dict.fromkeys(run.reason for run in runs if run.reason)),
            tool=", ".join(dict.fromkeys(run.tool for run in runs)),
            tool_version=", ".join(dict.fromkeys(run.tool_version for run in runs if run.tool_version)),
            made_at=min(times, default=None),
            items=tuple(items[:ITEMS]),
        )
    ]


def zero() -> dict[str, int]:
    """The numbers of a scan that found nothing."""
    return dict.fromkeys((*LEVELS, "critical", "high", "medium", "low", "unrated", "findings", "new", "review", "suppressed", "gone", "tool_errors"), 0)


def _run(doc: Document, run: dict[str, Any], place: str) -> Reading:
    driver = take.mapping(doc, take.mapping(doc, run.get("tool"), f"{place}.tool").get("driver"), f"{place}.tool.driver")
    tool = short(take.text(doc, driver.get("name"), f"{place}.tool.driver.name"))
    version = short(driver.get("semanticVersion") or driver.get("version") or "")
    numbers = zero()
    items: list[dict[str, Any]] = []
    rules = _rules(doc, run, place)
    for here, result in take.mappings(doc, run.get("results"), f"{place}.results", optional=True):
        _count(numbers, items, doc, result, here, rules)
    verdict, reason, times = PASSED, "", []
    if run.get("results") is None:
        # 3.14.23: absent when the tool did not look; a scan without findings has an empty list.
        verdict, reason = INCONCLUSIVE, f"{tool} gives no results, not even an empty list"
    for here, call in take.mappings(doc, run.get("invocations"), f"{place}.invocations", optional=True):
        numbers["tool_errors"] += _errors(doc, call, here)
        times += [take.moment(doc, call[key], f"{here}.{key}") for key in ("startTimeUtc", "endTimeUtc") if call.get(key)]
        if not take.flag(doc, call.get("executionSuccessful", True), f"{here}.executionSuccessful"):
            verdict, reason = ERRORED, f"{tool} says that it failed (executionSuccessful is false)"
    return Reading("static_analysis", verdict, numbers, reason, tool, version, min(times, default=None), items=tuple(items))


def _errors(doc: Document, call: dict[str, Any], place: str) -> int:
    found = 0
    for name in ("toolExecutionNotifications", "toolConfigurationNotifications"):
        found += sum(one.get("level") == "error" for _here, one in take.mappings(doc, call.get(name), f"{place}.{name}", optional=True))
    return found


Rules = dict[Any, dict[str, Any]]


def _rules(doc: Document, run: dict[str, Any], place: str) -> Rules:
    """By id, and those of the driver by their number too."""
    found: Rules = {}
    tool = run["tool"]
    for here, extension in take.mappings(doc, tool.get("extensions"), f"{place}.tool.extensions", optional=True):
        for _place, rule in take.mappings(doc, extension.get("rules"), f"{here}.rules", optional=True):
            found[rule.get("id") if isinstance(rule.get("id"), str) else None] = rule
    for number, (_place, rule) in enumerate(take.mappings(doc, tool["driver"].get("rules"), f"{place}.tool.driver.rules", optional=True)):
        found[number] = rule
        found[rule.get("id") if isinstance(rule.get("id"), str) else None] = rule
    return found


def _count(numbers: dict[str, int], items: list[dict[str, Any]], doc: Document, result: dict[str, Any], place: str, rules: Rules) -> None:
    rule = _rule(result, rules)
    kind = result.get("kind", "fail")
    if result.get("baselineState") == "absent":
        numbers["gone"] += 1
    elif kind in ("open", "review"):
        numbers["review"] += 1
    elif kind != "fail":
        return  # pass, notApplicable, informational
    elif _suppressed(doc, result, place):
        numbers["suppressed"] += 1
    else:
        level, severity = _level(doc, result, rule, place), _severity(doc, result, rule, place)
        numbers["findings"] += 1
        numbers[level] += 1
        numbers[severity or "unrated"] += 1
        numbers["new"] += result.get("baselineState", "new") in ("new", "updated")
        if len(items) < 50 or _ORDER.index(severity or level) < 3:
            items.append({"rule": short(result.get("ruleId") or rule.get("id") or ""), "level": level, "severity": severity, "where": _where(result)})


def _rule(result: dict[str, Any], rules: Rules) -> dict[str, Any]:
    reference = _inner(result, "rule")
    for key in (result.get("ruleId"), reference.get("id"), result.get("ruleIndex")):
        if isinstance(key, (str, int)) and key in rules:
            return rules[key]
    return {}


def _inner(owner: dict[str, Any], key: str) -> dict[str, Any]:
    value = owner.get(key)
    return value if isinstance(value, dict) else {}


def _level(doc: Document, result: dict[str, Any], rule: dict[str, Any], place: str) -> str:
    level = result.get("level") or _inner(rule, "defaultConfiguration").get("level") or "warning"
    if level not in LEVELS:
        doc.refuse(f"{place}.level", found=repr(level)[:60], allowed=", ".join(LEVELS))
    return str(level)


def _severity(doc: Document, result: dict[str, Any], rule: dict[str, Any], place: str) -> str:
    """Of the result itself, else of its rule; empty where neither has one."""
    for owner in (result, rule):
        properties = _inner(owner, "properties")
        if properties.get("security-severity") not in (None, ""):
            score = take.number(doc, properties["security-severity"], f"{place}: security-severity")
            return next((name for least, name in _SCALE if score >= least), "low")
    return ""


def _suppressed(doc: Document, result: dict[str, Any], place: str) -> bool:
    """3.27.23: one that is under review or rejected keeps the result visible."""
    found = list(take.mappings(doc, result.get("suppressions"), f"{place}.suppressions", optional=True))
    return bool(found) and all(one.get("status", "accepted") == "accepted" for _here, one in found)


def _where(result: dict[str, Any]) -> str:
    try:
        place = result["locations"][0]["physicalLocation"]
        return short(f"{place['artifactLocation']['uri']}:{place.get('region', {}).get('startLine', '')}".rstrip(":"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return ""
