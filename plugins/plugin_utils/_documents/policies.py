# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies beside policies: exceptions in their folder waivers, cases in their folder tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document, Environment
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, listed, shown

BESIDE_POLICIES = {"policy_waiver": "waivers", "policy_test": "tests"}


def beside(places: Sequence[str], folder: str) -> list[str]:
    """The folders of that name in the folders of policies, those that are there."""
    return [str(Path(place) / folder) for place in places if (Path(place) / folder).is_dir()]


def waiver_faults(waiver: Document, policies: Sequence[Document], environments: Sequence[Environment]) -> list[Fault]:
    """An exception from a rule that is not there, or for a place that is not there, does nothing and looks as if it did."""
    if not isinstance(waiver.value, Mapping):
        return []
    known = [
        f"{policy.value.get('name')}/{rule.get('name')}"
        for policy in policies
        if isinstance(policy.value, Mapping) and isinstance(policy.value.get("rules", []), list)
        for rule in policy.value.get("rules", [])
        if isinstance(rule, Mapping)
    ]
    rule, faults = waiver.value.get("rule"), []
    if isinstance(rule, str) and rule not in known:
        faults.append(waiver.source.fault(("rule",), found=shown(rule), allowed=f"a rule of the policies: {listed(known)}", hint=did_you_mean(rule, known)))
    scope = waiver.value.get("scope")
    named = scope.get("environments") if isinstance(scope, Mapping) else None
    places = sorted(each.name for each in environments)
    for number, name in enumerate(named if isinstance(named, list) else []):
        if name not in places:
            where = ("scope", "environments", number)
            allowed = f"an environment of the inventory: {listed(places)}"
            faults.append(waiver.source.fault(where, found=shown(name), allowed=allowed, hint=did_you_mean(name, places)))
    return faults
