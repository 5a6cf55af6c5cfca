# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as a comparison of environments sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.registry import KIND_OF
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.closed import closed_places, is_below
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.normalize import replaced

Item = Mapping[str, Any]
Rule = Mapping[str, Any]
Collectors = Mapping[str, Mapping[str, Any]]
NOT_ASKED = "this host was not asked for it"


@dataclass(frozen=True)
class Seen:
    """Items and baseline have the host's own values replaced. Without a baseline nobody can say who drifted."""

    items: Mapping[str, Item]
    collectors: Collectors
    roles: tuple[str, ...] = ()
    baseline: Mapping[str, Item] | None = None
    closed: frozenset[str] = field(default_factory=frozenset)
    asked: frozenset[str] = field(default_factory=frozenset)

    def blindness(self, collector: str) -> str:
        state = self.collectors.get(collector)
        if state is None:
            return NOT_ASKED
        return "" if state["state"] == "read" else str(state.get("reason") or "no reason given")

    def sees(self, path: str) -> bool:
        kind = path.partition(":")[0]
        return not self.blindness(KIND_OF.get(kind, kind)) and not is_below(path, self.closed)


def seen(
    items: Mapping[str, Item],
    collectors: Collectors,
    *,
    own: Mapping[str, Any],
    rules: Sequence[Rule] = (),
    roles: Iterable[str] = (),
    baseline: Mapping[str, Item] | None = None,
) -> Seen:
    """own: the host's {host, address, environment, root}; rules: `normalize` of evenkeel_drift."""
    plain = replaced(items, rules, own)
    left = None if baseline is None else replaced(baseline, rules, own)
    # Items without the state of their collector must not be passed over in silence.
    kinds = {path.partition(":")[0] for path in items}
    asked = frozenset({*collectors, *(KIND_OF.get(kind, kind) for kind in kinds)})
    return Seen(plain, collectors, tuple(sorted(roles)), left, frozenset(closed_places(plain.items())), asked)
