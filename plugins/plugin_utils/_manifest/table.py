# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a release as a table that people read: milestones with what was found and needed, scope, where it stands, and what keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]
LONGEST = 60


def render(status: Data) -> list[str]:
    """Lines of the status as release_status gives it."""
    manifest, recorded = status["release"], status["manifest"]["recorded"]
    first = f"recorded by {recorded['by']} at {recorded['time']}" if recorded else "not used yet"
    lines = [
        f"{manifest['version']} ({manifest['type']}), {manifest['owner']}: {manifest['summary']}",
        f"manifest {status['manifest']['sha256'][:16]}, {first}",
    ]
    if manifest.get("compliance"):
        lines.append(f"falls under {', '.join(manifest['compliance'])}")
    lines += _milestones(status.get("milestones")) + _boundaries(status.get("boundaries")) + _scope(status.get("scope"))
    return lines + _standing(status["standing"], status.get("complete", {})) + _promotions(status["promotions"])


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell."""
    table = [list(head), *[list(map(str, row)) for row in rows]]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]


def _milestones(found: Data | None) -> list[str]:
    if not found:
        return []
    rows = []
    for item in found["items"]:
        late = " (overdue)" if item["overdue"] else ""
        for place, one in enumerate(item["criteria"]):
            head = [item["name"], item["owner"], f"{item['due']}{late}", item["verdict"]] if place == 0 else ["", "", "", ""]
            rows.append([*head, one["name"], one["verdict"], one["needed"], _found(one)])
    return ["", *grid(("milestone", "owner", "due", "state", "criterion", "verdict", "needed", "found"), rows)]


def _boundaries(found: Data | None) -> list[str]:
    if not found:
        return []
    rows = [[name, one["name"], one["verdict"], one["needed"], _found(one)] for name, each in found.items() for one in each["criteria"]]
    return ["", *grid(("boundary", "criterion", "verdict", "needed", "found"), rows)]


def _scope(found: Data | None) -> list[str]:
    if not found:
        return []
    frozen = f"frozen since {found['frozen_at']}" if found["frozen"] else f"to be frozen at {found['frozen_at']}" if found["frozen_at"] else "without a freeze"
    line = f"scope: {found['done']} of {found['items']} done, {len(found['open'])} open, {len(found['deferred'])} deferred, {frozen}"
    late = f"; after the freeze: {', '.join(found['late'])}" if found["late"] else ""
    return ["", line + late]


def _standing(standing: Data, complete: Data) -> list[str]:
    rows = []
    for name, one in standing.items():
        state = "runs" if one["runs"] else "-"
        done = complete.get(name, {}).get("state", "")
        may = "yes" if one["promotable"] else "; ".join(one["why"])
        rows.append(
            [
                name,
                f"{state}{', complete' if one['runs'] and done == 'complete' else ''}",
                one["verified_at"] or "-",
                one["expires_at"] or "-",
                f"{one['soaked_for']:.0f} s",
                may,
            ]
        )
    return ["", *grid(("environment", "state", "verified at", "counts until", "soaked", "may be promoted to it"), rows)] if rows else []


def _promotions(found: Sequence[Data]) -> list[str]:
    rows = [[one["began"], one["kind"], one["environment"], one["by"], one["verdict"]] for one in found]
    return ["", *grid(("when", "what", "where", "who", "verdict"), rows)] if rows else []


def _found(one: Data) -> str:
    if one["problem"]:
        return str(one["problem"])
    text = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in one["found"].items()) or "-"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
