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
        if run.sha256 in how.accepted or not _is_worse(run, kept[-how.releases :], how):
            kept.append(run)
    return kept[-how.releases :]


def _is_worse(run: Run, earlier: Sequence[Run], how: Settings) -> bool:
    """Whether any figure is a regression; the test is asked only where the change is large enough to matter, which is seldom."""
    known = _known(run, earlier)
    return any(_regressed(run.figures[name], figures, how.alpha / len(known), how)[0] for name, figures in known.items())


def _known(run: Run, earlier: Sequence[Run]) -> dict[str, list[Figure]]:
    """The figures that enough earlier releases have too."""
    found = {name: [one.figures[name] for one in earlier if _alike(one.figures.get(name), figure)] for name, figure in run.figures.items()}
    return {name: figures for name, figures in found.items() if len(figures) >= history.FEWEST}


def _compare(current: Run, earlier: Sequence[Run], how: Settings) -> dict[str, Any]:
    known = _known(current, earlier)
    findings = [_finding(name, current.figures[name], figures, how.alpha / len(known), how) for name, figures in known.items()]
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
        "metrics_new": len(current.figures) - len(known),
        "metrics_gone": len(set(last) - set(current.figures)),
        "creep_percent": max((_creep(current.figures[name], figures) for name, figures in known.items()), default=0.0),
        "findings": findings,
    }


def _alike(then: Figure | None, now: Figure) -> bool:
    return then is not None and ("events" in then) == ("events" in now) and then.get("unit") == now.get("unit") and then.get("better") == now.get("better")


def _finding(name: str, figure: Figure, earlier: Sequence[Figure], level: float, how: Settings) -> dict[str, Any]:
    failed, p, usual = _regressed(figure, earlier, level, how, always=True)
    verdict = FAILED if failed else INCONCLUSIVE if _chance(_bad(figure, usual, how), earlier)[0] > level else PASSED
    value = figure["events"] / figure["of"] if "events" in figure else figure["value"]
    return {"metric": name, "verdict": verdict, "value": value, "usual": usual, "p": p, "releases": len(earlier)}


def _regressed(figure: Figure, earlier: Sequence[Figure], level: float, how: Settings, *, always: bool = False) -> tuple[bool, float, float]:
    """(whether it is a regression, how likely chance is as bad, what is usual); without `always` the chance is not asked where it does not matter."""
    usual = _usual(earlier)
    if not always and "value" in figure and _worse(figure, usual) <= how.tolerance:
        return False, 1.0, usual
    p, effect = _chance(figure, earlier)
    worse = _worse(figure, usual) if "value" in figure else effect
    return p <= level and worse > how.tolerance, p, usual


def _chance(figure: Figure, earlier: Sequence[Figure]) -> tuple[float, float]:
    """(how likely one more release like the earlier ones is as bad, relative change)."""
    metric = Metric("figure", kind=RATIO if "events" in figure else GAUGE)
    found = history.among(_series(figure), [_series(one) for one in earlier], metric)
    return (found.high if figure["better"] == "lower" else found.low), found.effect


def _series(figure: Figure) -> Series:
    return Series(events=figure["events"], of=figure["of"]) if "events" in figure else Series(values=(figure["value"],))


def _usual(earlier: Sequence[Figure]) -> float:
    """The mean that `among` takes: geometric, plain where a value is 0; of shares that of all requests together."""
    if "events" in earlier[0]:
        return float(sum(one["events"] for one in earlier) / sum(one["of"] for one in earlier))
    values = [one["value"] for one in earlier]
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else math.fsum(values) / len(values)


def _worse(figure: Figure, usual: float) -> float:
    """By which share it is worse, in favour of the release by one step of rounding; of two rates the worse one is the divisor."""
    sign = 1 if figure["better"] == "lower" else -1
    value = float(figure["value"]) - sign * figure.get("resolution", 0.0)
    better, worse = (usual, value) if sign > 0 else (value, usual)
    if better <= 0:
        return math.inf if worse > better else 0.0
    return float(worse / better - 1)


def _bad(figure: Figure, usual: float, how: Settings) -> Figure:
    """What must not go unseen, measured as the current run is. Of so many failures as are to be expected it takes those that are there 19 times in 20."""
    if "events" in figure:
        expected = (usual + SHARE) * figure["of"]
        seen = max(0, math.floor(expected - 1.645 * math.sqrt(expected)))
        return {"events": min(figure["of"], seen), "of": figure["of"], "better": "lower"}
    return {"value": usual * (1 + how.must_see) if figure["better"] == "lower" else usual / (1 + how.must_see), "better": figure["better"]}


def _creep(figure: Figure, earlier: Sequence[Figure]) -> float:
    """How much worse than the oldest three of the window: steps that are each too small to be seen add up."""
    if "events" in figure:
        return 0.0
    oldest = _usual(earlier[:3])
    return round(max(0.0, min(1e6, 100 * _worse(figure, oldest))), 2)
