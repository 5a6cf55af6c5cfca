# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From samples to metrics, conditions and a verdict. Pure: no clock, no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec

PASSED, FAILED, ERRORED, INCONCLUSIVE = "passed", "failed", "errored", "inconclusive"
RANK = (PASSED, INCONCLUSIVE, ERRORED, FAILED)

QUANTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
AGGREGATES = ("samples", "error_rate", "success_ratio", *QUANTILES)
TIMES = ("connect_ms", "tls_ms", "ttfb_ms")
# What stands after these says which part of a body or output is meant.
PER_SAMPLE_PREFIXES = ("json.", "jmespath:")
# Of these the last value is reported.
LAST = (
    *("status", "exit_code", "certificate_days_left", "depth", "bytes", "serving", "rcode", "answers", "answer_count", "ttl"),
    *("role", "replicas", "lag_bytes", "lag_seconds", "link", "value", "rows", "server_version", "messages", "consumers", "series", "min", "max"),
)
WORDS = ("eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "matches")
OPERATORS = {**dict(zip(WORDS, WORDS)), "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
SIGNS = {"eq": "=", "ne": "other than", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "in": "one of", "contains": "containing", "matches": "matching"}
SHOWN = 80
MISSING = object()


def judge(spec: Spec, samples: Sequence[Sample]) -> dict[str, Any]:
    """{verdict, reason, metrics, conditions} of one probe. Unknown samples tell nothing about the service and count nowhere."""
    told = [sample for sample in samples if sample["state"] != "unknown"]
    good = [_good(spec, sample) for sample in told]
    metrics = aggregate(told, good)
    answers = [sample for sample in told if sample["state"] == "answered"]
    conditions = [_evaluate(condition, metrics, answers) for condition in spec["conditions"]]
    verdict, reason = _verdict(spec, samples, conditions)
    if verdict == FAILED:
        reason = _with_cause(reason, spec, told)
    return {"verdict": verdict, "reason": reason, "metrics": metrics, "conditions": conditions}


def overall(verdicts: Iterable[str]) -> str:
    """The worst one; no probe at all tells nothing."""
    return max(verdicts, key=RANK.index, default=INCONCLUSIVE)


def aggregate(told: Sequence[Sample], good: Sequence[bool]) -> dict[str, Any]:
    """Figures over all samples; times only of those that were answered."""
    metrics: dict[str, Any] = {"samples": len(told)}
    if told:
        metrics["error_rate"] = round(good.count(False) / len(told), 6)
        metrics["success_ratio"] = round(good.count(True) / len(told), 6)
    answers = [sample for sample in told if sample["state"] == "answered"]
    totals = sorted(sample["total_ms"] for sample in answers)
    if totals:
        metrics.update({name: quantile(totals, share) for name, share in QUANTILES.items()})
    for name in TIMES:
        values = sorted(sample[name] for sample in answers if name in sample)
        if values:
            metrics[name] = quantile(values, 0.5)
    for name in LAST:
        values = [sample[name] for sample in answers if name in sample]
        if values:
            metrics[name] = values[-1]
    return metrics


def quantile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest measured value that at least `share` of all do not exceed; never an invented one."""
    rank = max(1, -(-len(ordered) * round(share * 100) // 100))
    return ordered[rank - 1]


def compare(op: str, found: Any, value: Any) -> bool:
    """Whether `found` meets the condition; values that cannot be ordered do not."""
    if op in ("eq", "ne"):
        return _same(found, value) == (op == "eq")
    if op == "in":
        return any(_same(found, one) for one in (value if isinstance(value, (list, tuple)) else [value]))
    if op == "contains":
        return value in found if isinstance(found, (list, dict)) else str(value) in str(found)
    if op == "matches":
        return re.search(str(value), str(found)) is not None
    left, right = _number(found), _number(value)
    if left is None or right is None:
        return False
    return {"lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right}[op]


def _same(found: Any, value: Any) -> bool:
    left, right = _number(found), _number(value)
    if left is not None and right is not None:
        return left == right
    return bool(found == value) or str(found) == str(value)


def _number(value: Any) -> Optional[float]:
    """Numbers arrive as text when they come out of a template."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _good(spec: Spec, sample: Sample) -> bool:
    return sample["state"] == "answered" and not broken_expectations(spec, sample)


def broken_expectations(spec: Spec, sample: Sample) -> list[str]:
    return [
        _sentence(condition, _shown(condition, found))
        for condition in spec["expect"]
        for found in [value_of(sample, condition["metric"])]
        if found is MISSING or not compare(condition["op"], found, condition["value"])
    ]


def value_of(sample: Sample, metric: str) -> Any:
    """A sample's value; `json.a.b.0` and `jmespath:a.b[0]` are looked up in its body or output."""
    if not metric.startswith(PER_SAMPLE_PREFIXES):
        return sample.get(metric, MISSING)
    try:
        value = json.loads(str(sample.get("body", sample.get("stdout", ""))))
        if metric.startswith("jmespath:"):
            from ansible_collections.evenkeel.release.plugins.module_utils._probe.jmespath import search

            return search(metric.partition(":")[2], value)
    except (ValueError, RecursionError):  # an expression that can't be applied to the document as well
        return MISSING
    for part in metric.split(".")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return MISSING
    return value


def _evaluate(condition: Mapping[str, Any], metrics: Mapping[str, Any], answers: Sequence[Sample]) -> dict[str, Any]:
    """`holds` is None when nothing was measured. A metric of single samples must hold for every answer."""
    metric = condition["metric"]
    whole = metric in AGGREGATES or metric in TIMES
    found = [metrics[name] for name in [metric] if name in metrics] if whole else [value_of(sample, metric) for sample in answers]
    against = [value for value in found if value is MISSING or not compare(condition["op"], value, condition["value"])]
    shown = _shown(condition, against[0] if against else found[-1] if found else None)
    return {**condition, "found": shown, "holds": not against if found else None, "broken": len(against), "of": len(found)}


def _shown(condition: Mapping[str, Any], found: Any) -> Any:
    """What a report may show: never a whole body, which may hold anything."""
    if found is MISSING:
        return "nothing"
    if condition["metric"] in ("body", "stdout"):
        return f"{len(found)} characters" if found is not None else None
    if isinstance(found, (dict, list)):
        return type(found).__name__
    return found[:SHOWN] if isinstance(found, str) else found


def _verdict(spec: Spec, samples: Sequence[Sample], conditions: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    unknown = [sample for sample in samples if sample["state"] == "unknown"]
    short = len(samples) < spec["samples"]
    # With samples missing, only what no further sample can mend is a definite no.
    broken = [one for one in conditions if one["holds"] is False and not ((short or unknown) and one["metric"] in (*AGGREGATES, *TIMES))]
    if broken:
        return FAILED, "; ".join(_sentence(one, one["found"], one["broken"], one["of"]) for one in broken)
    if unknown:
        return ERRORED, f"{unknown[-1]['reason']} ({len(unknown)} of {len(samples)} samples)"
    if short:
        return INCONCLUSIVE, f"{len(samples)} of {spec['samples']} samples were taken before the deadline"
    unmeasured = [one["metric"] for one in conditions if one["holds"] is None]
    if unmeasured:
        return INCONCLUSIVE, f"nothing was measured for {', '.join(unmeasured)}"
    return PASSED, "all conditions hold"


def _with_cause(reason: str, spec: Spec, told: Sequence[Sample]) -> str:
    """Why samples were not good, which a rate alone does not tell."""
    for sample in reversed(told):
        if sample["state"] == "unavailable":
            return f"{reason}: {sample['reason']}"
        broken = broken_expectations(spec, sample)
        if broken:
            return f"{reason}: {'; '.join(broken)}"
    return reason


def _sentence(condition: Mapping[str, Any], found: Any, broken: int = 1, of: int = 1) -> str:
    allowed = condition["value"]
    if isinstance(allowed, (list, tuple)):
        allowed = ", ".join(str(one) for one in allowed)
    count = f" ({broken} of {of} samples)" if of > 1 else ""
    return f"{condition['metric']} is {found}, allowed: {SIGNS[condition['op']]} {allowed}{count}"
