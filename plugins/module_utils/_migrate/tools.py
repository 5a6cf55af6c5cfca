# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations that another program makes, Alembic or a command of the service, under the same lock and with the same record as our own."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate import record
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import DONE, RUNS, Limits, Run
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.runner import Database, Request, Stopped

Execute = Callable[[Sequence[str], str, Mapping[str, str]], tuple[int, str, str]]  # argv, folder, environment
_REVISION = re.compile(r"^([\w.@+-]+)(?: \([^)]*\))*[ \t]*$", re.MULTILINE)
_SHOWN = re.compile(r"^Rev: (\S+)", re.MULTILINE)
_UPGRADE = re.compile(r"Running upgrade (.*?) ?-> ([^,]+)(?:, (.*))?$")
_BUSY = re.compile(r"lock timeout|LockNotAvailable|Lock wait timeout|55P03|\b1205\b", re.IGNORECASE)
LAST_LINES = 15


class Program(NamedTuple):
    argv: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    target: str = "heads"  # of Alembic

    def with_more(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Program:
        return self._replace(argv=(*self.argv, *arguments), environment={**self.environment, **environment})


def timeouts(engine: str, limits: Limits) -> dict[str, str]:
    """How the sessions of a program get our limits; libpq reads it, PyMySQL has nothing of the kind."""
    if engine != "postgresql":
        return {}
    options = f"-c lock_timeout={int(limits.lock_timeout * 1000)} -c statement_timeout={int(limits.statement_timeout * 1000)}"
    return {"PGOPTIONS": options}


def _output(out: str, err: str) -> str:
    lines = [line for line in (out + "\n" + err).splitlines() if line.strip()]
    return "\n".join(lines[-LAST_LINES:])


# --- Alembic


class Alembic:
    def __init__(self, program: Program, execute: Execute, limits: Limits) -> None:
        self.program, self._execute, self._limits = program, execute, limits

    def _ask(self, *words: str) -> str:
        code, out, err = self._execute([*self.program.argv, *words], self.program.folder, self.program.environment)
        if code:
            hint = ""
            if "Can't locate revision" in out + err:
                hint = " The database stands at a revision that this release hasn't got: is it the right release, or was a newer one here?"
            raise MigrateError(f"alembic {' '.join(words)} failed ({code}) in {self.program.folder}:{hint}\n{_output(out, err)}")
        return out

    def current(self) -> list[str]:
        return sorted(set(_REVISION.findall(self._ask("current"))))

    def wanted(self) -> list[str]:
        if self.program.target in ("head", "heads"):
            return sorted(set(_REVISION.findall(self._ask("heads"))))
        found = _SHOWN.findall(self._ask("show", self.program.target))
        if not found:
            raise MigrateError(f"alembic show {self.program.target} names no revision. Nothing was applied.")
        return sorted(found)

    def upgrade(self) -> tuple[list[dict[str, str]], int]:
        """(revisions that it said it applied, attempts)"""
        attempt = 0
        while True:
            attempt += 1
            argv = [*self.program.argv, "upgrade", self.program.target]
            code, out, err = self._execute(argv, self.program.folder, self.program.environment)
            if not code:
                found = [_UPGRADE.search(line) for line in (out + "\n" + err).splitlines()]
                return [{"from": one.group(1), "version": one.group(2), "description": one.group(3) or ""} for one in found if one], attempt
            if not _BUSY.search(out + err) or attempt > self._limits.retries:
                raise MigrateError(f"alembic upgrade {self.program.target} failed ({code}, attempt {attempt}):\n{_output(out, err)}")
            time.sleep(self._limits.backoff * 2 ** (attempt - 1))


def alembic(database: Database, tool: Alembic, request: Request, recorded: Callable[[], list[str]], *, check: bool) -> dict[str, Any]:
    with nullcontext(0.0) if check else database.alone() as waited:
        before = tool.current()
        _same_database(before, recorded(), database.name)
        wanted = tool.wanted()
        result = _described("alembic", request, before)
        result["waited"] = waited
        result["pending"] = [revision for revision in wanted if revision not in before]
        result["digest"] = _digest(wanted)
        result["one_way"] = bool(result["pending"]) and _one_way(request)
        result["found"] = _found(database, request)
        if check or not result["pending"]:
            return result
        run = _begin(database, request, "alembic", result["digest"])
        began = time.monotonic()
        try:
            result["applied"], result["attempts"] = tool.upgrade()
            result["heads_after"] = recorded()
            left = [revision for revision in wanted if revision not in result["heads_after"]]
            if left:
                raise MigrateError(f"alembic upgrade {tool.program.target} ended well and left out {', '.join(left)}.")
        except MigrateError as exc:
            result["partial"] = request.dialect != "postgresql"  # Alembic's revisions are no transactions there
            database.end_run(run, "failed")
            try:
                result["heads_after"] = recorded()
            except MigrateError as lost:
                raise MigrateError(f"{exc}\n{lost}", partial=True) from None
            result["changed"] = result["heads_after"] != before
            raise Stopped(f"{exc}\nThe database stood at {_at(before)} and stands at {_at(result['heads_after'])}.", result) from None
        database.end_run(run, DONE)
        result.update(changed=True, seconds=round(time.monotonic() - began, 3))
        return result


def _same_database(told: Sequence[str], found: Sequence[str], name: str) -> None:
    if sorted(told) != sorted(found):
        raise MigrateError(
            f"Alembic stands at {_at(told)}, and database {name} at {_at(found)}: its configuration leads to another database than `database` does."
            " Nothing was applied."
        )


# --- a command


def command(database: Optional[Database], program: Program, request: Request, execute: Execute, *, check: bool, again: bool) -> dict[str, Any]:
    """Once for a release and phase. Without a database there is neither lock nor record, and who calls sees to it."""
    with nullcontext(0.0) if check or database is None else database.alone() as waited:
        result = _described("command", request, [])
        result["waited"] = waited
        result["digest"] = _digest(program.argv)
        done = database.run_of(request.release, request.subject, request.phase) if database is not None else None
        if done and done.state == DONE and not again:
            result["found"] = [f"it was run for release {request.release} at {done.begun_at} by {done.by}"]
            return result
        result["pending"] = [program.argv[0]]
        result["one_way"] = _one_way(request)
        result["found"] = _found(database, request) if database is not None else []
        if check:
            return result
        run = _begin(database, request, "command", result["digest"]) if database is not None else None
        began = time.monotonic()
        code, out, err = execute(program.argv, program.folder, program.environment)
        if database is not None and run is not None:
            database.end_run(run, "failed" if code else DONE)
        result.update(changed=True, seconds=round(time.monotonic() - began, 3), stdout=out, stderr=err)
        if code:
            result["partial"] = True  # nobody knows
            raise Stopped(f"{program.argv[0]} failed ({code}) in {program.folder}:\n{_output(out, err)}", result)
        return result


# --- what both have


def _described(tool: str, request: Request, heads: Sequence[str]) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "pending": [],
        "later": [],
        "applied": [],
        "found": [],
        "partial": False,
        "one_way": False,
        "digest": "",
        "seconds": 0.0,
        "waited": 0.0,
    }
    return {"changed": False, "tool": tool, "phase": request.phase, "heads_before": list(heads), "heads_after": list(heads), **empty}


def _one_way(request: Request) -> bool:
    return request.one_way or request.phase == "contract"


def _begin(database: Database, request: Request, tool: str, digest: str) -> Run:
    run = Run(request.release, request.subject, request.phase, tool, digest, record.BEGUN, "", "")
    database.ensure(RUNS)
    database.begin_run(run)
    return run


def _found(database: Database, request: Request) -> list[str]:
    old = database.run_of(request.release, request.subject, request.phase)
    if old is None or old.state == DONE:
        return []
    state = "failed" if old.state == "failed" else "was begun and not finished"
    return [f"the migration of {request.subject or 'the service'} for release {old.release} ({old.tool}) {state} at {old.begun_at} by {old.by}; going on"]


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()


def _at(heads: Sequence[str]) -> str:
    return ", ".join(heads) or "nothing"
