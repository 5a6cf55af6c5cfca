# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a load test or benchmark, in one form for every tool.

A figure is {value, unit, better: lower|higher, resolution}, or {events, of, better: lower} for a share such as failed requests. `resolution` is the step
in which the tool rounds: what is less than that apart is not told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import FAILED, INCONCLUSIVE, PASSED, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

MOST = 200
Figure = dict[str, Any]


def lower(value: float, unit: str, *, resolution: float = 0.0) -> Figure:
    return {"value": value, "unit": unit, "better": "lower", "resolution": resolution}


def higher(value: float, unit: str) -> Figure:
    return {"value": value, "unit": unit, "better": "higher", "resolution": 0.0}


def share(events: int, of: int) -> Figure:
    return {"events": events, "of": of, "better": "lower"}


def quantile(ordered: Sequence[float], q: float) -> float:
    """Nearest rank: the least value that at least the share q is not above."""
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def reading(
    doc: Document,
    figures: Mapping[str, Figure],
    *,
    tool: str,
    version: str = "",
    made_at: datetime | None = None,
    requests: int | None = None,
    failed: int | None = None,
    breached: Sequence[str] | None = None,
) -> Reading:
    """`breached`: thresholds of the tool itself that did not hold; None where the file does not speak of any."""
    if len(figures) > MOST:
        doc.refuse("", found=f"{len(figures)} figures", allowed=f"at most {MOST}", next_step="split the report, or measure fewer things at once")
    # A list, and without "::": what is written after the key or the word "token" would be taken for a secret and removed.
    listed = [{"metric": short(name.replace("::", " > ")), **figure} for name, figure in figures.items()]
    numbers: dict[str, Any] = {"metrics": listed}
    if requests is not None:
        numbers |= {"requests": requests, "failed_requests": failed or 0}
        if requests:
            numbers["error_percent"] = math.ceil((failed or 0) * 10000 / requests) / 100
    if breached is not None:
        numbers["thresholds_breached"] = len(breached)
    verdict, reason = PASSED, ""
    if breached:
        verdict, reason = FAILED, f"{tool}'s own thresholds do not hold: {short(', '.join(breached))}"
    elif not figures or requests == 0:
        verdict, reason = INCONCLUSIVE, "nothing was measured"
    return Reading("performance", verdict, numbers, reason, tool, version, made_at)
