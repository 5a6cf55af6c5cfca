# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments out of the store, compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.allow import propose
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.decide import judged
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.parity import CLASSES, parity
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import Seen, seen
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects

Hosts = Mapping[str, Mapping[str, Any]]
FACTS = ("host", "address", "environment", "root")


def faults(side: str, hosts: Hosts) -> list[str]:
    """Of {host: {root, roles, facts, baseline}}, in words."""
    found = []
    for host, given in hosts.items():
        place = f"{side}.{host}"
        if not isinstance(given, Mapping):
            found.append(f"{place} is no mapping")
            continue
        found += [f"{place}.{key} is not known, allowed: root, roles, facts, baseline" for key in given if key not in ("root", "roles", "facts", "baseline")]
        if not isinstance(given.get("root"), str) or not given["root"]:
            found.append(f"{place}.root is missing: the root of a snapshot in the store")
        if not isinstance(given.get("roles", []), list):
            found.append(f"{place}.roles is no list of services")
        facts = given.get("facts", {})
        if not isinstance(facts, Mapping) or not set(facts) <= set(FACTS):
            found.append(f"{place}.facts has other keys than {', '.join(FACTS)}")
    return found


def compared(
    here: Hosts, there: Hosts, objects: Objects, *, rules: Mapping[str, Any], declared: Sequence[Mapping[str, Any]], today: date, proposals: bool = False
) -> dict[str, Any]:
    """{verdict, findings, allowed, unused, score, by_severity, by_class} and, when asked for, proposals for allowed_differences."""
    records: dict[str, Record] = {}
    sides = [{host: _seen(host, given, objects, rules, records) for host, given in side.items()} for side in (here, there)]
    found = parity(sides[0], sides[1], rules=rules)
    result = judged(found, declared, rules=rules, today=today)
    counts = Counter(finding["class"] for finding in result["findings"])
    result["by_class"] = {name: counts[name] for name in CLASSES}
    return {**result, "proposals": propose(result["findings"])} if proposals else result


def _seen(host: str, given: Mapping[str, Any], objects: Objects, rules: Mapping[str, Any], records: dict[str, Record]) -> Seen:
    """Hosts that are alike have the same root: one record then serves all of them."""
    for root in filter(None, (given["root"], given.get("baseline"))):
        if root not in records:
            records[root] = objects.record(root)
    now, left = records[given["root"]], given.get("baseline")
    return seen(
        now.all_items(),
        now.collectors,
        own={"host": host, **(given.get("facts") or {})},
        rules=rules.get("normalize") or (),
        roles=given.get("roles") or (),
        baseline=records[left].all_items() if left else None,
    )
