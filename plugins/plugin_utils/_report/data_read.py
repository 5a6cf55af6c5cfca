# SPDX-License-Identifier: GPL-3.0-or-later
"""Refreshes as the ledger holds them, of this and of earlier forms. Pure; whatever is not of the known form counts as not there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

Facts = Mapping[str, Any]
LONGEST = 300


class Refresh(NamedTuple):
    """What one act did to one database."""

    time: str
    source: str
    by: str
    entry: str
    mode: str
    facts: Facts

    @property
    def changed(self) -> bool:
        return bool(self.facts.get("changed"))

    @property
    def tables(self) -> dict[str, Facts]:
        return tables(self.facts.get("tables"))

    @property
    def proof(self) -> Facts:
        return mapping(self.facts.get("proof"))

    @property
    def rows(self) -> int:
        """That the target got: those of a copy, or those that a delta put in or changed."""
        return sum(whole(table.get("rows")) or 0 for table in self.tables.values())

    @property
    def seconds(self) -> float | None:
        return number(self.facts.get("seconds"))


def refreshes(row: Facts) -> dict[str, Refresh]:
    """{database: what was done} of one act, as `history` gives it; nothing for one that did not end well."""
    if row["verdict"] != "passed":
        return {}
    body = mapping(row["body"])
    found = {
        name: Refresh(ended(row), text(body.get("source")), text(row["by"]), entry(row), text(facts.get("mode")), facts)
        for name, facts in _databases(body, row["subject"]).items()
    }
    return dict(sorted(found.items()))


def _databases(body: Facts, subject: Any) -> dict[str, Facts]:
    if isinstance(body.get("databases"), Mapping):
        return {text(name): mapping(facts) for name, facts in body["databases"].items()}
    # Before several databases could be refreshed at once the facts of the one stood at the top.
    return {text(subject) or "database": body} if isinstance(body.get("tables"), Mapping) else {}


def ended(row: Facts) -> str:
    return str(row["ended"] or row["began"])


def entry(row: Facts) -> str:
    return str(row["outcome"] or row["id"])


def tables(value: Any) -> dict[str, Facts]:
    return {text(name): mapping(facts) for name, facts in mapping(value).items()}


def mapping(value: Any) -> Facts:
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def text(value: Any) -> str:
    found = "" if value is None else str(value)
    return found[:LONGEST] + "…" if len(found) > LONGEST else found


def number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if known else None


def whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def counted(count: int, word: str, many: str = "") -> str:
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def listed(words: Iterable[Any], most: int = 12) -> str:
    """A few of them, and how many more there are."""
    found = [text(word) for word in words]
    more = len(found) - most
    return ", ".join(found[:most]) + (f" and {more:,} more" if more > 0 else "")


def duration(seconds: float) -> str:
    """In the largest unit that is at least one."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            count = round(seconds / size, 1)
            return f"{count:g} {'day' if unit == 'days' and count == 1 else unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def age(moment: str, now: str) -> str:
    """How long before `now`; empty when one of them is no time."""
    try:
        passed = (_moment(now) - _moment(moment)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return duration(passed) if passed >= 60 else "less than a minute"


def _moment(moment: str) -> datetime:
    return datetime.fromisoformat(moment.replace("Z", "+00:00"))
