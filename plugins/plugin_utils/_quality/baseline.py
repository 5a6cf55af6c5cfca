# SPDX-License-Identifier: GPL-3.0-or-later
"""A load test against the earlier releases of the ledger: noise or regression?

Releases differ a little without being worse, and the history says by how much. Each figure is compared, on a logarithmic scale, with Student's prediction
interval for one more release like the earlier ones (`_judge/history.py`). It is a regression when

- chance makes a release as bad in at most alpha / m of the cases, m being the figures that are compared (Bonferroni): a whole release that is no worse
  raises a false alarm in at most alpha of the cases, however its figures hang together; and
- it is worse than their mean by more than `tolerance`, after the step in which its tool rounds.

The earlier ones are the newest runs of the newest `releases` artifacts that were measured before, under the same component, name and place. A run that was
itself a regression stays out, or it would excuse the next one, unless somebody accepted it. Fewer than three are no baseline. Where the history scatters so
much that even `must_see` worse would not be noticed, there is no answer but inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import history
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import GAUGE, RATIO, Metric, Series
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import FAILED, INCONCLUSIVE, PASSED

Figure = Mapping[str, Any]
SHARE = 0.05  # of failed requests: what must not go unseen is five in a hundred more


@dataclass(frozen=True)
class Settings:
    """alpha: false alarms per release; tolerance and must_see: relative changes; accepted: sha256 of slower releases that count nevertheless."""

    alpha: float = 0.01
    tolerance: float = 0.05
    must_see: float = 0.5
    releases: int = 20
    accepted: frozenset[str] = field(default_factory=frozenset)


class Run(NamedTuple):
    sha256: str
    made_at: datetime
    figures: Mapping[str, Figure]


def settings(document: Mapping[str, Any] | None) -> Settings:
    """Of the key `performance` of the document `evenkeel_quality`."""
    given = dict((document or {}).get("performance") or {})
    accepted = frozenset(one["sha256"] for one in given.pop("accepted", []))
    return Settings(**given, accepted=accepted)


def compare(current: Run, runs: Iterable[Run], how: Settings) -> dict[str, Any]:
    """{verdict, reason, regressions, releases_compared, metrics_compared, metrics_new, metrics_gone, creep_percent, findings}."""
    earlier = baseline([run for run in runs if run.made_at < current.made_at and run.sha256 != current.sha256], how)
    return _compare(current, earlier, how)


def baseline(runs: Iterable[Run], how: Settings) -> list[Run]:
    """Oldest first; each run is judged by those before it, as it was when it was new."""
    newest: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.made_at):
        newest[run.sha256] = run
    kept: list[Run] = []
    for run in sorted(newest.values(), key=lambda run: run.made_at):
        if run.sha256 in how.accepted or _compare(run, kept[-how.releases :], how)["verdict"] != FAILED:
            kept.append(run)
    return kept[-how.releases :]


def _compare(current: Run, earlier: Sequence[Run], how: Settings) -> dict[str, Any]:
    compared = {name: [run.figures[name] for run in earlier if _alike(run.figures.get(name), figure)] for name, figure in current.figures.items()}
    known = [name for name, figures in compared.items() if len(figures) >= history.FEWEST]
    findings = [_finding(name, current.figures[name], compared[name], how.alpha / len(known), how) for name in known]
    regressions = [one["metric"] for one in findings if one["verdict"] == FAILED]
    blind = [one["metric"] for one in findings if one["verdict"] == INCONCLUSIVE]
    verdict, reason = PASSED, ""
    if regressions:
        verdict, reason = FAILED, f"worse than {len(earlier)} earlier releases: {', '.join(regressions[:3])}"
    elif not known:
        verdict, reason = INCONCLUSIVE, f"{len(earlier)} earlier releases were measured in the same way, needed are {history.FEWEST}"
    elif blind:
        verdict, reason = INCONCLUSIVE, f"earlier releases scatter too much to tell: {', '.join(blind[:3])}"
    last = earlier[-1].figures if earlier else {}
    return {
        "verdict": verdict,
        "reason": reason,
        "regressions": regressions,
        "releases_compared": len(earlier),
        "metrics_compared": len(known),
        "metrics_new": len(compared) - len(known),
        "metrics_gone": len(set(last) - set(current.figures)),
        "creep_percent": max((_creep(current.figures[name], compared[name]) for name in known), default=0.0),
        "findings": findings,
    }


def _alike(then: Figure | None, now: Figure) -> bool:
    return then is not None and ("events" in then) == ("events" in now) and then.get("unit") == now.get("unit") and then.get("better") == now.get("better")


def _finding(name: str, figure: Figure, earlier: Sequence[Figure], level: float, how: Settings) -> dict[str, Any]:
    sign = 1 if figure["better"] == "lower" else -1
    kind = RATIO if "events" in figure else GAUGE
    metric, series = Metric(name, kind=kind), [_series(one) for one in earlier]
    found = history.among(_series(figure), series, metric)
    p = found.high if sign > 0 else found.low
    usual = _usual(earlier)
    worse = _worse(figure, usual, sign) > how.tolerance if kind == GAUGE else found.effect > how.tolerance
    verdict = PASSED
    if p <= level and worse:
        verdict = FAILED
    else:
        bad = history.among(_series(_bad(figure, usual, sign, how)), series, metric)
        if (bad.high if sign > 0 else bad.low) > level:
            verdict = INCONCLUSIVE
    value = figure["events"] / figure["of"] if kind == RATIO else figure["value"]
    return {"metric": name, "verdict": verdict, "value": value, "usual": usual, "p": p, "releases": len(earlier)}


def _series(figure: Figure) -> Series:
    return Series(events=figure["events"], of=figure["of"]) if "events" in figure else Series(values=(figure["value"],))


def _usual(earlier: Sequence[Figure]) -> float:
    """The mean that `among` takes: geometric, plain where a value is 0; of shares that of all requests together."""
    if "events" in earlier[0]:
        return float(sum(one["events"] for one in earlier) / sum(one["of"] for one in earlier))
    values = [one["value"] for one in earlier]
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else math.fsum(values) / len(values)


def _worse(figure: Figure, usual: float, sign: int) -> float:
    """By which share it is worse, in favour of the release by one step of rounding; of two rates the worse one is the divisor."""
    value = float(figure["value"]) - sign * figure.get("resolution", 0.0)
    better, worse = (usual, value) if sign > 0 else (value, usual)
    if better <= 0:
        return math.inf if worse > better else 0.0
    return float(worse / better - 1)


def _bad(figure: Figure, usual: float, sign: int, how: Settings) -> Figure:
    """What must not go unseen, measured as the current run is."""
    if "events" in figure:
        return {"events": min(figure["of"], math.ceil((usual + SHARE) * figure["of"])), "of": figure["of"]}
    return {"value": usual * (1 + how.must_see) if sign > 0 else usual / (1 + how.must_see)}


def _creep(figure: Figure, earlier: Sequence[Figure]) -> float:
    """How much worse than the oldest three of the window: steps that are each too small to be seen add up."""
    if "events" in figure:
        return 0.0
    oldest = _usual(earlier[:3])
    return round(max(0.0, min(1e6, 100 * _worse(figure, oldest, 1 if figure["better"] == "lower" else -1))), 2)
