# SPDX-License-Identifier: GPL-3.0-or-later
"""What is proved of the new file before its rows take the place of the target's. All of it in this process: there is no server."""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._sync import proof
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import Finding
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.driver import name
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.rows import masker

WORD = re.compile(r"[^\s,;:()<>\[\]{}\"'|]+")


def prove(job: Any, source: sqlite3.Connection, new: sqlite3.Connection, sent: Mapping[str, int]) -> dict[str, Any]:
    options = proof.read_options(job.params)
    record: dict[str, Any] = {"key_id": key_id(job.key)}
    if not options.enabled:
        return {**record, "verdict": "off"}
    took: dict[str, float] = {}
    findings: list[Finding] = []
    checks: dict[str, Callable[[], list[Finding]]] = {
        "counts": lambda: _counts(job, new, sent, record),
        "keys": lambda: _keys(new, record),
        "sample": lambda: _sample(job, source, new, options, record) if job.params["mode"] != "schema_only" else [],
        "leaks": lambda: _leaks(job, source, new, options, record) if options.leak_scan else [],
        "k_anonymity": lambda: _anonymity(job, new, options, record),
    }
    for check, act in checks.items():
        began = time.monotonic()
        findings += act()
        took[check] = round(time.monotonic() - began, 3)
    record["took"] = took
    record["seconds"] = round(sum(took.values()), 3)
    return proof.conclude(record, findings)


def _counts(job: Any, new: sqlite3.Connection, sent: Mapping[str, int], record: dict[str, Any]) -> list[Finding]:
    found = {full: new.execute(f"select count(*) from {name(table.name)}").fetchone()[0] for full, table in job.there.items()}
    record["tables"] = {full: {"sent": sent[full], "rows": rows} for full, rows in found.items()}
    return [one for full, rows in found.items() for one in proof.count_findings(full, sent=sent[full], arrived=rows, checksum_sent=None, checksum=None)]


def _keys(new: sqlite3.Connection, record: dict[str, Any]) -> list[Finding]:
    """SQLite has checked NOT NULL, CHECK and unique constraints row by row; foreign keys and the file itself are checked here."""
    broken = Counter((row[0], row[2]) for row in new.execute("pragma foreign_key_check"))
    state = new.execute("pragma quick_check(1)").fetchone()[0]
    record["keys"] = {"broken_foreign_keys": sum(broken.values()), "quick_check": state}
    found = [Finding("keys", f"main.{table}", rows, f"{rows} rows break the foreign key to main.{other}") for (table, other), rows in broken.items()]
    return found + ([] if state == "ok" else [Finding("keys", "the new file", 1, "SQLite finds it damaged")])


def _sample(job: Any, source: sqlite3.Connection, new: sqlite3.Connection, options: proof.Options, record: dict[str, Any]) -> list[Finding]:
    """Some rows are masked a second time and looked for among the new ones."""
    record["sample"], found = {}, []
    for full, table in job.here.items():
        every = max(1, round(100 / options.remask_percent)) if options.remask_percent else 0
        rows = _every(source, table, every) if every else iter(())
        mask, looked, absent = masker(table, job.rules[full], key=job.key), 0, 0
        same = " and ".join(f"{name(column)} is ?" for column in table.stored)
        # By the primary key where there is one, so that a row is found without a scan.
        for row in rows:
            looked += 1
            absent += not new.execute(f"select 1 from {name(table.name)} where {same} limit 1", mask(row)).fetchone()
            if looked >= 2000 and not any(column.key for column in table.columns):
                break
        record["sample"][full] = looked
        if absent:
            found.append(Finding("sample", full, absent, f"{absent} of {looked} rows that were masked again aren't there"))
    return found


def _every(source: sqlite3.Connection, table: Table, step: int) -> Iterator[tuple[Any, ...]]:
    wanted = ", ".join(map(name, table.stored))
    for number, row in enumerate(source.execute(f"select {wanted} from main.{name(table.name)}")):
        if number % step == 0:
            yield row


def _leaks(job: Any, source: sqlite3.Connection, new: sqlite3.Connection, options: proof.Options, record: dict[str, Any]) -> list[Finding]:
    """Source values of masked columns, looked for in every column that could hold them, in free text word by word."""
    values = _hidden(job, source, options.leak_min_length)
    found: list[Finding] = []
    looked = 0
    for full, table in job.there.items():
        for column in table.stored:
            rule = job.rules[full][column]
            if rule.mask and proof.bits(rule.mask) < proof.BITS:
                continue  # one of few results may be a real value by chance: the sample judges those
            looked += 1
            hits = sum(1 for text in _texts(new, table, column) if text in values or not values.isdisjoint(_pieces(text)))
            if hits:
                found.append(Finding("leaks", f"{full}.{column}", hits, f"{hits} rows hold a value that a mask should have hidden"))
    record["leaks"] = {"columns_checked": looked, "values": len(values), "findings": len(found)}
    return found


def _hidden(job: Any, source: sqlite3.Connection, shortest: int) -> set[str]:
    counted: Counter[str] = Counter()
    for full, table in job.here.items():
        for column, rule in job.rules[full].items():
            if rule.mask and column in table.stored:
                counted.update(text for text in _texts(source, table, column) if len(text) >= shortest)
    return {text for text, rows in counted.items() if rows < proof.FREQUENT}


def _texts(connection: sqlite3.Connection, table: Table, column: str) -> Iterator[str]:
    for (value,) in connection.execute(f"select {name(column)} from main.{name(table.name)} where typeof({name(column)}) = 'text'"):
        yield value


def _pieces(text: str) -> set[str]:
    """Words and pairs of words, as a name has two."""
    words = [word.strip(".!?") for word in WORD.findall(text)]
    return {*words, *(f"{one} {two}" for one, two in zip(words, words[1:]))}


def _anonymity(job: Any, new: sqlite3.Connection, options: proof.Options, record: dict[str, Any]) -> list[Finding]:
    found: dict[str, dict[str, Any]] = {}
    for full, wanted in job.params["policy"]["tables"].items():
        columns = wanted.get("quasi_identifiers") or []
        if columns and full in job.there:
            listed = ", ".join(map(name, columns))
            text = f"select min(n), count(*), coalesce(sum(n < ?), 0) from (select count(*) n from {name(job.there[full].name)} group by {listed})"
            smallest, groups, small = new.execute(text, (options.minimum_k,)).fetchone()
            found[full] = {"columns": list(columns), "smallest": smallest, "groups": groups, "groups_below": small}
    record["k_anonymity"] = found
    return proof.anonymity_findings(found, options.minimum_k)
