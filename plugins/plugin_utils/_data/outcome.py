# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refresh did, for the ledger and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KEPT = ("changed", "mode", "why", "tables", "edges", "proof", "key_id", "seconds", "drift", "plan")


def by_database(result: Mapping[str, Any], services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """{service: what was done}: the module answers for one database without its name."""
    several = result.get("databases")
    found = several if several is not None else {services[0]: result}
    return {name: {key: one[key] for key in KEPT if key in one} for name, one in found.items()}


def body(result: Mapping[str, Any], services: Sequence[str]) -> dict[str, Any]:
    """For the outcome in the ledger: `proof` is the weakest of all databases."""
    found = by_database(result, services)
    made: dict[str, Any] = {"changed": bool(result.get("changed")), "databases": found, "proof": weakest(found)}
    keys = sorted({str(one["key_id"]) for one in found.values() if one.get("key_id")})
    if keys:
        made["key_id"] = ",".join(keys)
    if "snapshots_apart" in result:
        made["snapshots_apart"] = result["snapshots_apart"]
    return made


def weakest(found: Mapping[str, Mapping[str, Any]]) -> str:
    """passed when every database that changed was proved, none when one wasn't, unchanged when there was nothing to prove."""
    changed = [one for one in found.values() if one.get("changed")]
    if not changed:
        return "unchanged"
    verdicts = [str((one.get("proof") or {}).get("verdict", "none")) for one in changed]
    return next((verdict for verdict in verdicts if verdict != "passed"), "passed")


def lines(result: Mapping[str, Any], services: Sequence[str]) -> list[str]:
    """A line per database and per table, for a terminal."""
    told: list[str] = []
    for name, one in by_database(result, services).items():
        if "plan" in one:
            told += _plan_lines(name, one)
            continue
        state = "refreshed" if one.get("changed") else "already up to date"
        told.append(f"{name}: {state}, mode {one.get('mode', 'full')}{_because(one)}{_took(one)}{_proved(one)}")
        told += [_table_line(table, facts) for table, facts in (one.get("tables") or {}).items() if one.get("changed")]
        told += [f"  {edge['direction']} {edge.get('edge') or edge['table']}: {edge['rows']:,} rows" for edge in one.get("edges") or []]
    return told


def _because(one: Mapping[str, Any]) -> str:
    return f" ({str(one['why']).rstrip('.')})" if one.get("why") else ""


def _took(one: Mapping[str, Any]) -> str:
    return f", {one['seconds']:.1f} s" if isinstance(one.get("seconds"), (int, float)) else ""


def _proved(one: Mapping[str, Any]) -> str:
    verdict = (one.get("proof") or {}).get("verdict")
    return f", proof {verdict}" if verdict else ""


def _table_line(table: str, facts: Mapping[str, Any]) -> str:
    masked = ", ".join(facts.get("masked") or []) or "nothing"
    rows = facts.get("rows")
    return f"  {table}: {rows:,} rows, masked {masked}" if rows is not None else f"  {table}: masked {masked}"


def _plan_lines(name: str, one: Mapping[str, Any]) -> list[str]:
    plan = one["plan"]
    tables = plan.get("tables") or []
    change = "would be refreshed" if one.get("changed") else "is up to date"
    told = [f"{name}: {change}, mode {one.get('mode', 'full')}{_because(one)}{_estimates(plan, tables)}"]
    told += [_planned(number, table) for number, table in enumerate(tables, 1)] if one.get("changed") else []
    told += [f"  the target differs, and would be taken as it is: {line}" for line in one.get("drift") or []]
    return [*told, "  nothing was changed"]


def _planned(number: int, table: Mapping[str, Any]) -> str:
    masks = ", ".join(column if column == mask else f"{column} ({mask})" for column, mask in (table.get("masks") or {}).items())
    size = f", {_size(table['bytes'])}" if table.get("bytes") else ""
    return f"  {number}. {table.get('name')}: about {table.get('rows') or 0:,} rows{size}, {'masks ' + masks if masks else 'masks nothing'}"


def _estimates(plan: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> str:
    words = [f"{len(tables)} tables, about {sum(table.get('rows') or 0 for table in tables):,} rows"] if tables else []
    if plan.get("bytes_estimate"):
        words.append(_size(plan["bytes_estimate"]))
    if isinstance(plan.get("seconds_estimate"), (int, float)):
        words.append(f"about {_duration(plan['seconds_estimate'])}")
    return "; " + ", ".join(words) if words else ""


def _size(count: float) -> str:
    for unit, word in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit / 10:
            return f"{count / unit:,.1f} {word}"
    return f"{max(1, round(count / 1e3)):,} kB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
