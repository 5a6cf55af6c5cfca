# SPDX-License-Identifier: GPL-3.0-or-later
"""Series from what M(evenkeel.release.health_probe) returned, once or several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import COUNTER, GAUGE, RATIO, JudgeError, Metric
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds


def document(source: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    """A gauge takes `field` of the probe's metrics, p95_ms for one; a ratio its failed samples, availability its good ones.

    A probe that could not tell says nothing about the service: it is a missing point, and all of them missing is an error.
    """
    runs = source["probes"]
    found = [(_time(run, number), _probe(run, str(source["probe"]))) for number, run in enumerate(runs if isinstance(runs, Sequence) else [runs])]
    told = [(time, probe["metrics"]) for time, probe in found if probe.get("verdict") != "errored" and probe.get("metrics", {}).get("samples")]
    if found and not told:
        raise JudgeError(f"the probe {source['probe']} could not tell anything: {found[-1][1].get('reason', 'no reason given')}.")
    if metric.kind == GAUGE:
        return {"points": [[time, _value(metrics, source, metric)] for time, metrics in told]}
    if metric.kind == COUNTER:
        raise JudgeError(f"{metric.name} is a counter, but a probe counts nothing by time. Next: judge it as a ratio, availability or gauge.")
    counted = [(time, round(metrics["error_rate"] * metrics["samples"]), metrics["samples"]) for time, metrics in told]
    return {"points": [[time, failed if metric.kind == RATIO else of - failed, of] for time, failed, of in counted]}


def _time(run: Any, number: int) -> float:
    """`at` beside the results; without it they are one second apart."""
    at = run.get("at") if isinstance(run, Mapping) else None
    return float(number) if at is None else seconds(at, "at of a probe's result")


def _probe(run: Any, name: str) -> Mapping[str, Any]:
    probes = run.get("probes") if isinstance(run, Mapping) else None
    if not isinstance(probes, Sequence):
        raise JudgeError("a result of health_probe has no list of probes. Next: pass what the task registered.")
    named = {str(probe.get("name")): probe for probe in probes if isinstance(probe, Mapping)}
    if name not in named:
        raise JudgeError(f"there is no probe {name} in the results; there are {', '.join(sorted(named)) or 'none'}.")
    found: Mapping[str, Any] = named[name]
    return found


def _value(metrics: Mapping[str, Any], source: Mapping[str, Any], metric: Metric) -> Any:
    field = str(source.get("field", metric.name))
    if field not in metrics:
        raise JudgeError(f"the probe {source['probe']} measured no {field}; it measured {', '.join(sorted(metrics))}.")
    return metrics[field]
