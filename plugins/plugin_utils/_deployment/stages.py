# SPDX-License-Identifier: GPL-3.0-or-later
"""What each environment asks of a release that is to be promoted to it, from the environment documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.duration import seconds


class Stage(NamedTuple):
    """upstreams: where it may come from, empty for the first; needs: any or all of them; soak and expires in seconds, expires None for never."""

    upstreams: tuple[str, ...] = ()
    needs: str = "any"
    soak: float = 0.0
    expires: float | None = None


def of(documents: Iterable[Mapping[str, Any]]) -> dict[str, Stage]:
    """{name: Stage}. `promotion.from` adds to `promotes_from`; `promotion.soak` is how long it must have run upstream once it was verified there."""
    return {document["name"]: _stage(document) for document in documents}


def before(stages: Mapping[str, Stage], name: str) -> list[str]:
    """Every environment that comes before it, the nearest first."""
    found: dict[str, None] = {}
    left = list(stages.get(name, Stage()).upstreams)
    while left:
        place = left.pop(0)
        if place != name and place not in found:
            found[place] = None
            left += stages.get(place, Stage()).upstreams
    return list(found)


def _stage(document: Mapping[str, Any]) -> Stage:
    asked = document.get("promotion") or {}
    first = [document["promotes_from"]] if document.get("promotes_from") else []
    return Stage(
        upstreams=tuple(dict.fromkeys([*first, *asked.get("from", [])])),
        needs=asked.get("needs", "any"),
        soak=seconds(asked.get("soak", 0), option=f"promotion.soak of {document['name']}"),
        expires=seconds(asked["verification_expires"], option="promotion.verification_expires") if "verification_expires" in asked else None,
    )


def documents(groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """{name: environment document} of every group whose first host has the document of that name."""
    found = {}
    for name, hosts in groups.items():
        document = hostvars[hosts[0]].get("evenkeel_environment") if hosts else None
        if isinstance(document, Mapping) and str(document.get("name")) == name:
            found[str(name)] = document
    return found
