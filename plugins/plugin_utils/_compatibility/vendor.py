# SPDX-License-Identifier: GPL-3.0-or-later
"""Products that somebody else makes: how long a version is supported, and which steps from one to another are allowed. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import ranges
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Component, Declared, Move, Problem


def refused(moves: Sequence[Move], declared: Declared, *, rollback: bool = True) -> list[Problem]:
    """Steps that are not allowed, each with a way that is. A first installation and a removal are no steps."""
    found = []
    for move in moves:
        component = declared.get(move.component)
        if component is None or not component.upgrades or not move.before or not move.after or move.before == move.after:
            continue
        if not allowed(component, move.before, move.after):
            found.append(Problem("upgrade", move.component, move.after, "", _skipped(component, move), (move.component,)))
        elif rollback and not component.stays and not allowed(component, move.after, move.before):
            text = (
                f"{move.component} can't go back from {move.after} to {move.before}: no step allows it. Say rollback: stays, if the others can live with that"
            )
            found.append(Problem("downgrade", move.component, move.after, "", text, (move.component,)))
    return found


def allowed(component: Component, before: str, after: str) -> bool:
    return any(ranges.covers(step.before, before) and ranges.covers(step.after, after) for step in component.upgrades)


def path(component: Component, before: str, after: str) -> list[str] | None:
    """The fewest allowed steps over versions that the document knows, before and after themselves included; among equals by version."""
    versions = sorted({*component.known, after}, key=lambda version: (ranges.key(version), version))
    found: dict[str, list[str]] = {before: [before]}
    left = [before]
    while left:
        here = left.pop(0)
        if here == after:
            return found[here]
        for version in versions:
            if version not in found and allowed(component, here, version):
                found[version] = [*found[here], version]
                left.append(version)
    return None


def support(running: Mapping[str, str], declared: Declared, *, today: str) -> list[dict[str, Any]]:
    """[{component, version, vendor, support_until, days, supported}] of components with a vendor; supported is null when nobody said until when.

    today: YYYY-MM-DD. The last day still counts.
    """
    from datetime import date

    found = []
    for name, version in sorted(running.items()):
        component = declared.get(name)
        if component is None or not component.vendor or not version:
            continue
        facts = component.facts(version)
        until = facts.support_until if facts else ""
        days = (date.fromisoformat(until) - date.fromisoformat(today)).days if until else None
        supported = None if days is None else days >= 0
        found.append({"component": name, "version": version, "vendor": component.vendor, "support_until": until or None, "days": days, "supported": supported})
    return found


def _skipped(component: Component, move: Move) -> str:
    way = path(component, move.before, move.after)
    text = f"{move.component} may not go from {move.before} to {move.after} in one step"
    if way:
        return f"{text}; allowed is {' -> '.join(way)}"
    steps = [f"{step.before} -> {step.after}" for step in component.upgrades if ranges.covers(step.before, move.before)]
    return f"{text}; from {move.before} these steps are allowed: {', '.join(steps) or 'none'}"
