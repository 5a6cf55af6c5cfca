# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables that a migration keeps in the database it migrates, and what their rows mean."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import File
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.statements import Statement

HISTORY = "flyway_schema_history"
PROGRESS = "evenkeel_migration_progress"
RUNS = "evenkeel_migration_runs"
READY, BEGUN, DONE = "ready", "begun", "done"  # ready: nothing of the file is applied
FAILED = "failed"  # of a statement that the server refused and that may be tried again, whatever the schema shows


class Limits(NamedTuple):
    lock_timeout: float = 5.0  # seconds that a statement waits for a lock
    statement_timeout: float = 0.0  # seconds that a statement may take; 0 is no limit
    retries: int = 5  # further attempts after a lock that wasn't given
    backoff: float = 1.0  # seconds before the second attempt, doubled each time
    wait: float = 300.0  # seconds to wait for another migration of this database


class Step(NamedTuple):
    """How far an earlier run of one file came."""

    script: str
    checksum: int
    number: int  # of the statement, from 1
    of: int
    line: int
    state: str  # ready | begun | done | failed
    prefix: str  # digest of the statements up to this one
    shape: str  # digest of the schema before it; "" where the schema doesn't show whether it is applied
    begun_at: str
    by: str


class Timed(NamedTuple):
    line: int
    seconds: float
    locks: tuple[str, ...] = ()  # "AccessExclusiveLock on public.orders"


class Run(NamedTuple):
    """One row of the runs: a release's migration of one service and phase, in this database."""

    release: str
    subject: str
    phase: str
    tool: str
    digest: str
    state: str  # begun | done | failed
    begun_at: str
    by: str


def prefix(statements: Sequence[Statement], number: int) -> str:
    """What has to be the same for a run to go on after statement `number`."""
    return hashlib.sha256("\0".join(one.text for one in statements[:number]).encode()).hexdigest()[:40]


def prefixes(statements: Sequence[Statement], number: int, state: str) -> str:
    """What is applied; and, of a statement under way, what would be."""
    return prefix(statements, number) if state == DONE else f"{prefix(statements, number - 1)}:{prefix(statements, number)}"


def told(step: Step, *, next_: str) -> str:
    done = step.number if step.state == DONE else step.number - 1
    where = f"statement {step.number} of {step.of} (line {step.line})"
    state = f"{where} was the last that was applied" if step.state == DONE else f"{done} of {step.of} statements are applied, {where} was under way"
    return f"{step.script} was begun at {step.begun_at} by {step.by} and not finished: {state}; {next_}"


def row_of(file: File, rank: int, user: str, milliseconds: int, *, success: bool) -> dict[str, Any]:
    return {
        "installed_rank": rank,
        "version": file.version or None,
        "description": file.description[:200],
        "type": "SQL",
        "script": file.script,
        "checksum": file.checksum,
        "installed_by": user[:100],
        "execution_time": milliseconds,
        "success": success,
    }


class Outcome(NamedTuple):
    script: str
    version: str
    seconds: float
    statements: tuple[Timed, ...]
    attempts: int
    one_way: bool
    phase: str


def outcome(file: File, statements: Sequence[Timed], attempts: int, *, seconds: Optional[float] = None) -> Outcome:
    spent = sum(one.seconds for one in statements) if seconds is None else seconds
    return Outcome(file.script, file.version, round(spent, 3), tuple(statements), attempts, file.one_way or file.phase == "contract", file.phase)
