# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proofs cost on top of a whole masked refresh."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize

from . import _data_source as source_of
from ._data_full import Spent, fresh, measured, params

TARGET = "bench_proof"


def refresh(pg: Any, source: str, policy: dict[str, Any], *, enabled: bool, spent: Spent, records: list[dict[str, Any]]) -> float:
    fresh(pg, TARGET, schema=source_of.SCHEMA)

    def work() -> None:
        result = synchronize(params(pg, source, TARGET, policy, proof={"enabled": enabled}), check_mode=False)
        records.append(result.get("proof") or {})

    return measured(pg, work, spent)


def rows(bench: Any, pg: Any, source: str) -> None:
    """`source` holds what _data_source.build() makes."""
    spent: dict[bool, Spent] = {True: [], False: []}
    records: list[dict[str, Any]] = []
    for name, policy in (("by entity", source_of.POLICY_ENTITY), ("by value", source_of.POLICY_VALUE)):

        def once(enabled: bool, policy: dict[str, Any] = policy) -> float:
            return refresh(pg, source, policy, enabled=enabled, spent=spent[enabled], records=records)

        bench.row(f"refresh {name} with all proofs / without", ours=lambda once=once: once(True), reference=lambda once=once: once(False), bar=1.25)
    for record in records[-1:]:
        if record:
            bench.say(f"  proof: {record['verdict']}, {record['seconds']} s, by check {record['took']}")
