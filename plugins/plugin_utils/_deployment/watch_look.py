# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a first hour: ask the judge, find out whether the release is to blame, and say it. `ask` fetches the series, the rest is pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import watch_documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.acts import Span, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import request, tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.clean import percentile
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.defaults import complete
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import error_budget, judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import (
    COUNTER,
    ERRORED,
    FAILED,
    GAUGE,
    INCONCLUSIVE,
    NODATA,
    PASSED,
    Pair,
    Series,
)

Ask = Callable[[Mapping[str, Any]], Sequence[Pair]]
Finding = dict[str, Any]
# Releases of before that must have rung as well before a bell is taken for the noise of any switch.
FEWEST_USUAL = 2
# A series that ended this many seconds, or this many steps, before the window did is gone: Prometheus itself repeats a point for 5 minutes.
GONE_SECONDS, GONE_STEPS = 300.0, 4


def look(guard: Mapping[str, Any], span: Span, earlier: Sequence[Span], *, now: float, ask: Ask) -> dict[str, Any]:
    """{verdict, final, fraction, findings, blamed}. Each finding is one of the judge's with `much`, `before` and `usual`.

    before: whether it was so before the switch already; usual: whether each earlier release rang the same bell after its switch.
    Both are told and leave the verdict as it is, but nobody takes a release back for them.
    """
    findings = _usual(guard, span, earlier, now=now, ask=ask)
    findings += _standing(guard, span, earlier, now=now, ask=ask)
    findings += _budgets(guard, span, now=now, ask=ask)
    share = watch_documents.fraction(span, now)
    bad = [each for each in findings if each["verdict"] == FAILED and counts(each)]
    return {
        "verdict": verdict(findings),
        "final": share >= 1.0,
        "fraction": share,
        "findings": findings,
        "blamed": any(not each["before"] and not each["usual"] for each in bad),
    }


def verdict(findings: Sequence[Finding]) -> str:
    """What could not be asked and what was not seen never pass; a metric that is not critical is told and does not fail."""
    counted = [each["verdict"] for each in findings if counts(each)]
    asked = [each["verdict"] for each in findings if not each["muted"] and not _note(each)]
    for bad, among in ((FAILED, counted), (ERRORED, asked), (INCONCLUSIVE, asked)):
        if bad in among:
            return bad
    return PASSED if asked else INCONCLUSIVE


def counts(finding: Finding) -> bool:
    return bool(finding["critical"]) and not finding["muted"]


def texts(found: Mapping[str, Any]) -> list[str]:
    """What is to be told of it, a line each: first what is bad, then what could not be told, then notes."""
    order = {FAILED: 0, ERRORED: 1, INCONCLUSIVE: 2}
    told = [each for each in found["findings"] if each["verdict"] != PASSED or "wants a ticket" in each["reason"]]
    return list(dict.fromkeys(_text(each) for each in sorted(told, key=lambda each: order.get(each["verdict"], 3))))


def _text(finding: Finding) -> str:
    text = finding["reason"] or f"{finding['name']} could not be told."
    if finding["much"]:
        text += f" It is {finding['much']}."
    if finding["before"]:
        text += " It was so before the switch as well: the release is not the likely cause."
    if finding["usual"]:
        text += " Each of the earlier releases did the same after its switch: it may be the switch and not the release."
    return text


def _usual(guard: Mapping[str, Any], span: Span, earlier: Sequence[Span], *, now: float, ask: Ask) -> list[Finding]:
    document = watch_documents.usual(guard, span, now=now)
    pairs = ask(document)
    late = min(now, span.until) - max(GONE_SECONDS, GONE_STEPS * float(document["step"]))
    findings = []
    for pair, each in zip(pairs, _judged(document, pairs)["metrics"]):
        found = _finding(each, much=much(pair, each["began"]) if each["verdict"] == FAILED else "")
        findings.append(_ended(found, pair, late) if each["verdict"] == PASSED else found)
    rung = [each["name"] for each in findings if each["verdict"] == FAILED]
    if rung and len(earlier) >= FEWEST_USUAL:
        only = {**guard, "metrics": [metric for metric in guard["metrics"] if metric["name"] in rung]}
        others = [_rung(only, each, ask) for each in earlier]
        for each in findings:
            each["usual"] = each["verdict"] == FAILED and all(other.get(each["name"]) == each["classification"] for other in others)
    return findings


