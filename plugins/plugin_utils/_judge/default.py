# SPDX-License-Identifier: GPL-3.0-or-later
"""The default way to judge one metric: guards first, then the baseline, then earlier releases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import guard, history, tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.clean import described
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.compare import Compared, Question, compare
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import (
    AVAILABILITY,
    COUNTER,
    ERROR,
    ERRORED,
    FAILED,
    GAUGE,
    HIGH,
    INCONCLUSIVE,
    LOW,
    NODATA,
    PASS,
    PASSED,
    Finding,
    JudgeError,
    Metric,
    Pair,
    Series,
)

UNITS = {"gauge": "points", "counter": "events", "ratio": "requests", "availability": "samples"}


def tests(pair: Pair) -> int:
    """How many tests share alpha."""
    return guard.limits(pair.metric) + (pair.baseline is not None) + (len(pair.earlier) >= history.FEWEST)


def judge(pair: Pair, *, level: float, power: float) -> Iterator[Finding]:
    """The finding of the metric, and one more for its earlier releases."""
    blank = blank_finding(pair)
    if pair.problem or pair.canary is None:
        yield errored(blank, pair.problem or "there is no series of the canary.")
        return
    try:
        if guard.limits(pair.metric) or pair.baseline is not None or not pair.earlier:
            yield _now(pair, pair.canary, blank, Question(pair.metric, level, power))
        if pair.earlier:
            yield _then(pair, pair.canary, blank, level)
    except JudgeError as exc:
        yield errored(blank, str(exc))


def blank_finding(pair: Pair) -> Finding:
    metric = pair.metric
    shown = {side: described(found, metric.kind) if found else {} for side, found in (("canary", pair.canary), ("baseline", pair.baseline))}
    return Finding(
        name=metric.name,
        verdict=INCONCLUSIVE,
        classification=NODATA,
        reason="",
        group=metric.groups[0],
        groups=metric.groups,
        critical=bool(metric.critical),
        muted=metric.muted,
        canary=shown["canary"],
        baseline=shown["baseline"],
    )


def errored(blank: Finding, problem: str) -> Finding:
    return replace(blank, verdict=ERRORED, classification=ERROR, reason=f"{blank.name} could not be judged: {problem}")


def _now(pair: Pair, canary: Series, blank: Finding, question: Question) -> Finding:
    metric, baseline = pair.metric, pair.baseline
    if not canary.size:
        return replace(blank, reason=f"there is no data of {metric.name} from the canary.")
    guarded = list(guard.guards(canary, metric))
    broken = next((each for each in guarded if each.beyond and each.p <= question.level), None)
    if broken:
        reason = f"{metric.name} is {_seen(canary, metric)}; allowed is {broken.limit} ({tell.chance(broken.p)})."
        return replace(blank, verdict=FAILED, classification=broken.label, reason=reason, test="guard", p=broken.p)
    if baseline is not None and not baseline.size:
        return replace(blank, reason=f"there is no data of {metric.name} from the baseline.")
    if baseline is None and not guarded:
        raise JudgeError("it has neither a baseline nor earlier releases nor a limit. Next: give it one of baseline, earlier, highest, lowest, objective.")
    found = compare(canary, baseline, question) if baseline is not None else None
    finding = _with(blank, found) if found else replace(blank, test="guard", p=min(each.p for each in guarded))
    if found and found.p <= question.level and found.matters:
        text = f"{_moved(metric, found.label)} than the baseline: {tell.change(found.effect, found.unit)} ({tell.chance(found.p)})."
        return replace(finding, verdict=FAILED, classification=found.label, reason=text)
    doubt = next((f"{_seen(canary, metric)} is beyond {each.limit}, but too few to be sure" for each in guarded if each.beyond), "")
    doubt = doubt or _too_small(pair, canary, found)
    if doubt:
        return replace(finding, reason=f"{metric.name}: {doubt}.")
    return replace(finding, verdict=PASSED, classification=PASS, reason=f"{metric.name} shows no change for the worse.")


def _moved(metric: Metric, label: str) -> str:
    if metric.kind == AVAILABILITY:
        return f"{metric.name} is lower"  # more failures
    return f"{metric.name} is {'higher' if label == HIGH else 'lower'}"


def _seen(canary: Series, metric: Metric) -> str:
    shown = described(canary, metric.kind)
    if metric.kind == GAUGE:
        return f"{shown['p50']:.6g} in the middle of {shown['n']} points"
    if metric.kind == COUNTER:
        return f"{canary.rate:.6g} per second"
    return f"{canary.events} of {canary.of:g} {UNITS[metric.kind]} ({canary.rate * 100:.3g} %)"


def _with(blank: Finding, found: Compared) -> Finding:
    return replace(
        blank,
        test=found.test,
        p=found.p,
        effect=found.effect,
        unit=found.unit,
        interval=found.interval,
        detectable=found.detectable,
    )


def _too_small(pair: Pair, canary: Series, found: Compared | None) -> str:
    """Why a run in which nothing was found must not pass."""
    metric, baseline = pair.metric, pair.baseline
    least = metric.min_samples or 0
    unit = UNITS[metric.kind]
    if metric.kind == COUNTER:
        events = canary.events + (baseline.events if baseline else 0)
        if events < least:
            return f"{events} {unit} are too few, needed are {least:g}"
        return _blind(metric, found) if found else ""
    for side, name in ((canary, "the canary"), (baseline, "the baseline")):
        if side is not None and side.size < least:
            return f"{side.size:g} {unit} of {name} are too few, needed are {least:g}"
    return _blind(metric, found) if found else ""


def _blind(metric: Metric, found: Compared) -> str:
    seen, wanted = found.detectable, metric.must_see
    if wanted is None or found.unit == "units" or (seen is not None and seen <= wanted) or _excluded(metric, found, wanted):
        return ""
    could = "nothing" if seen is None else f"{tell.change(seen, found.unit)} or more"
    return f"this run could have seen {could}, needed is {tell.change(wanted, found.unit)}"


def _excluded(metric: Metric, found: Compared, wanted: float) -> bool:
    """Whether the interval itself says that no such change is there: a run that turned out well need not have been large."""
    low, high = found.interval or (None, None)
    lowest = -wanted if found.unit == "share" else -wanted / (1 + wanted)  # a doubling down is a half
    up = metric.direction == "decrease" or (high is not None and high < wanted)
    return up and (metric.direction == "increase" or (low is not None and low > lowest))


def _then(pair: Pair, canary: Series, blank: Finding, level: float) -> Finding:
    metric = pair.metric
    usable = {name: side for name, side in pair.earlier.items() if side.size}
    finding = replace(blank, name=f"{metric.name} (earlier releases)", baseline={"releases": list(usable)}, test="earlier releases")
    if len(usable) < history.FEWEST:
        reason = f"{len(usable)} earlier releases have data of {metric.name}, needed are {history.FEWEST} to know how much releases differ."
        # Beside a baseline this is a note; alone it is all there is.
        return replace(finding, reason=reason, muted=metric.muted or pair.baseline is not None or guard.limits(metric) > 0, test="")
    if not canary.size:
        return replace(finding, reason=f"there is no data of {metric.name} from the canary.")
    found = history.among(canary, list(usable.values()), metric)
    label, p = (HIGH, found.high) if found.high <= found.low else (LOW, found.low)
    if metric.direction == "either":
        p = min(1.0, 2 * p)
    elif (metric.direction == "increase") != (label == HIGH):
        label, p = PASS, 1.0
    finding = replace(finding, p=p, effect=found.effect, unit=found.unit)
    if p <= level and abs(found.effect) >= _least(metric):
        text = f"{_moved(metric, label)} than in {len(usable)} earlier releases: {tell.change(found.effect, found.unit)} ({tell.chance(p)})."
        return replace(finding, verdict=FAILED, classification=label, reason=text)
    return replace(finding, verdict=PASSED, classification=PASS, reason=f"{metric.name} is within what {len(usable)} earlier releases showed.")


def _least(metric: Metric) -> float:
    """The tolerance where it is relative. Of shares it is a difference, and the effect here is a factor."""
    return (metric.tolerance or 0.0) if metric.kind in (GAUGE, COUNTER) else 0.0
