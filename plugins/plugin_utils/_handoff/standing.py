# SPDX-License-Identifier: GPL-3.0-or-later
"""What open handoffs stand against: what the gate is told as `handoff`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._acts import WAY_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.state import Teams, state


def standing(
    documents: Sequence[Mapping[str, Any]], entries: Iterable[Any], environment: Mapping[str, Any], act: str, release: str, teams: Teams
) -> dict[str, Any]:
    """The section `handoff` of the policies' evidence.

    documents: checked handoffs; entries: those of kind handoff, oldest first; environment: its document, for name and tier.
    {allowed, handoffs: [state()], blocking: [{name, release, checkpoint, by, description}], ask: [team], message}. What can't be told is not allowed;
    the way back is never blocked.
    """
    try:
        known = list(entries)
        found = [state(document, known, teams) for document in documents]
        concerned = [each for each, document in zip(found, documents, strict=True) if _blocks(document, environment, act, release)]
        blocking = [
            {"name": each["name"], "release": each["release"], "checkpoint": row["name"], "by": row["by"], "description": row["description"], "why": row["why"]}
            for each in concerned
            for row in each["checkpoints"]
            if row["state"] != "signed"
        ]
        allowed = not blocking or act in WAY_BACK
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        fault = f"Whether a handoff is open could not be told, so {act} is refused: {type(exc).__name__} {exc}"
        return {"allowed": act in WAY_BACK, "handoffs": [], "blocking": [], "ask": [], "message": fault}
    lines = [f"{each['name']}/{each['checkpoint']} is for {each['by']}: {each['description']}{_why(each)}" for each in blocking]
    said = "\n".join([f"{act} is blocked by {len(lines)} open checkpoints:", *lines, "Next: have them signed with evenkeel.release.handoff."])
    ask = list(dict.fromkeys(each["by"] for each in blocking))
    return {"allowed": allowed, "handoffs": found, "blocking": blocking, "ask": ask, "message": "No open handoff stands against it." if allowed else said}


def _blocks(document: Mapping[str, Any], environment: Mapping[str, Any], act: str, release: str) -> bool:
    if document.get("release", release) != release:
        return False
    asked = {"acts": act, "environments": environment["name"], "tiers": environment["tier"]}
    return any(all(not rule.get(key) or value in rule[key] for key, value in asked.items()) for rule in document.get("blocks") or ())


def _why(each: Mapping[str, Any]) -> str:
    return f" (signed, but {each['why']})" if each["why"] else ""
