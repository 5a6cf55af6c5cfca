# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of a load generator, one JSON object a line: {t: epoch seconds, ms, ok, version}."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BUCKET = 0.25
# More points than this can't be told apart on a screen: longer runs get wider buckets.
MOST_BUCKETS = 480


class SampleError(Exception):
    pass


class Sample(NamedTuple):
    t: float
    ms: float
    ok: bool
    version: str


@dataclass(frozen=True)
class Bucket:
    """`p50` and `p95` are of the answered requests, None when there were none; `errors` is per second."""

    t: float
    p50: float | None
    p95: float | None
    errors: float
    version: str


def parse(lines: Iterable[str], *, name: str) -> list[Sample]:
    """In the order of time. A last line that is cut off is left out: the generator may still be writing."""
    found = []
    pending: str | None = None
    for number, line in enumerate(lines, start=1):
        if pending is not None:
            raise SampleError(pending)
        if not line.strip():
            continue
        try:
            found.append(_sample(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            allowed = 'allowed: {"t": seconds, "ms": number, "ok": true or false, "version": text}'
            pending = f"reading {name}, line {number}: {line.strip()[:80]!r} is no sample ({error}); {allowed}"
    return sorted(found)


def _sample(raw: dict[str, object]) -> Sample:
    t, ms, ok = raw["t"], raw["ms"], raw["ok"]
    if not isinstance(ok, bool) or isinstance(t, bool) or isinstance(ms, bool):
        raise TypeError("a wrong type")
    if not isinstance(t, (int, float)) or not isinstance(ms, (int, float)) or not math.isfinite(t + ms):
        raise TypeError("t and ms must be numbers")
    return Sample(float(t), float(ms), ok, str(raw.get("version") or ""))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank: a value that was measured."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def width_of(samples: Sequence[Sample]) -> float:
    span = samples[-1].t - samples[0].t if samples else 0.0
    return max(BUCKET, math.ceil(span / MOST_BUCKETS / BUCKET) * BUCKET)


def buckets(samples: Sequence[Sample]) -> list[Bucket]:
    """One per interval from the first to the last sample, empty intervals too: a gap must stay visible."""
    if not samples:
        return []
    start, width = samples[0].t, width_of(samples)
    groups: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[int((sample.t - start) / width)].append(sample)
    return [_bucket(start + index * width, groups.get(index, []), width) for index in range(max(groups) + 1)]


def _bucket(t: float, group: list[Sample], width: float) -> Bucket:
    answered = [sample.ms for sample in group if sample.ok]
    versions = Counter(sample.version for sample in group if sample.version)
    return Bucket(
        t=t,
        p50=percentile(answered, 0.5),
        p95=percentile(answered, 0.95),
        errors=sum(not sample.ok for sample in group) / width,
        version=versions.most_common(1)[0][0] if versions else "",
    )


def totals(samples: Sequence[Sample]) -> dict[str, object]:
    answered = [sample.ms for sample in samples if sample.ok]
    return {
        "requests": len(samples),
        "failed": len(samples) - len(answered),
        "p50": percentile(answered, 0.5),
        "p95": percentile(answered, 0.95),
        "p99": percentile(answered, 0.99),
        "versions": sorted({sample.version for sample in samples if sample.version}),
    }
