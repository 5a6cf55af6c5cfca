# SPDX-License-Identifier: GPL-3.0-or-later
"""A masking policy against the columns that exist: what is masked, and every reason to refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_faults import column_faults, entity_faults, reference_faults, way_faults
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_guess import Surroundings, flow, guess, plain
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, ForeignKey, Plan, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import NOTHING, rule_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_structure import structure_faults

__all__ = ("Column", "ForeignKey", "Plan", "Rule", "column_faults", "guess", "make_plan", "refusal", "structure_faults")


def make_plan(
    policy: Mapping[str, Any],
    catalog: Mapping[str, list[Column]],
    *,
    engine: str = "postgresql",
    foreign_keys: Sequence[ForeignKey] = (),
) -> Plan:
    """`catalog` holds every table of the source. Nothing may move while `faults` holds anything."""
    plan = Plan({}, structure_faults(policy), [])
    if plan.faults:
        return plan
    around = Surroundings(policy, catalog, foreign_keys, engine=engine)
    skipped = {entry["table"] for entry in policy.get("skip", ())}
    for name in sorted({*catalog, *policy["tables"], *skipped}):
        wanted = policy["tables"].get(name)
        if name not in catalog:
            plan.faults.append(f"{name}: the policy names it, the source has no such table")
        elif wanted is not None and name in skipped:
            plan.faults.append(f"{name}: is in both tables and skip")
        elif name not in skipped:
            rules, faults, lines = _table(name, wanted or {"columns": {}}, catalog[name], around)
            plan.tables[name] = rules
            plan.faults.extend(faults if wanted is not None else [f"{name}: the policy doesn't mention this table"])
            plan.additions.extend([f"  {plain(name)}:", "    columns:", *lines] if lines else [])
    plan.faults.extend(way_faults(policy, plan.tables))
    plan.faults.extend(reference_faults(plan.tables, foreign_keys))
    return plan


def refusal(faults: Sequence[str], additions: Sequence[str]) -> str:
    """One report of all that doesn't fit, with the YAML that cures what the policy doesn't know; without a fault nothing."""
    if not faults:
        return ""
    lines = ["Nothing was moved: the masking policy and the databases don't fit.", *[f"- {fault}" for fault in dict.fromkeys(faults)]]
    if additions:
        lines += ["Add to the policy after a review (every guess is by name and type only):", "tables:", *additions]
    return "\n".join(lines)


def _table(name: str, wanted: Mapping[str, Any], columns: list[Column], around: Surroundings) -> tuple[dict[str, Rule], list[str], list[str]]:
    known = {column.name: column for column in columns}
    faults = list(_table_faults(name, wanted, known))
    entity = wanted.get("entity")
    key = known.get(entity["key"], NOTHING) if entity else None
    rules: dict[str, Rule] = {}
    lines = []
    for column in columns:
        entry = wanted["columns"].get(column.name)
        if entry is None:
            faults.append(f"{name}.{column.name}: the policy doesn't mention this column ({column.type})")
            lines.append(f"      {plain(column.name)}: {flow(around.guess(name, column))}")
            continue
        rule = rules[column.name] = rule_of(entry, column, entity=entity, key=key)
        faults += [f"{name}.{column.name}: {fault}" for fault in column_faults(rule, column, columns=known, engine=around.engine)]
        labels = _labels(rule, column)
        lines += [f"      {plain(column.name)}: {flow({**entry, 'values': labels})}"] if labels else []
    return rules, faults, lines


def _table_faults(name: str, wanted: Mapping[str, Any], known: Mapping[str, Column]) -> Iterator[str]:
    for column in wanted["columns"]:
        if column not in known:
            yield f"{name}.{column}: the policy names it, the source has no such column"
    for column in wanted.get("quasi_identifiers", ()):
        if column not in known:
            yield f"{name}.{column}: quasi_identifiers names it, the source has no such column"
    if "entity" not in wanted:
        for column, entry in wanted["columns"].items():
            if any(one.get("by") == "entity" for one in (entry, entry.get("element", {}), *entry.get("paths", {}).values())):
                yield f"{name}.{column}: by: entity needs an entity of the table; give the table 'entity' with name and key"
    else:
        yield from (f"{name}: {fault}" for fault in entity_faults(wanted["entity"], known, wanted["columns"]))


def _labels(rule: Rule, column: Column) -> list[str]:
    """All labels to name, when some of an enum's aren't."""
    named = rule.options.get("values", ())
    missing = [label for label in column.labels if label not in named]
    return [*named, *missing] if missing and rule.mask in (None, "shuffle") else []
