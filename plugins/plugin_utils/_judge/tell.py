# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures in words."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Finding


def change(effect: float | None, unit: str) -> str:
    """+32 %, +5.1 percentage points, or +3 in the metric's own unit."""
    if effect is None:
        return "an unknown change"
    if unit == "share":
        return f"{effect * 100:+.3g} percentage points"
    return f"{effect:+.3g}" if unit else f"{effect * 100:+.0f} %" if abs(effect) < 10 else f"x{effect + 1:.0f}"


def chance(p: float) -> str:
    return f"p = {p:.2g}" if p >= 1e-6 else "p < 0.000001"


def power(findings: Sequence[Finding], share: float) -> str:
    """What this run could have seen; empty without a comparison."""
    seen = [f"{change(each.detectable, each.unit)} of {each.name}" for each in findings if each.detectable is not None and not each.muted]
    blind = [each.name for each in findings if each.test and each.detectable is None and not each.muted and each.classification != "Error"]
    texts = []
    if seen:
        texts.append(f"This run could have seen {', '.join(seen)} with {share * 100:.0f} % power.")
    if blind:
        texts.append(f"It was too small to see any change of {', '.join(blind)}.")
    return " ".join(texts)
