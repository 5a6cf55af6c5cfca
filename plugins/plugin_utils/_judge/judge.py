# SPDX-License-Identifier: GPL-3.0-or-later
"""From all metrics to one judgement. Pure: no clock, no network, no chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import burn, default, kayenta, spending, tell, watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.defaults import complete
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
    NODATA_FAIL,
    PASS,
    PASSED,
    Finding,
    JudgeError,
    Pair,
    Series,
    Settings,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.score import Score, score

VERDICTS = {PASS: PASSED, HIGH: FAILED, LOW: FAILED, NODATA_FAIL: FAILED, NODATA: INCONCLUSIVE, ERROR: ERRORED}


def judge(pairs: Sequence[Pair], settings: Settings, *, now: float | None = None) -> dict[str, Any]:
    """{verdict, score, mode, groups, metrics, power, reasons, level, fractions, final}.

    `now` is the end of the windows of burn rates, seconds since 1970; without it each series ends at its last point.
    """
    whole = [replace(pair, metric=complete(pair.metric, settings.mode)) for pair in pairs]
    level = _level(whole, settings)
    findings = [finding for pair in whole for finding in _findings(pair, settings, level)]
    findings += [error_budget(pair, now) for pair in whole if pair.metric.burn]
    scored = [finding for finding in findings if not finding.muted]
    found = _score(scored, settings)
    verdict, reasons = _verdict(scored, found, settings)
    return {
        "verdict": verdict,
        "score": found.value,
        "mode": settings.mode,
        "groups": found.groups,
        "metrics": [finding.as_dict() for finding in findings],
        "power": tell.power(findings, settings.power),
        "reasons": reasons,
        "level": level,
        "fractions": list(settings.fractions),
        "final": settings.final,
    }


def _level(pairs: Sequence[Pair], settings: Settings) -> float:
    """The p that counts at this look: alpha is the chance of a false alarm of the whole run, so all its tests share it."""
    if settings.mode == "kayenta":
        return 1 - settings.confidence
    scored = [pair for pair in pairs if not pair.metric.muted]
    if settings.mode == "watch":
        return settings.alpha / max(1, len(scored))
    return spending.level(settings.alpha / max(1, sum(map(default.tests, scored))), settings.fractions)


def _findings(pair: Pair, settings: Settings, level: float) -> list[Finding]:
    if settings.mode == "kayenta":
        return [_kayenta(pair, settings)]
    if settings.mode == "watch":
        return [_watched(pair, level, settings.fractions[-1])]
    return list(default.judge(pair, level=level, power=settings.power))


def _kayenta(pair: Pair, settings: Settings) -> Finding:
    metric, blank = pair.metric, default.blank_finding(pair)
    if pair.problem:
        return replace(default.errored(blank, pair.problem), critical=False)
    sides = [_values(side, metric.kind) for side in (pair.canary, pair.baseline)]
    found = kayenta.classify(sides[0], sides[1], metric, tolerance=settings.tolerance, confidence=settings.confidence)
    interval = (found.interval.low, found.interval.high) if found.interval else None
    return replace(
        blank,
        verdict=VERDICTS[found.label],
        classification=found.label,
        reason=found.reason,
        critical=found.critical,
        effect=found.deviation - 1 if found.deviation == found.deviation else None,
        interval=interval,
        test="Mann-Whitney" if interval else "",
    )


def _values(side: Series | None, kind: str) -> Sequence[float]:
    """Kayenta knows points only: a count becomes the rate of each interval."""
    if side is None:
        return ()
    return side.values if kind == GAUGE else [events / of for events, of in side.parts if of > 0]


def _watched(pair: Pair, level: float, fraction: float) -> Finding:
    blank = default.blank_finding(pair)
    if pair.problem or pair.canary is None or pair.baseline is None:
        return default.errored(blank, pair.problem or "the watch needs the canary and a baseline, the time before the release.")
    try:
        lacking = watch.lacking(pair.canary, pair.baseline, pair.metric)
    except JudgeError as exc:
        return default.errored(blank, str(exc))
    if lacking:
        return replace(blank, reason=lacking)
    alarm = watch.watch(pair.canary, pair.baseline, pair.metric, level, fraction)
    blank = replace(blank, test="cumulative sum")
    if alarm is None:
        few = watch.too_few(pair.canary, pair.baseline, pair.metric)
        if few:
            return replace(blank, reason=few)
        return replace(blank, verdict=PASSED, classification=PASS, reason=f"{blank.name} stays within what was usual before.")
    # Of availability the failures are counted.
    side = "above" if (alarm.label == HIGH) != (pair.metric.kind == AVAILABILITY) else "below"
    reason = f"{blank.name} is {side} what was usual before, since {_moment(alarm.began)}; told at {_moment(alarm.at)}."
    return replace(blank, verdict=FAILED, classification=alarm.label, reason=reason, began=alarm.began, told=alarm.at)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds") if seconds >= 1e8 else f"{seconds:g} s"


def error_budget(pair: Pair, now: float | None) -> Finding:
    """A page fails the run, a ticket is a reason to look; both name the pace."""
    metric = pair.metric
    blank = replace(default.blank_finding(pair), name=f"{metric.name} (error budget)", test="burn rate", baseline={})
    if pair.problem or pair.canary is None:
        return default.errored(blank, pair.problem or "there is no series.")
    if not pair.canary.size:
        return replace(blank, reason=f"there is no data of {metric.name} from the canary.")
    if metric.kind in (GAUGE, COUNTER) or metric.objective is None or not pair.canary.times:
        return default.errored(blank, "a burn rate needs a ratio or an availability with points by time, and an objective.")
    try:
        fired, unknown = burn.burning(pair.canary, metric.objective, now=pair.canary.times[-1] if now is None else now, min_requests=metric.min_samples or 0.0)
    except JudgeError as exc:
        return default.errored(blank, str(exc))
    texts = [
        f"{each.long:.3g} times the even pace over {each.rule.long / 3600:g} h and {each.short:.3g} times over {each.rule.short / 60:g} min" for each in fired
    ]
    if any(each.rule.page for each in fired):
        return replace(blank, verdict=FAILED, classification=HIGH, reason=f"{metric.name} burns its error budget: {texts[0]}.")
    if len(unknown) == len(burn.RULES):
        return replace(blank, reason=f"{metric.name} had too few requests to know how fast its error budget burns.")
    reason = f"{metric.name} burns its error budget slowly, which wants a ticket: {texts[0]}." if texts else f"{metric.name} keeps its error budget."
    return replace(blank, verdict=PASSED, classification=PASS, reason=reason)


def _score(scored: Sequence[Finding], settings: Settings) -> Score:
    """Ours is of the metrics that could be told; what could not never passes, whatever the score (`_verdict`)."""
    if settings.mode == "kayenta":
        return score(scored, settings.weights)
    told = [finding for finding in scored if finding.verdict in (PASSED, FAILED)]
    return score(told, settings.weights) if told else Score(0.0, {}, "no metric could be told.")


def _verdict(scored: Sequence[Finding], found: Score, settings: Settings) -> tuple[str, list[str]]:
    reasons = [finding.reason for finding in scored if finding.verdict != PASSED and finding.reason]
    if not scored:
        return INCONCLUSIVE, ["no metric counts: all are muted, or there is none."]
    if settings.mode == "kayenta":
        return _kayenta_verdict(scored, found, settings, reasons)
    failed = [finding for finding in scored if finding.verdict == FAILED]
    if any(finding.critical for finding in failed) or (failed and found.value < settings.marginal_score):
        return FAILED, reasons
    for verdict in (ERRORED, INCONCLUSIVE):
        if any(finding.verdict == verdict for finding in scored):
            return verdict, reasons
    if found.value < settings.pass_score:
        return INCONCLUSIVE, [f"the score is {found.value:g}, needed are {settings.pass_score:g}.", *reasons]
    return PASSED, reasons


def _kayenta_verdict(scored: Sequence[Finding], found: Score, settings: Settings, reasons: list[str]) -> tuple[str, list[str]]:
    reasons = [found.reason, *reasons] if found.reason else reasons
    if found.value < settings.marginal_score:
        return FAILED, reasons or [f"the score is {found.value:g}, below {settings.marginal_score:g}."]
    # There an error drops out of the score, and a canary of errors passes. Here it never does.
    if any(finding.classification == ERROR for finding in scored):
        return ERRORED, reasons
    if found.value >= settings.pass_score:
        return PASSED, reasons
    verdict = INCONCLUSIVE if settings.final else PASSED
    return verdict, [f"the score is {found.value:g}: marginal, the last look needs {settings.pass_score:g}.", *reasons]
