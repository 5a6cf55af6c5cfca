# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift score of each environment over time, out of the ledger, as numbers and as a picture. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from html import escape
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.score import host_score

Entry = Mapping[str, Any]
Points = list[tuple[float, float]]
# More steps than this cannot be told apart in the picture.
MOST = 120
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 110, 30, 8, 10, 88


def points(entries: Sequence[Entry]) -> dict[str, Points]:
    """{environment: [(epoch seconds, score)]}: each scan replaces what was known of its host and service."""
    scans: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry["kind"] == "drift" and entry["phase"] != "intent":
            scans.setdefault(entry["environment"], []).append(entry)
    return {name: _of(found) for name, found in scans.items()}


def draw(found: Points, *, name: str, ident: str) -> str:
    """Nothing for less than two moments: one point is no trend."""
    if len(found) < 2:
        return ""
    start, end = found[0][0], found[-1][0]
    worst = max(score for _moment, score in found)
    words = f"From {_day(start)} to {_day(end)}: {found[0][1]:g} at first, {worst:g} at worst, {found[-1][1]:g} now."
    return "".join(
        [
            f'<svg class="plot trend" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{ident}-t {ident}-d" xmlns="http://www.w3.org/2000/svg">',
            f'<title id="{ident}-t">{escape(name)}: drift score over time</title><desc id="{ident}-d">{words}</desc>',
            *(_line(value) for value in (0, 50, 100)),
            f'<path class="line p95" d="{_path(found, start, end)}"/>',
            f'<text class="tick" x="{LEFT}" y="{HEIGHT - 6}">{_day(start)}</text>',
            f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{_day(end)}</text></svg>',
        ]
    )


def _of(scans: list[Entry]) -> Points:
    known: dict[str, dict[str, Any]] = {}
    step = max(1, -(-len(scans) // MOST))
    found: dict[float, float] = {}
    for number, entry in enumerate(scans, start=1):
        host, _service = documents.split(entry["subject"])
        known[entry["subject"]] = {"environment": "", "host": host, "score": _score(entry["body"]), "findings": ()}
        if number % step == 0 or number == len(scans):
            found[_epoch(entry["time"])] = documents.scores(known.values())[""]
    return sorted(found.items())


def _score(body: Mapping[str, Any]) -> float:
    score = body.get("score")
    if isinstance(score, (int, float)) and not isinstance(score, bool):
        return min(100.0, max(0.0, float(score)))
    findings = body.get("findings")
    listed = findings if isinstance(findings, (list, tuple)) else []
    return host_score({"severity": documents.severity(finding)} for finding in listed if isinstance(finding, Mapping))


def _path(found: Points, start: float, end: float) -> str:
    """Steps: between two scans nobody knew better."""
    span = (end - start) or 1.0
    parts = []
    for number, (moment, score) in enumerate(found):
        x = round(LEFT + (moment - start) / span * (WIDTH - RIGHT - LEFT), 1)
        parts.append(f"M{x} {_y(score)}" if number == 0 else f"H{x}V{_y(score)}")
    return "".join(parts)


def _y(score: float) -> float:
    return round(BOTTOM - score / 100 * (BOTTOM - TOP), 1)


def _line(value: int) -> str:
    y = _y(value)
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/><text class="tick" x="{LEFT - 5}" y="{y + 4}" text-anchor="end">{value}</text>'
    )


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=timezone.utc).strftime("%Y-%m-%d %H:%M")
