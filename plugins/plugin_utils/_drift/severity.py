# SPDX-License-Identifier: GPL-3.0-or-later
"""How bad a difference is: the first rule that matches says it, own rules before those that come with the collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches

Finding = Mapping[str, Any]
Rule = Mapping[str, Any]
LEVELS = ("critical", "high", "medium", "low", "cosmetic")
OTHERWISE = "medium"


@cache
def defaults() -> tuple[Rule, ...]:
    return tuple(yaml.safe_load(Path(__file__).with_name("severities.yml").read_text(encoding="utf-8")))


def severity(finding: Finding, rules: Sequence[Rule] = ()) -> str:
    return _first(finding, rules)[0]


def rated(finding: Finding, rules: Sequence[Rule] = ()) -> dict[str, Any]:
    level, reason = _first(finding, rules)
    return {**finding, "severity": level, **({"severity_reason": reason} if reason else {})}


def by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """All levels, the worst first."""
    counts = Counter(finding["severity"] for finding in findings)
    return {level: counts[level] for level in LEVELS}


def _first(finding: Finding, rules: Sequence[Rule]) -> tuple[str, str]:
    for rule in (*rules, *defaults()):
        if _applies(rule, finding):
            return str(rule["severity"]), str(rule.get("reason", ""))
    return OTHERWISE, ""


def _applies(rule: Rule, finding: Finding) -> bool:
    if rule.get("kinds") and finding["kind"] not in rule["kinds"]:
        return False
    wanted = rule["match"]
    paths = [finding["path"], *([finding["from"]] if "from" in finding else [])]
    if not any(any_matches([wanted] if isinstance(wanted, str) else wanted, path) for path in paths):
        return False
    if not rule.get("attributes"):
        return True
    differing = attributes(finding)
    return bool(differing) and all(any_matches(rule["attributes"], name) for name in differing)


def attributes(finding: Finding) -> set[str]:
    """Names of what differs; none for a thing that came or went as a whole."""
    if finding["kind"] not in ("changed", "renamed"):
        return set()
    return {name for side in (finding["before"], finding["after"]) if isinstance(side, Mapping) for name in side}
