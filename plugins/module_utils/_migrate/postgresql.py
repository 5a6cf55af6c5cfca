# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: a file is a transaction together with its row in the history, so it is applied whole or not at all.

A lock that isn't given in time is given up, so that those who come after it in the queue go on; the file is tried again later.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate import record
from ansible_collections.evenkeel.release.plugins.module_utils._migrate import statements as sql_text
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import File
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.plan import Applied
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import HISTORY, PROGRESS, RUNS, Limits, Outcome, Run, Step, Timed
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.statements import POSTGRESQL, Statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import driver

DIALECT = POSTGRESQL
MISSING = "PostgreSQL needs psycopg 3 in the Python that runs schema_migrate (pip install 'psycopg[binary]')."
LOCK_NOT_GIVEN, CANCELLED = "55P03", "57014"
# Locks that stop others: whoever reads, or whoever writes.
STRONG = ("AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock", "ShareUpdateExclusiveLock")
LOCKS = """
select l.relation, l.mode || ' on ' || n.nspname || '.' || c.relname from pg_catalog.pg_locks l
join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.locktype = 'relation' and l.pid = pg_catalog.pg_backend_pid() and l.granted and l.mode = any(%s)
and n.nspname not in ('pg_catalog', 'pg_toast') and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
order by 2
"""
HOLDERS = """
select a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
  extract(epoch from pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.backend_start))::int, a.state
from pg_catalog.pg_stat_activity a where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
and (a.pid = any(%s) or (%s and a.xact_start is not null and a.backend_type = 'client backend')) order by a.xact_start nulls last limit 5
"""
TABLES = {
    HISTORY: """create table if not exists {t} (
  "installed_rank" int not null, "version" varchar(50), "description" varchar(200) not null, "type" varchar(20) not null,
  "script" varchar(1000) not null, "checksum" integer, "installed_by" varchar(100) not null, "installed_on" timestamp not null default now(),
  "execution_time" integer not null, "success" boolean not null, constraint "flyway_schema_history_pk" primary key ("installed_rank"))""",
    PROGRESS: """create table if not exists {t} (script varchar(1000) primary key, checksum integer not null, number integer not null,
  of_all integer not null, line integer not null, state varchar(10) not null, prefix varchar(128) not null, shape varchar(64) not null,
  begun_at timestamptz not null default now(), begun_by varchar(200) not null)""",
    RUNS: """create table if not exists {t} (release varchar(100) not null, subject varchar(100) not null, phase varchar(20) not null,
  tool varchar(20) not null, digest varchar(64) not null, state varchar(10) not null, begun_at timestamptz not null default now(),
  ended_at timestamptz, begun_by varchar(200) not null, primary key (release, subject, phase))""",
}
INDEX = re.compile(r"create (?:unique )?index concurrently (?:if not exists )?((?:\"[^\"]+\"|[\w$]+)(?:\.(?:\"[^\"]+\"|[\w$]+))?)", re.IGNORECASE)
TABLE_OF_INDEX = re.compile(r"\bon\s+(?:only\s+)?((?:\"[^\"]+\"|[\w$]+)\.)?", re.IGNORECASE)


