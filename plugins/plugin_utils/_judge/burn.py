# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the error budget of an objective burns: the multi-window rule of the SRE workbook, chapter 5."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import JudgeError, Series

HOUR, DAY = 3600.0, 86400.0


class Rule(NamedTuple):
    """At `factor` times the even pace, over the long window and still over the short one; shares of a budget of 30 days."""

    factor: float
    long: float
    short: float
    page: bool


RULES = (
    Rule(14.4, HOUR, HOUR / 12, page=True),
    Rule(6.0, 6 * HOUR, HOUR / 2, page=True),
    Rule(3.0, DAY, 2 * HOUR, page=False),
    Rule(1.0, 3 * DAY, 6 * HOUR, page=False),
)


class Burning(NamedTuple):
    rule: Rule
    long: float
    short: float


def burning(series: Series, objective: float, *, now: float, min_requests: float) -> tuple[list[Burning], list[Rule]]:
    """(rules that fire, rules that too few requests leave open). `series` has the failures by time."""
    if not 0 < objective < 1:
        raise JudgeError(f"an objective of {objective:g} leaves no budget to burn, needed is a share below 1 such as 0.999.")
    fired, unknown = [], []
    for rule in RULES:
        long, short = _pace(series, rule.long, now, min_requests), _pace(series, rule.short, now, 1.0)
        if long is None:
            unknown.append(rule)
            continue
        # Nothing came in the short window: then nothing fails now.
        paces = (long / (1 - objective), (short or 0.0) / (1 - objective))
        if min(paces) > rule.factor:
            fired.append(Burning(rule, *paces))
    return fired, unknown


def _pace(series: Series, window: float, now: float, min_requests: float) -> float | None:
    """Share of failures; time of the window that no point covers counts as without any, so that an hour is not taken for three days."""
    inside = [(time, part) for time, part in zip(series.times, series.parts) if now - window < time <= now]
    of = sum(part[1] for _time, part in inside)
    if of < max(min_requests, 1e-9):
        return None
    step = (inside[-1][0] - inside[0][0]) / (len(inside) - 1) if len(inside) > 1 else 0.0
    covered = min(1.0, (now - inside[0][0] + step) / window) if len(inside) > 1 else 1.0
    return sum(part[0] for _time, part in inside) / of * covered
