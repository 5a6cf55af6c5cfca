# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there and what is missing for a release, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import KINDS

_SHOWN = {
    "tests": "{passed} of {tests} passed, {failed} failed, {errors} errors, {skipped} skipped",
    "coverage": "{line_percent} % of {lines_total} lines",
    "static_analysis": "{findings} findings, {critical} critical, {high} high",
    "dynamic_analysis": "{findings} findings, {critical} critical, {high} high",
    "infrastructure": "{findings} findings, {critical} critical, {high} high",
    "dependencies": "{critical} critical, {high} high, {medium} medium, {low} low, {unknown} unknown",
    "sbom": "{packages} packages, {identified_percent} % identified",
    "licences": "{licensed} of {packages} packages licensed",
    "contracts": "{failed} failed",
    "performance": "compared with {releases_compared} releases",
    "penetration_test": "{critical} critical, {high} high, {medium} medium, {low} low",
    "uat": "signed",
}
_HEAD = ("evidence", "component", "verdict", "age", "says")


def render(found: Mapping[str, Any], *, release: str, components: Sequence[str], expects: Sequence[str] = ()) -> str:
    """One row per kind and component. `expects` are the kinds that should be there; by default those that any component has."""
    wanted = [kind for kind in KINDS if kind in expects or kind in found]
    rows = [_row(kind, label, found.get(kind, {}).get("components", {}).get(label)) for kind in wanted for label in components]
    missing = sum(row[2] == "MISSING" for row in rows)
    bad = sum(row[2] not in ("MISSING", "passed") for row in rows)
    head = f"Evidence of release {release}: {len(rows) - missing - bad} passed, {bad} not passed, {missing} missing."
    lines = [head]
    if rows:
        widths = [max(len(row[number]) for row in (_HEAD, *rows)) for number in range(4)]
        lines += ["", *(_line(row, widths) for row in (_HEAD, *rows))]
    absent = [kind for kind in KINDS if kind not in wanted]
    return "\n".join([*lines, *(["", f"Nothing recorded of: {', '.join(absent)}."] if absent else [])])


def _row(kind: str, label: str, one: Mapping[str, Any] | None) -> tuple[str, ...]:
    if one is None:
        return kind, label, "MISSING", "", "record it with evenkeel.release.evidence"
    try:
        says = _SHOWN[kind].format_map(one)
    except KeyError:
        says = ""
    return kind, label, one["verdict"], age(one["age_seconds"]), "; ".join(part for part in (says, str(one.get("reason") or "")) if part)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]).rstrip()


def age(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
