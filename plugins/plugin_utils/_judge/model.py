# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into the judge and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GAUGE, COUNTER, RATIO, AVAILABILITY = "gauge", "counter", "ratio", "availability"
PASSED, FAILED, ERRORED, INCONCLUSIVE = "passed", "failed", "errored", "inconclusive"
PASS, HIGH, LOW, NODATA, NODATA_FAIL, ERROR = "Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"


class JudgeError(Exception):
    """A metric that cannot be judged: what was asked, what was found, what to do."""


@dataclass(frozen=True)
class Series:
    """`values` of a gauge; `parts` are (events, of) of each interval, `of` being requests, samples or seconds of exposure.

    `times` go with whichever of the two there is.
    """

    times: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    parts: tuple[tuple[float, float], ...] = ()
    events: int = 0
    of: float = 0.0

    @property
    def size(self) -> float:
        return len(self.values) or self.of

    @property
    def rate(self) -> float:
        return self.events / self.of if self.of else 0.0


@dataclass(frozen=True)
class Effect:
    """Kayenta's effect sizes; None is its default, 1.0 of meanRatio and 0.5 of cles."""

    measure: str = "meanRatio"
    allowed_increase: float | None = None
    allowed_decrease: float | None = None
    critical_increase: float | None = None
    critical_decrease: float | None = None


@dataclass(frozen=True)
class Metric:
    """How one metric is judged; what is None takes the default of its kind and mode (`defaults.py`)."""

    name: str
    kind: str = GAUGE
    groups: tuple[str, ...] = ()
    direction: str | None = None
    critical: bool | None = None
    muted: bool = False
    required: bool = False
    nan: str = "remove"
    outliers: str = "keep"
    outlier_factor: float = 3.0
    tolerance: float | None = None
    must_see: float | None = None
    min_samples: float | None = None
    highest: float | None = None
    lowest: float | None = None
    objective: float | None = None
    burn: bool = False
    effect: Effect = Effect()


@dataclass(frozen=True)
class Settings:
    """`mode` is default, kayenta or watch. `fractions` are the looks so far, as shares of the whole run; the last one is this look."""

    mode: str = "default"
    alpha: float = 0.01
    power: float = 0.80
    fractions: tuple[float, ...] = (1.0,)
    weights: Mapping[str, float] = field(default_factory=dict)
    pass_score: float = 95.0
    marginal_score: float = 75.0
    tolerance: float = 0.25
    confidence: float = 0.98

    @property
    def final(self) -> bool:
        return self.fractions[-1] >= 1.0


@dataclass(frozen=True)
class Pair:
    """One metric with its data. `problem` says why there is none; `earlier` are stable releases before, by their names."""

    metric: Metric
    canary: Series | None = None
    baseline: Series | None = None
    earlier: Mapping[str, Series] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Finding:
    """Of one metric. `effect` is relative (0.32 is +32 %) or in the metric's own unit where `unit` says so."""

    name: str
    verdict: str
    classification: str
    reason: str
    group: str = ""
    groups: tuple[str, ...] = ()
    critical: bool = False
    muted: bool = False
    test: str = ""
    effect: float | None = None
    unit: str = ""
    p: float | None = None
    interval: tuple[float | None, float | None] | None = None
    detectable: float | None = None
    began: float | None = None
    told: float | None = None
    canary: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "groups"}
        return {
            **plain,
            "groups": list(self.groups),
            "interval": list(self.interval) if self.interval else None,
            "canary": dict(self.canary),
            "baseline": dict(self.baseline),
        }
