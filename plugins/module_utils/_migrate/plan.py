# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are to be applied, from the files and the database's own record of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import CONTRACT, EXPAND, File, order

ALL = "all"
BASELINE = "BASELINE"
_NOT_FILES = ("SCHEMA", BASELINE, "DELETE")


class Applied(NamedTuple):
    """A row of flyway_schema_history."""

    rank: int
    version: str  # "" of a repeatable one
    description: str
    type: str
    script: str
    checksum: Optional[int]
    success: bool


class Plan(NamedTuple):
    pending: tuple[File, ...]
    later: tuple[File, ...]  # contract files that this phase leaves alone
    faults: tuple[str, ...]


class Rules(NamedTuple):
    phase: str = EXPAND
    out_of_order: bool = False
    ignore_missing: bool = False
    going_on: str = ""  # the script that an earlier run left half applied


def plan(files: Sequence[File], applied: Sequence[Applied], rules: Rules) -> Plan:
    done = [row for row in applied if row.success]
    faults = [*_failed(applied, rules), *_changed(files, done), *([] if rules.ignore_missing else _missing(files, done))]
    versions = {order(row.version) for row in done if row.version}
    highest = max(versions, default=())
    baseline = max((order(row.version) for row in done if row.type == BASELINE and row.version), default=())
    waiting = [file for file in files if file.version and file.order not in versions and file.order > baseline]
    if not rules.out_of_order:
        faults += [
            f"{file.script} comes before version {_name(done, highest)}, which is applied; give it a higher version, or say out_of_order: true"
            for file in waiting
            if file.order < highest and file.script != rules.going_on
        ]
    waiting += [file for file in files if not file.version and _repeats(file, done)]
    pending, later = _phase(waiting, rules.phase)
    faults += _crossed(waiting, rules.phase)
    return Plan(tuple(pending), tuple(later), tuple(faults))


def heads(applied: Sequence[Applied]) -> list[str]:
    """The version the database stands at, as the record writes it."""
    done = [row for row in applied if row.success and row.version]
    return [max(done, key=lambda row: order(row.version)).version] if done else []


def _failed(applied: Sequence[Applied], rules: Rules) -> list[str]:
    return [
        f"{row.script} failed in an earlier run, which this runner didn't make; see what it left, mend that, and remove its row from the history"
        for row in applied
        if not row.success and row.script != rules.going_on
    ]


def _changed(files: Sequence[File], done: Sequence[Applied]) -> list[str]:
    rows = {order(row.version): row for row in done if row.version and row.type not in _NOT_FILES and row.checksum is not None}
    return [
        f"{file.script} was applied with checksum {rows[file.order].checksum} and has {file.checksum} now:"
        " a file that is applied never changes; put it back, and the change into a new file"
        for file in files
        if file.version and file.order in rows and rows[file.order].checksum != file.checksum
    ]


def _missing(files: Sequence[File], done: Sequence[Applied]) -> list[str]:
    there = {file.order for file in files if file.version}
    return [
        f"{row.script} (version {row.version}) is applied, and there is no such file: is this the right release? ignore_missing: true allows it"
        for row in done
        if row.version and row.type not in _NOT_FILES and order(row.version) not in there
    ]


def _repeats(file: File, done: Sequence[Applied]) -> bool:
    sums = [row.checksum for row in done if not row.version and row.description == file.description]
    return not sums or sums[-1] != file.checksum


def _phase(waiting: Sequence[File], phase: str) -> tuple[list[File], list[File]]:
    if phase == ALL:
        return list(waiting), []
    pending = [file for file in waiting if file.phase == phase]
    return pending, [file for file in waiting if file.phase == CONTRACT and phase == EXPAND]


def _crossed(waiting: Sequence[File], phase: str) -> list[str]:
    """Versions go up: a phase can't jump over a file of the other one."""
    expand = [file for file in waiting if file.version and file.phase == EXPAND]
    contract = [file for file in waiting if file.version and file.phase == CONTRACT]
    if phase == EXPAND and expand and contract and contract[0].order < expand[-1].order:
        return [
            f"{expand[-1].script} (expand) comes after {contract[0].script} (contract), which isn't applied: confirm the release before and run its"
            " contract phase first, or give the contract file the highest version"
        ]
    if phase == CONTRACT and expand:
        return [f"{expand[0].script} (expand) isn't applied: run the expand phase first"]
    return []


def _name(done: Sequence[Applied], version: tuple[int, ...]) -> str:
    return next(row.version for row in done if row.version and order(row.version) == version)
