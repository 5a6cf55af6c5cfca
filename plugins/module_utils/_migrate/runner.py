# SPDX-License-Identifier: GPL-3.0-or-later
"""One migration of one service: look, refuse or plan, apply under the database's lock, tell. The engines know their SQL, this knows the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ansible_collections.evenkeel.release.plugins.module_utils._migrate import record, statements
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import CONTRACT, File, digest
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.plan import Applied, Plan, Rules, heads, plan
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import DONE, HISTORY, RUNS, Limits, Outcome, Run, Step


class Database(Protocol):
    name: str

    def close(self) -> None: ...
    def is_open(self) -> bool: ...
    def ensure(self, *names: str) -> None: ...
    def alone(self) -> Any: ...
    def identity(self) -> str: ...
    def history(self) -> list[Applied]: ...
    def steps(self) -> list[Step]: ...
    def run_of(self, release: str, subject: str, phase: str) -> Any: ...
    def begin_run(self, run: Run) -> None: ...
    def end_run(self, run: Run, state: str) -> None: ...
    def going_on(self, step: Step, statements: Sequence[statements.Statement]) -> str: ...
    def apply(self, file: File, statements: Sequence[statements.Statement], step: Any) -> Outcome: ...
    def rehearse(self, work: Sequence[tuple[File, Sequence[statements.Statement]]]) -> tuple[list[Outcome], bool]: ...


class Request(NamedTuple):
    release: str
    subject: str
    phase: str
    dialect: str
    out_of_order: bool = False
    ignore_missing: bool = False
    one_way: bool = False


class Work(NamedTuple):
    """What is to be done, with everything that is known before anything is."""

    plan: Plan
    parts: Mapping[str, Sequence[statements.Statement]]
    steps: Mapping[str, Step]
    found: tuple[str, ...]
    heads: tuple[str, ...]


def open_database(engine: str, place: Mapping[str, Any], limits: Limits, *, by: str) -> Database:
    # Written out, because Ansible sends along to a host what it finds imported by name.
    if engine == "postgresql":
        from ansible_collections.evenkeel.release.plugins.module_utils._migrate import postgresql

        return postgresql.Database(place, limits, by=by)
    from ansible_collections.evenkeel.release.plugins.module_utils._migrate import mysql

    return mysql.Database(place, limits, by=by)


def driver_error(engine: str, exc: BaseException) -> str:
    """What a driver's error says, without a row's values; empty when it is none of the driver's."""
    from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import driver as of_mysql
    from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import driver as of_postgresql

    if engine == "postgresql":
        return str(of_postgresql.describe(exc)) if of_postgresql.AVAILABLE and isinstance(exc, of_postgresql.psycopg.Error) else ""
    return str(of_mysql.describe(exc)) if of_mysql.is_error(exc) else ""


def look(database: Database, files: Sequence[File], request: Request) -> Work:
    """Raises with every fault in one report; changes nothing."""
    applied = database.history()
    steps = {step.script: step for step in database.steps()}
    there = {file.script: file for file in files}
    going_on = next((script for script in steps if script in there), "")
    found = plan(files, applied, Rules(request.phase, request.out_of_order, request.ignore_missing, going_on))
    faults = list(found.faults)
    faults += [
        f"{step.script} was begun at {step.begun_at} by {step.by}, its statements to {step.number} may be applied, and there is no such file now"
        for script, step in steps.items()
        if script not in there and step.state != record.READY
    ]
    parts = {file.script: statements.split(file.text, request.dialect) for file in found.pending}
    for file in found.pending:
        faults += statements.faults(parts[file.script], file.script, request.dialect, transaction=file.transaction)
    if faults:
        raise MigrateError(f"The migrations don't fit database {database.name}, and nothing was applied: {'; '.join(faults)}.")
    told = tuple(database.going_on(steps[file.script], parts[file.script]) for file in found.pending if file.script in steps)
    return Work(found, parts, steps, told, tuple(heads(applied)))


def migrate(database: Database, files: Sequence[File], request: Request) -> dict[str, Any]:
    with database.alone() as waited:
        work = look(database, files, request)
        result = described(work, files, request)
        result["waited"] = waited
        if not work.plan.pending:
            return result
        run = Run(request.release, request.subject, request.phase, "sql", digest(files), record.BEGUN, "", "")
        database.ensure(HISTORY, RUNS)
        database.begin_run(run)
        done: list[Outcome] = []
        try:
            for file in work.plan.pending:
                done.append(database.apply(file, work.parts[file.script], work.steps.get(file.script)))
        except MigrateError as exc:
            result.update(applied=[_shown(one) for one in done], changed=bool(done), partial=exc.partial)
            if database.is_open():
                database.end_run(run, "failed")
                result["heads_after"] = heads(database.history())
            raise Stopped(str(exc), result) from None
        database.end_run(run, DONE)
        result.update(changed=True, applied=[_shown(one) for one in done], heads_after=heads(database.history()))
        result["seconds"] = round(sum(one.seconds for one in done), 3)
        return result


class Stopped(MigrateError):
    """An error with what had been done before it."""

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


def described(work: Work, files: Sequence[File], request: Request) -> dict[str, Any]:
    pending = work.plan.pending
    return {
        "changed": False,
        "tool": "sql",
        "phase": request.phase,
        "heads_before": list(work.heads),
        "heads_after": list(work.heads),
        "pending": [file.script for file in pending],
        "later": [file.script for file in work.plan.later],
        "applied": [],
        "found": list(work.found),
        "partial": False,
        "one_way": bool(pending) and (request.one_way or any(file.one_way or file.phase == CONTRACT for file in pending)),
        "digest": digest(files),
        "seconds": 0.0,
        "waited": 0.0,
    }


def rehearse(target: Database, copy: Database, files: Sequence[File], request: Request) -> dict[str, Any]:
    """What `migrate` would apply to the target, applied to a copy and timed there."""
    if target.identity() == copy.identity():
        raise MigrateError(f"The dry run's database is {target.name} itself. Nothing was applied; name a copy.")
    work = look(target, files, request)
    result = described(work, files, request)
    with copy.alone():
        there = look(copy, files, request)
        if [file.script for file in there.plan.pending] != result["pending"]:
            raise MigrateError(
                f"The copy {copy.name} isn't at the target's version: it lacks {_listed(there.plan.pending)}, the target {_listed(work.plan.pending)}."
                " Refresh the copy from the target, then ask again. Nothing was applied."
            )
        done, kept = copy.rehearse([(file, work.parts[file.script]) for file in work.plan.pending])
    seconds = round(sum(one.seconds for one in done), 3)
    result["dry_run"] = {"database": copy.name, "files": [_shown(one) for one in done], "kept": kept and bool(done), "seconds": seconds}
    return result


def _listed(files: Sequence[File]) -> str:
    return ", ".join(file.script for file in files) or "nothing"


def _shown(one: Outcome) -> dict[str, Any]:
    timed = [{"line": part.line, "seconds": round(part.seconds, 3), "locks": list(part.locks)} for part in one.statements]
    return {**one._asdict(), "statements": timed}
