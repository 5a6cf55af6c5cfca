# SPDX-License-Identifier: GPL-3.0-or-later
"""Some rows of the target are masked anew in the source, and both have to be the same. Only sums and counts leave the servers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import statement, subset_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import name
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.subset import NEEDED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import UNCHANGED, Finding

LEAST, MOST = 1000, 10000  # rows per table
PIECES = 20  # places of a large table at which rows are taken
SMALL = 50_000  # rows that are drawn from one by one
CHUNK = 2000  # keys of one statement


class Pair(NamedTuple):
    """A table on both sides, as the statements are to read it."""

    here: Table
    there: Table
    only: str = ""  # condition over t, on both sides

    @property
    def full(self) -> str:
        return self.here.full


def lists_keys(connection: Any) -> bool:
    """Whether the server reads a list of keys as a table."""
    return tuple(int(one) for one in re.findall(r"\d+", str(connection.one("select version()")[0]))[:2]) >= NEEDED[connection.mariadb]


def compare(job: Any, pair: Pair, *, source: Any, target: Any, percent: float) -> dict[str, Any]:
    rules = job.rules[pair.full]
    why = _unable(pair.there, rules, (source, target))
    if why:
        return {"rows": 0, "why": why}
    conditions = list(_taken(pair, target, percent))
    if not conditions:
        return {"rows": 0, "why": "no rows"}
    sums = {"taken": 0, "found": 0, "left": 0, "right": 0}
    unchanged: dict[str, int] = {}
    differs: set[str] = set()
    for one in conditions:
        rows, crc = one.read(target, statement.total(pair.there, None, one.where))
        found, made, equal = _made(pair, rules, one, source)
        sums["taken"] += rows
        sums["found"] += found
        for column, count in equal.items():
            unchanged[column] = unchanged.get(column, 0) + count
        if found == rows and made != crc:
            differs |= set(_which(pair, rules, one, source, target))
    return {"rows": sums["taken"], "found": sums["found"], "unchanged": unchanged, "differs": sorted(differs)}


def _unable(table: Table, rules: Mapping[str, Any], sides: tuple[Any, Any]) -> str:
    if not table.primary:
        return "no primary key"
    if any(rules[column].mask for column in table.primary):
        return "the primary key is masked"
    if any(rule.table_level for rule in rules.values()):
        return "a mask of this table needs all of its rows"
    if not table.ranged and not (subset_keys.parts_of(table) and all(map(lists_keys, sides))):
        return "its primary key can't be handed over as a list"
    return ""


class Chosen(NamedTuple):
    """Rows by their keys: as numbers, or handed over beside the statement."""

    where: str
    data: bytes = b""

    def read(self, connection: Any, text: str) -> tuple[int, ...]:
        if self.data:
            connection.hand_over({subset_keys.KEYS: self.data})
        return tuple(int(one or 0) for one in connection.one(text))


def _taken(pair: Pair, target: Any, percent: float) -> Iterator[Chosen]:
    """Keys of the target's rows: neither side has to be read whole for them."""
    table = pair.there
    total = max(pair.here.rows, 1)
    wanted = int(min(MOST, max(LEAST, total * percent / 100)))
    if table.ranged:
        numbers = sorted(_numbers(pair, target, wanted, few=total <= SMALL))
        for start in range(0, len(numbers), CHUNK):
            yield Chosen(f"{name('t', table.ranged)} in ({', '.join(map(str, numbers[start : start + CHUNK]))})")
        return
    rows = subset_keys.Rows(table)
    found = target.rows(f"select {', '.join(rows.shown('t'))} {statement.rows_of(table, pair.only)} order by rand() limit {min(wanted, LEAST)}")
    for one in rows.copies([rows.key(row) for row in found]):
        yield Chosen(one.where, one.data)


def _numbers(pair: Pair, target: Any, wanted: int, *, few: bool) -> set[int]:
    table, key = pair.there, name("t", pair.there.ranged)
    if few or pair.only:
        return {int(row[0]) for row in target.rows(f"select {key} {statement.rows_of(table, pair.only)} order by rand() limit {wanted}")}
    low, high = target.one(statement.bounds(table))
    found: set[int] = set()
    for _piece in range(PIECES if low is not None else 0):
        start = int(low) + secrets.randbelow(int(high) - int(low) + 1)
        text = f"select {key} {statement.rows_of(table, f'{key} >= {start}')} order by {key} limit {wanted // PIECES + 1}"
        found |= {int(row[0]) for row in target.rows(text)}
    return found


def _made(pair: Pair, rules: Mapping[str, Any], one: Chosen, source: Any) -> tuple[int, int, dict[str, int]]:
    """(rows of the source, sum of the CRCs of their masked lines, {column: rows whose mask equals the value})."""
    checked, text = statement.masked_total(pair.here, rules, one.where)
    row = one.read(source, text)
    return row[0], row[1], dict(zip(checked, row[2:]))


def _which(pair: Pair, rules: Mapping[str, Any], one: Chosen, source: Any, target: Any) -> list[str]:
    left = one.read(target, statement.column_totals(pair.there, None, one.where))
    right = one.read(source, statement.column_totals(pair.here, rules, one.where))
    return [column.name for column, here, there in zip(pair.there.stored, left, right) if here != there]


def findings(samples: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    found = []
    for full, sample in samples.items():
        rows = sample["rows"]
        if rows and sample["found"] != rows:
            found.append(Finding("sample", full, rows - sample["found"], f"of {rows} sampled rows {sample['found']} are in the source"))
        for column in sample.get("differs", ()):
            found.append(Finding("sample", f"{full}.{column}", rows, f"isn't what the mask makes of the source, in some of {rows} sampled rows"))
        for column, count in sample.get("unchanged", {}).items():
            if count > max(1, UNCHANGED * rows):
                found.append(Finding("sample", f"{full}.{column}", count, f"{count} of {rows} sampled rows have the source's own value"))
    return found
