# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules of approvals.yml hold for an act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

RISKS = ("low", "moderate", "high", "critical")
Data = Mapping[str, Any]


def applying(rules: Sequence[Data], *, environment: Data, act: str, risk: str | None) -> tuple[list[Data], str]:
    """(the rules, why it can't be told). All of them must be satisfied; no rule at all permits nothing.

    environment is its document: required_approvals is a rule as well.
    """
    fitting = [rule for rule in rules if in_scope(rule.get("applies_to") or {}, environment, act)]
    if risk not in RISKS and any((rule.get("applies_to") or {}).get("risks") for rule in fitting):
        return [], f"the risk is {risk!r}, and rules of approvals.yml ask for it; known are {', '.join(RISKS)}"
    chosen = [rule for rule in fitting if not (rule.get("applies_to") or {}).get("risks") or risk in rule["applies_to"]["risks"]]
    if not chosen:
        where = f"{environment['name']} (tier {environment.get('tier')}), risk {risk or 'unknown'}"
        return [], f"no rule of approvals.yml says who approves the act {act} in {where}: what nothing permits is denied"
    required = environment.get("required_approvals") or 0
    if required:
        chosen.append({"name": "environment", "people": required, "reason": f"The document of {environment['name']} requires so many."})
    return chosen, ""


def in_scope(scope: Data, environment: Data, act: str) -> bool:
    wanted = {"tiers": environment.get("tier"), "environments": environment.get("name"), "acts": act}
    return all(not scope.get(key) or value in scope[key] for key, value in wanted.items())
