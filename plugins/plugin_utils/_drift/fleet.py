# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts against one baseline. What is read and moved grows with what differs, not with what there is."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, inflate
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects

Item = Mapping[str, Any]
Delta = Mapping[str, Any]
Changes = dict[str, dict[str, Any]]


def answered(base: str, replies: Mapping[str, bytes]) -> dict[str, Delta]:
    """{host: its delta} of what hosts answered to a snapshot with the baseline `base`; Broken names the host whose answer is another one's."""
    deltas = {}
    for host, data in replies.items():
        try:
            delta = json.loads(inflate(data))
            fits = delta["base"] == base
        except (ValueError, KeyError, TypeError, zlib.error) as exc:
            raise Broken(f"the answer of {host} cannot be read ({type(exc).__name__})") from exc
        if not fits:
            raise Broken(f"the answer of {host} is not to the baseline {base}")
        deltas[host] = delta
    return deltas


def stored(objects: Objects, base: str, roots: Mapping[str, str]) -> dict[str, Delta]:
    """{host: its delta} of records in the store. Hosts with the same root share one."""
    found = objects.changes(base, roots.values())
    return {host: found[root] for host, root in roots.items()}


def compare(base: Mapping[str, Item], deltas: Mapping[str, Delta]) -> dict[str, Changes]:
    """{host: {key: {before, after}}}, with an empty one for a host that is as the base. `base` are the items of the base."""
    made: dict[int, Changes] = {}
    for delta in deltas.values():
        if id(delta) not in made:
            made[id(delta)] = _changes(base, delta["items"].items(), delta["gone"])
    return {host: made[id(delta)] for host, delta in deltas.items()}


def _changes(base: Mapping[str, Item], items: Iterable[tuple[str, Item]], gone: Iterable[str]) -> Changes:
    changes = {key: {"before": base.get(key), "after": item} for key, item in items}
    changes.update((key, {"before": base.get(key), "after": None}) for key in gone)
    return changes