def _ended(finding: Finding, pair: Pair, late: float) -> Finding:
    """What stopped telling did not stay as usual: often the service that told it is gone."""
    times = pair.canary.times if pair.canary else ()
    if not times or times[-1] >= late:
        return finding
    return {**finding, "verdict": INCONCLUSIVE, "classification": NODATA, "reason": f"{finding['name']} has no data since {stamp(times[-1])}."}


def _rung(guard: Mapping[str, Any], span: Span, ask: Ask) -> dict[str, str]:
    """{metric: classification} of the bells that an earlier release rang in its own first hour."""
    document = watch_documents.usual(guard, span, now=span.until)
    return {each["name"]: each["classification"] for each in _judged(document, ask(document))["metrics"] if each["verdict"] == FAILED}


def _standing(guard: Mapping[str, Any], span: Span, earlier: Sequence[Span], *, now: float, ask: Ask) -> list[Finding]:
    document = watch_documents.standing(guard, span, earlier, part=watch_documents.parts(span, now))
    if not document["metrics"]:
        return []
    findings = [_finding(each) for each in _judged(document, ask(document))["metrics"]]
    if any(each["verdict"] == FAILED for each in findings):
        before = watch_documents.time_before(document, span)
        then = {each["name"]: each["classification"] for each in _judged(before, ask(before))["metrics"] if each["verdict"] == FAILED}
        for each in findings:
            each["before"] = each["verdict"] == FAILED and then.get(each["name"]) == each["classification"]
    return findings


def _budgets(guard: Mapping[str, Any], span: Span, *, now: float, ask: Ask) -> list[Finding]:
    document = watch_documents.budgets(guard, span, now=now)
    if not document["metrics"]:
        return []
    found = []
    for pair in ask(document):
        whole = Pair(complete(pair.metric, "watch"), pair.canary, problem=pair.problem)
        here = _finding(error_budget(whole, min(now, span.until)).as_dict())
        here["before"] = here["verdict"] == FAILED and error_budget(whole, span.met).verdict == FAILED
        found.append(here)
    return found


def much(pair: Pair, began: float | None) -> str:
    """How far off it is since it began, in words."""
    canary, baseline = pair.canary, pair.baseline
    if canary is None or baseline is None or began is None:
        return ""
    since = [number for number, time in enumerate(canary.times) if time >= began]
    if pair.metric.kind == GAUGE:
        new, old = _middle([canary.values[number] for number in since]), _middle(baseline.values)
        unit, factor = "", 1.0
    else:
        new, old = _rate(canary, since), baseline.rate
        unit, factor = (" per second", 1.0) if pair.metric.kind == COUNTER else (" %", 100.0)
    change = f" ({tell.change(new / old - 1, '')})" if old else ""
    noun = " failures" if pair.metric.kind == "availability" else ""
    return f"{new * factor:.3g}{unit}{noun} in place of {old * factor:.3g}{unit}{change}"


def _middle(values: Sequence[float]) -> float:
    return percentile(sorted(values), 50) if values else math.nan


def _rate(series: Series, places: Sequence[int]) -> float:
    of = sum(series.parts[number][1] for number in places)
    return sum(series.parts[number][0] for number in places) / of if of else math.nan


def _judged(document: Mapping[str, Any], pairs: Sequence[Pair]) -> dict[str, Any]:
    return judge(pairs, request.settings(document))


def _finding(judged: Mapping[str, Any], *, much: str = "") -> Finding:
    return {**judged, "much": much, "before": False, "usual": False}


def _note(finding: Finding) -> bool:
    """Too few earlier releases have data: the comparison with the time before stands by itself."""
    return finding["verdict"] == INCONCLUSIVE and "releases" in finding["baseline"] and not finding["test"]


def headline(service: str, span: Span, found: Mapping[str, Any]) -> str:
    minutes, whole = found["fraction"] * (span.until - span.at) / 60, (span.until - span.at) / 60
    so_far = "" if found["final"] or found["verdict"] == FAILED else " so far"
    return f"{service} {span.release}, {minutes:.3g} of {whole:.3g} minutes since {stamp(span.at)}: {found['verdict']}{so_far}."