class Database:
    def __init__(self, place: Mapping[str, Any], limits: Limits, *, by: str) -> None:
        if not driver.AVAILABLE:
            raise MigrateError(MISSING)
        self.place, self.limits, self.by = place, limits, by
        self._there: set[int] = set()
        words: dict[str, Any] = {key: place[key] for key in ("host", "port", "dbname", "user", "password", "sslmode") if place.get(key)}
        try:
            words.update(driver.ALIVE)
            self.wire = driver.psycopg.connect(
                autocommit=True, client_encoding="UTF8", connect_timeout=15, prepare_threshold=None, application_name="evenkeel schema_migrate", **words
            )
            self._fresh()
            found = self._one("select pg_catalog.current_schema(), current_user, pg_catalog.current_database()")
        except driver.psycopg.Error as exc:
            where = f"{place.get('host')}:{place.get('port')}/{place.get('dbname')}"
            raise MigrateError(f"Can't open the database {where} as {place.get('user')}: {driver.describe(exc)}") from None
        self.schema, self.user, self.name = (str(one or "") for one in found)
        if not self.schema:
            raise MigrateError(f"Database {self.name} has no schema that {self.user} may use: set database.schema, or the role's search_path.")
        self._lock = (_signed("evenkeel.schema_migrate"), _signed(self.schema))

    def is_open(self) -> bool:
        return not self.wire.closed

    def close(self) -> None:
        self.wire.close()

    # --- small things

    def _one(self, text: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        return tuple(self.wire.execute(text, values or None).fetchone() or ())

    def _fresh(self) -> None:
        """What a file set is gone, but for the advisory lock."""
        self.wire.execute("reset all")
        self.wire.execute("reset session authorization")
        self.wire.execute("discard temp")
        if self.place.get("schema"):
            self.wire.execute("select pg_catalog.set_config('search_path', %s, false)", (driver.sql.Identifier(self.place["schema"]).as_string(self.wire),))
        wanted = {
            "lock_timeout": f"{int(self.limits.lock_timeout * 1000)}ms",
            "statement_timeout": f"{int(self.limits.statement_timeout * 1000)}ms",
            "client_min_messages": "warning",
            "client_connection_check_interval": "1s",  # a killed run must not leave its statement behind
        }
        for key, value in wanted.items():
            if self._one("select 1 from pg_catalog.pg_settings where name = %s", (key,)):
                self.wire.execute("select pg_catalog.set_config(%s, %s, false)", (key, value))

    def _table(self, name: str) -> Any:
        return driver.sql.Identifier(self.schema, name)

    def _has(self, name: str) -> bool:
        return bool(self._one("select 1 from pg_catalog.pg_tables where schemaname = %s and tablename = %s", (self.schema, name)))

    def ensure(self, *names: str) -> None:
        for name in names:
            if not self._has(name):
                self.wire.execute(driver.sql.SQL(TABLES[name]).format(t=self._table(name)))
                if name == HISTORY:
                    index = 'create index if not exists "flyway_schema_history_s_idx" on {t} ("success")'
                    self.wire.execute(driver.sql.SQL(index).format(t=self._table(name)))

    def _run(self, text: str, values: Sequence[Any] = (), **names: str) -> Any:
        tables = {key: self._table(name) for key, name in names.items()}
        return self.wire.execute(driver.sql.SQL(text).format(**tables), values or None)

    def identity(self) -> str:
        """The same for two ways to the same database."""
        try:
            found = self._one("select system_identifier::text from pg_catalog.pg_control_system()")
        except driver.psycopg.Error:  # a server that keeps it from ordinary roles
            found = self._one("select pg_catalog.pg_postmaster_start_time()::text")
        return f"{found[0]}/{self.name}/{self.schema}"

    # --- one migration at a time

    @contextmanager
    def alone(self) -> Iterator[float]:
        """Gives the seconds waited. The lock is the session's: it ends with the process, whatever ends that."""
        began = time.monotonic()
        while not self._one("select pg_catalog.pg_try_advisory_lock(%s, %s)", self._lock)[0]:
            if time.monotonic() - began >= self.limits.wait:
                where = f"Another migration of {self.name} (schema {self.schema})"
                raise MigrateError(f"{where} goes on for more than {self.limits.wait:g} s: {self._holders()}. Nothing was applied.")
            time.sleep(min(0.2, self.limits.wait / 10 + 0.01))
        try:
            yield round(time.monotonic() - began, 3)
        finally:
            if not self.wire.closed:
                self._one("select pg_catalog.pg_advisory_unlock(%s, %s)", self._lock)

    def _holders(self) -> str:
        where = "locktype = 'advisory' and classid::bigint = %s and objid::bigint = %s and granted"
        pids = [row[0] for row in self.wire.execute(f"select pid from pg_catalog.pg_locks where {where}", [one % 2**32 for one in self._lock])]  # noqa: S608 - no names
        return self._sessions(pids, busy=False)

    def _sessions(self, pids: Sequence[int], *, busy: bool) -> str:
        rows = self.wire.execute(HOLDERS, (list(pids), busy)).fetchall()
        shown = [f"process {row[0]} of {row[1]} ({row[2] or 'no name'}, {row[3]}), {row[5] or 'unknown'} for {row[4]} s" for row in rows]
        return "; ".join(shown) or "nobody who can be seen"

    # --- the record

    def history(self) -> list[Applied]:
        if not self._has(HISTORY):
            return []
        columns = "installed_rank, version, description, type, script, checksum, success"
        rows = self._run(f"select {columns} from {{t}} order by installed_rank", t=HISTORY).fetchall()  # noqa: S608 - a constant
        return [Applied(int(row[0]), row[1] or "", row[2], row[3], row[4], row[5], bool(row[6])) for row in rows]

    def steps(self) -> list[Step]:
        if not self._has(PROGRESS):
            return []
        columns = (
            "script, checksum, number, of_all, line, state, prefix, shape, to_char(begun_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), begun_by"
        )
        return [Step(*row) for row in self._run(f"select {columns} from {{t}} order by begun_at", t=PROGRESS).fetchall()]  # noqa: S608 - constants

    def run_of(self, release: str, subject: str, phase: str) -> Optional[Run]:
        if not self._has(RUNS):
            return None
        columns = "release, subject, phase, tool, digest, state, to_char(begun_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), begun_by"
        text = f"select {columns} from {{t}} where release = %s and subject = %s and phase = %s"  # noqa: S608 - constants
        row = self._run(text, (release, subject, phase), t=RUNS).fetchone()
        return Run(*row) if row else None

    def begin_run(self, run: Run) -> None:
        self._run(
            "insert into {t} (release, subject, phase, tool, digest, state, begun_by) values (%s, %s, %s, %s, %s, %s, %s)"
            " on conflict (release, subject, phase) do update set tool = excluded.tool, digest = excluded.digest, state = excluded.state,"
            " begun_by = excluded.begun_by, begun_at = now(), ended_at = null",
            (run.release, run.subject, run.phase, run.tool, run.digest, record.BEGUN, self.by),
            t=RUNS,
        )

    def end_run(self, run: Run, state: str) -> None:
        text = "update {t} set state = %s, ended_at = now() where release = %s and subject = %s and phase = %s"
        self._run(text, (state, run.release, run.subject, run.phase), t=RUNS)

    def _mark(self, file: File, statements: Sequence[Statement]) -> None:
        first = statements[0].line if statements else 1
        self._run(
            "insert into {t} (script, checksum, number, of_all, line, state, prefix, shape, begun_by) values (%s, %s, 1, %s, %s, 'ready', '', '', %s)"
            " on conflict (script) do update set checksum = excluded.checksum, of_all = excluded.of_all, line = excluded.line,"
            " begun_by = excluded.begun_by, begun_at = now()",
            (file.script, file.checksum, len(statements), first, self.by),
            t=PROGRESS,
        )

    def _unmark(self, file: File) -> None:
        self._run("delete from {t} where script = %s", (file.script,), t=PROGRESS)

    def _note(self, file: File, seconds: float) -> None:
        rank = self._run("select coalesce(max(installed_rank), 0) + 1 from {t}", t=HISTORY).fetchone()[0]
        row = record.row_of(file, rank, self.user, int(seconds * 1000), success=True)
        columns = ", ".join(f'"{key}"' for key in row)
        marks = ", ".join(["%s"] * len(row))
        self._run(f"insert into {{t}} ({columns}) values ({marks})", list(row.values()), t=HISTORY)  # noqa: S608 - constants

    # --- applying

    def going_on(self, step: Step, statements: Sequence[Statement]) -> str:
        """What becomes of a file that an earlier run began."""
        if len(statements) == 1 and sql_text.alone(statements[0]):
            return record.told(step, next_=self._alone_again(statements[0]))
        return f"{step.script} was begun at {step.begun_at} by {step.by} and not finished: none of it is applied, it is one transaction; beginning again"

    def _alone_again(self, statement: Statement) -> str:
        name = self._invalid_index(statement)
        return f"it left the invalid index {name}, which is removed first" if name else "it is run again"

    def _invalid_index(self, statement: Statement) -> str:
        """The name, when a build that was killed left one behind."""
        name = _index_name(statement)
        if not name:
            return ""
        found = self._one("select i.indexrelid::regclass::text from pg_catalog.pg_index i where i.indexrelid = to_regclass(%s) and not i.indisvalid", (name,))
        return str(found[0]) if found else ""

    def _built(self, statement: Statement) -> bool:
        name = _index_name(statement)
        return bool(name and self._one("select 1 from pg_catalog.pg_index where indexrelid = to_regclass(%s) and indisvalid", (name,)))

    def apply(self, file: File, statements: Sequence[Statement], step: Optional[Step]) -> Outcome:
        self.ensure(HISTORY, PROGRESS)
        alone = len(statements) == 1 and (sql_text.alone(statements[0]) or not file.transaction)
        # A run after one that failed takes an index of that name for its own.
        if alone and step is None and self._built(statements[0]) and "if not exists" not in statements[0].head:
            raise MigrateError(f"{file.script}: there is an index of that name already. Nothing of this file is applied.")
        self._mark(file, statements)
        attempt = 0
        while True:
            attempt += 1
            try:
                timed = self._apply_alone(file, statements[0], again=step is not None or attempt > 1) if alone else self._apply_whole(file, statements)
                break
            except _Failed as exc:
                if self.wire.closed:  # perhaps while the commit was under way
                    told = f"{file.script}, line {exc.line}: the connection to {self.name} was lost: {exc.told}. Run it again."
                    raise MigrateError(told, partial=True) from None
                self._fresh()
                if exc.code != LOCK_NOT_GIVEN or attempt > self.limits.retries:
                    if not alone:
                        self._unmark(file)
                    raise MigrateError(self._told(file, exc, attempt, alone=alone), partial=alone) from None
                time.sleep(self.limits.backoff * 2 ** (attempt - 1))
        self._fresh()
        return record.outcome(file, timed, attempt)

    def _told(self, file: File, exc: _Failed, attempts: int, *, alone: bool) -> str:
        text = f"{file.script}, line {exc.line}: {exc.told}."
        if exc.code == LOCK_NOT_GIVEN:
            busy = self._sessions([], busy=True)
            text += f" The lock wasn't given within {self.limits.lock_timeout:g} s, {attempts} times; transactions that are open: {busy}."
        elif exc.code == CANCELLED and self.limits.statement_timeout:
            text += f" A statement may take {self.limits.statement_timeout:g} s (statement_timeout)."
        if not alone:
            return text + " Nothing of this file is applied."
        left = self._invalid_index(Statement(exc.text, exc.line))
        return text + (f" It left the invalid index {left}, which the next run removes." if left else " It may be applied in part.")

    def _apply_whole(self, file: File, statements: Sequence[Statement]) -> list[Timed]:
        timed: list[Timed] = []
        at = Statement("", 1)
        try:
            with self.wire.transaction():
                for at in statements:
                    timed.append(self._timed(at, locks=False))
                self._own_path()
                self._note(file, sum(one.seconds for one in timed))
                self._unmark(file)
        except driver.psycopg.Error as exc:
            raise _Failed(exc, at) from None
        return timed

    def _own_path(self) -> None:
        """A file may have become somebody else, who may not write the history, or have little time left."""
        self.wire.execute("set local statement_timeout = 0")
        self.wire.execute("reset session authorization")
        self.wire.execute("reset role")

    def _apply_alone(self, file: File, statement: Statement, *, again: bool) -> list[Timed]:
        try:
            began = time.monotonic()
            invalid = self._invalid_index(statement)
            if again and invalid:
                self.wire.execute(f"drop index concurrently {invalid}".encode())
            if not (again and self._built(statement)):
                self.wire.execute(statement.text.encode())
            spent = round(time.monotonic() - began, 3)
            with self.wire.transaction():
                self._own_path()
                self._note(file, spent)
                self._unmark(file)
        except driver.psycopg.Error as exc:
            raise _Failed(exc, statement) from None
        return [Timed(statement.line, spent)]

    def _timed(self, statement: Statement, *, locks: bool) -> Timed:
        before = self._locks() if locks else []
        began = time.monotonic()
        self.wire.execute(statement.text.encode())  # as it stands: a per cent sign is nothing special
        spent = round(time.monotonic() - began, 6)
        return Timed(statement.line, spent, tuple(one for one in self._locks() if one not in before) if locks else ())

    def _locks(self) -> list[str]:
        """On what others can see: a table that is made here stops nobody."""
        rows = self.wire.execute(LOCKS, (list(STRONG),)).fetchall()
        return [str(row[1]) for row in rows if row[0] in self._there]

    def _look_around(self) -> None:
        self._there = {row[0] for row in self.wire.execute("select oid from pg_catalog.pg_class where oid >= 16384")}

    def rehearse(self, work: Sequence[tuple[File, Sequence[Statement]]]) -> tuple[list[Outcome], bool]:
        """Everything in one transaction that is rolled back; and whether the database was changed after all, which some files need."""
        self._look_around()
        kept = any(not file.transaction or sql_text.alone(one) for file, statements in work for one in statements)
        if kept:
            return [self._rehearse_kept(file, statements) for file, statements in work], True
        found = []
        at, script = Statement("", 1), ""
        try:
            with self.wire.transaction(force_rollback=True):
                for file, statements in work:
                    timed = []
                    script = file.script
                    for at in statements:
                        timed.append(self._timed(at, locks=True))
                    found.append(record.outcome(file, timed, 1))
                    self.wire.execute("reset session authorization")
                    self.wire.execute("reset role")
        except driver.psycopg.Error as exc:
            raise MigrateError(f"Dry run on {self.name}: {script}, line {at.line}: {driver.describe(exc)}. Nothing was kept there.") from None
        finally:
            self._fresh()
        return found, False

    def _rehearse_kept(self, file: File, statements: Sequence[Statement]) -> Outcome:
        timed: list[Timed] = []
        if len(statements) != 1 or (file.transaction and not sql_text.alone(statements[0])):
            self.ensure(HISTORY, PROGRESS)
            at = Statement("", 1)
            try:
                with self.wire.transaction():
                    for at in statements:
                        timed.append(self._timed(at, locks=True))
                    self._own_path()
                    self._note(file, sum(one.seconds for one in timed))
            except driver.psycopg.Error as exc:
                raise MigrateError(f"Dry run on {self.name}: {file.script}, line {at.line}: {driver.describe(exc)}.") from None
            self._fresh()
            return record.outcome(file, timed, 1)
        return self.apply(file, statements, None)


class _Failed(Exception):
    def __init__(self, exc: Any, statement: Statement) -> None:
        self.code = str(exc.sqlstate or "")
        self.told = driver.describe(exc)
        self.line = statement.line
        self.text = statement.text


def _signed(text: str) -> int:
    found = zlib.crc32(text.encode())
    return found - (1 << 32) if found & 0x80000000 else found


def _index_name(statement: Statement) -> str:
    """As to_regclass reads it; an index lives in the schema of its table."""
    plain = " ".join(sql_text.bare(statement.text).split())
    found = INDEX.match(plain)
    if not found or found.group(1).lower() == "on":
        return ""
    schema = TABLE_OF_INDEX.search(plain, found.end())
    return (schema.group(1) or "" if schema and "." not in found.group(1) else "") + found.group(1)
