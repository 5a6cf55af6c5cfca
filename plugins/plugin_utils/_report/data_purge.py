# SPDX-License-Identifier: GPL-3.0-or-later
"""Purges of what is too old: what was found, what went. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._report.data_read import (
    Facts,
    counted,
    ended,
    items,
    listed,
    mapping,
    tables,
    text,
    whole,
)

MOST_TABLES, MOST_FAILED = 100, 5


def newest(acts: list[Facts]) -> list[dict[str, Any]]:
    """The last one of each database that ended well, and those that have failed since."""
    names = sorted({text(row["subject"]) for row in acts})
    return [_of(name, [row for row in acts if text(row["subject"]) == name]) for name in names]


def line(row: Facts) -> str:
    body = mapping(row["body"])
    if row["verdict"] != "passed":
        task = text(body.get("task"))
        return f'failed at "{task}"' if task else ""
    removed, expired = whole(body.get("removed")) or 0, whole(body.get("expired")) or 0
    if body.get("state") == "reported":
        return f"{counted(expired, 'row')} too old, reported only"
    return f"{counted(removed, 'row')} removed, {expired:,} were too old"


def _of(name: str, acts: list[Facts]) -> dict[str, Any]:
    place = next((number for number in range(len(acts) - 1, -1, -1) if acts[number]["verdict"] == "passed"), -1)
    row = acts[place] if place >= 0 else None
    found = tables(mapping(row["body"]).get("tables")) if row else {}
    failed = [_failure(act) for act in reversed(acts[place + 1 :])]
    return {
        "name": name or "database",
        "time": ended(row)[:19].replace("T", " ") if row else "",
        "by": text(row["by"]) if row else "",
        "text": line(row) if row else "no purge ended well",
        "tables": [_table(table, found[table]) for table in sorted(found)[:MOST_TABLES]],
        "more": max(0, len(found) - MOST_TABLES),
        "failed": failed[:MOST_FAILED],
    }


def _failure(row: Facts) -> str:
    if row["verdict"] == "open":
        return f"begun {ended(row)[:19].replace('T', ' ')}, never ended"
    return f"{ended(row)[:19].replace('T', ' ')}: {line(row) or text(row['verdict'])}"


def _table(name: str, facts: Facts) -> dict[str, Any]:
    rules = [mapping(rule) for rule in items(facts.get("rules"))]
    along = [mapping(one) for one in items(facts.get("with_them"))]
    return {
        "name": name,
        **{word: f"{whole(facts.get(word)) or 0:,}" for word in ("expired", "held", "removed")},
        "rules": listed((f"{text(rule.get('column'))} older than {text(rule.get('older_than'))}" for rule in rules), 4),
        "along": listed((f"{counted(whole(one.get('rows')) or 0, 'row')} of {text(one.get('table'))} {text(one.get('action'))}" for one in along), 4),
    }
