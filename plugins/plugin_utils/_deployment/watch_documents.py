# SPDX-License-Identifier: GPL-3.0-or-later
"""What the judge is asked about a first hour: documents as module canary_judge takes them, of the metrics that a guard declares.

Three questions, because each needs windows of its own: is a metric off what was usual before (a cumulative sum, from minute to minute),
is it off what earlier releases showed or beyond its limits (four times an hour), and how fast does its error budget burn (three days back).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.acts import Span

Guard = Mapping[str, Any]
Document = dict[str, Any]
STEP = 15.0
# The windows of burn rates reach three days back: one point a minute tells enough of them.
BURN_STEP, BURN_BACK = 60.0, 3 * 86400.0
# Parts of the hour after which it is compared with earlier releases: a comparison a minute would find little more and share alpha by sixty.
PARTS = 4
# The chance of a false alarm of the whole watch, shared by the first two questions; burn rates are rules without chance.
ALPHA = 0.01
LIMITS = ("highest", "lowest")
OWN = ("query", "burn", "objective", *LIMITS)


def documents(guard: Guard, span: Span, earlier: Sequence[Span], *, now: float) -> list[Document]:
    """All three, without those that have nothing to ask yet."""
    found = [usual(guard, span, now=now), standing(guard, span, earlier, part=parts(span, now)), budgets(guard, span, now=now)]
    return [document for document in found if document["metrics"]]


def fraction(span: Span, now: float) -> float:
    """How much of the hour has gone by."""
    return min(1.0, max(0.0, (now - span.at) / (span.until - span.at)))


def parts(span: Span, now: float) -> int:
    return int(PARTS * fraction(span, now) + 1e-9)


def usual(guard: Guard, span: Span, *, now: float) -> Document:
    """Against the time before the release."""
    until = min(now, span.until)
    metrics = [{**_shared(metric), "canary": _asked(metric, span.at, until), "baseline": _asked(metric, span.before, span.met)} for metric in guard["metrics"]]
    share = max(1e-6, fraction(span, now))
    return {**_place(guard), "mode": "watch", "alpha": ALPHA / 2, "fractions": [share], "metrics": metrics}


def standing(guard: Guard, span: Span, earlier: Sequence[Span], *, part: int) -> Document:
    """Against earlier releases as long after their switch, and against the limits of each metric; of the first `part` quarters."""
    reach = (span.until - span.at) * part / PARTS
    metrics = []
    for metric in guard["metrics"]:
        held = {key: metric[key] for key in LIMITS if key in metric}
        if metric["kind"] == "availability" and "objective" in metric:
            held["objective"] = metric["objective"]
        before = [{"release": each.release, **_asked(metric, each.at, each.at + reach)} for each in earlier]
        if before or held:
            metrics.append({**_shared(metric), **held, "canary": _asked(metric, span.at, span.at + reach), **({"earlier": before} if before else {})})
    looks = [(number + 1) / PARTS for number in range(part)]
    return {**_place(guard), "alpha": ALPHA / 2, "fractions": looks or [1.0], "metrics": metrics if part else []}


def budgets(guard: Guard, span: Span, *, now: float) -> Document:
    """Burn rates end now; their windows reach back before the release."""
    until = min(now, span.until)
    step = max(BURN_STEP, float(guard.get("step", STEP)))
    metrics = [
        {**_shared(metric), "objective": metric.get("objective"), "burn": True, "canary": {**_asked(metric, span.met - BURN_BACK, until), "step": step}}
        for metric in guard["metrics"]
        if metric.get("burn")
    ]
    # An objective that is missing is told by the check of the document.
    metrics = [{key: value for key, value in metric.items() if value is not None} for metric in metrics]
    return {**_place(guard), "metrics": metrics}


def time_before(document: Mapping[str, Any], span: Span) -> Document:
    """The same comparison with earlier releases of as long a time before the switch: whether it was so already."""
    metrics = []
    for metric in document["metrics"]:
        asked = metric["canary"]
        start = max(span.before, span.met - (asked["end"] - asked["start"]))
        metrics.append({**metric, "canary": {**asked, "start": start, "end": span.met}})
    return {**document, "metrics": metrics}


def _place(guard: Guard) -> Document:
    return {"prometheus": dict(guard["prometheus"]), "step": float(guard.get("step", STEP))}


def _shared(metric: Mapping[str, Any]) -> Document:
    return {key: value for key, value in metric.items() if key not in OWN}


def _asked(metric: Mapping[str, Any], start: float, end: float) -> Document:
    return {"query": metric["query"], "start": start, "end": end}
