# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions as the user writes them: their faults, and their plain form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import AGGREGATES, OPERATORS, PER_SAMPLE_PREFIXES


def condition_fault(condition: Mapping[str, Any], known: set[str], *, per_sample: bool, prefixes: tuple[str, ...] = ()) -> Optional[str]:
    """`prefixes` are families of metrics that the kind has beside `known`, such as `header.`."""
    metric = str(condition.get("metric"))
    families = (*prefixes, *(PER_SAMPLE_PREFIXES if known & {"body", "stdout"} else ()))
    if metric not in known and not (families and metric.startswith(families)):
        return f"metric is {metric!r}; allowed: {', '.join(sorted(known))}{''.join(f', {family}<...>' for family in families)}"
    if metric.startswith("jmespath:") and metric not in known:
        fault = _expression_fault(metric.partition(":")[2])
        if fault:
            return f"metric is {metric!r}, which is no JMESPath expression: {fault}"
    if per_sample and metric in AGGREGATES:
        return f"metric {metric} is taken over all samples; allowed in conditions, not in expect"
    if condition.get("op", "eq") not in OPERATORS:
        return f"op is {condition.get('op')!r}; allowed: {', '.join(OPERATORS)}"
    if condition.get("op") == "matches":
        try:
            re.compile(str(condition.get("value")))
        except re.error as exc:
            return f"value is not a regular expression ({exc})"
    return None


def _expression_fault(expression: str) -> str:
    # Few conditions have one, and every module that probes would have to compile the language.
    from ansible_collections.evenkeel.release.plugins.module_utils._probe.jmespath import JmespathError, compiled

    try:
        compiled(expression)
    except JmespathError as exc:
        return str(exc)
    return ""


def plain(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"metric": condition["metric"], "op": OPERATORS[condition.get("op") or "eq"], "value": condition.get("value")}
