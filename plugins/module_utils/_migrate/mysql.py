# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - tables and columns are constants of this file, names are quoted, values are bound
"""MariaDB and MySQL: a statement that changes the schema commits by itself, so a file is applied statement by statement, with a note of how far it came.

After a kill the next run tells the statement that was under way and finds out whether it is applied: rows that change commit together with
the note; of the schema there is a digest from before the statement.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate import record
from ansible_collections.evenkeel.release.plugins.module_utils._migrate import statements as sql_text
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import File
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.plan import Applied
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import (
    BEGUN,
    DONE,
    FAILED,
    HISTORY,
    PROGRESS,
    READY,
    RUNS,
    Limits,
    Outcome,
    Run,
    Step,
    Timed,
)
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.statements import MYSQL, Statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import driver

DIALECT = MYSQL
MISSING = "MariaDB and MySQL need PyMySQL 1.0 or newer in the Python that runs schema_migrate (pip install PyMySQL)."
LOCK_NOT_GIVEN, TOO_LONG = (1205, 1213), (1969, 3024)
TABLES = {
    HISTORY: """create table if not exists {t} (
  `installed_rank` int not null, `version` varchar(50), `description` varchar(200) not null, `type` varchar(20) not null,
  `script` varchar(1000) not null, `checksum` int, `installed_by` varchar(100) not null, `installed_on` timestamp not null default current_timestamp,
  `execution_time` int not null, `success` bool not null, constraint `flyway_schema_history_pk` primary key (`installed_rank`),
  key `flyway_schema_history_s_idx` (`success`)) engine=InnoDB""",
    PROGRESS: """create table if not exists {t} (script varchar(191) character set utf8mb4 collate utf8mb4_bin primary key, checksum int not null,
  number int not null, of_all int not null, line int not null, state varchar(10) not null, prefix varchar(128) not null, shape varchar(64) not null,
  begun_at datetime not null, begun_by varchar(200) not null) engine=InnoDB""",
    RUNS: """create table if not exists {t} (`release` varchar(60) not null, subject varchar(60) not null, phase varchar(20) not null,
  tool varchar(20) not null, digest varchar(64) not null, state varchar(10) not null, begun_at datetime not null, ended_at datetime,
  begun_by varchar(200) not null, primary key (`release`, subject, phase)) engine=InnoDB""",
}
OURS = (HISTORY, PROGRESS, RUNS)
_OPAQUE = re.compile(r"(call|load|execute|do|if|case|for|loop|repeat|while)\b")
_VARIABLE = re.compile(r"\binto\s+@|@[\w.$`'\"]+\s*:=|^call\b.*@", re.IGNORECASE | re.DOTALL)
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


class Database:
    def __init__(self, place: Mapping[str, Any], limits: Limits, *, by: str) -> None:
        if not driver.AVAILABLE:
            raise MigrateError(MISSING)
        self.place, self.limits, self.by = place, limits, by
        self.name = self.schema = str(place["dbname"])
        try:
            self.wire = driver.pymysql.connect(
                host=place.get("host") or "127.0.0.1",
                port=int(place.get("port") or 3306),
                user=place.get("user"),
                password=place.get("password") or "",
                database=self.name,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=15,
                **driver._tls(place.get("sslmode") or ""),
            )
            if place.get("sslmode") in ("require", "verify-ca", "verify-full") and not isinstance(self.wire._sock, ssl.SSLSocket):
                self.close()  # PyMySQL before 1.2 goes on in clear text
                raise MigrateError(f"The server of database {self.name!r} doesn't encrypt, and sslmode {place['sslmode']} was asked for. Nothing was applied.")
            self._modes = self.rows("select @@session.sql_mode")[0][0]
            self._fresh()
        except driver.pymysql.MySQLError as exc:
            where = f"{place.get('host')}:{place.get('port')}/{place.get('dbname')}"
            raise MigrateError(f"Can't open the database {where} as {place.get('user')}: {driver.describe(exc)}") from None
        self.user = str(place.get("user") or "")
        self._lock = "evenkeel.migrate." + hashlib.sha256(self.name.encode()).hexdigest()[:32]

    def is_open(self) -> bool:
        return bool(self.wire.open)

    def close(self) -> None:
        try:
            self.wire.close()
        except driver.pymysql.MySQLError:
            return

    # --- small things

    def rows(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.wire.cursor() as cursor:
            cursor.execute(text, values or None)
            return list(cursor.fetchall())

    def _fresh(self) -> None:
        """What a file set is gone as far as this runner depends on it; a session that a lock belongs to can't be reset."""
        lock = max(1, round(self.limits.lock_timeout))
        self.rows(f"use {driver.name(self.name)}")
        self.rows("set names utf8mb4")
        self.rows("set session sql_mode = %s, foreign_key_checks = 1, unique_checks = 1, autocommit = 1", (self._modes,))
        self.rows(f"set session lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}, wait_timeout = 86400")
        if "mariadb" in self.wire.server_version.lower():
            self.rows(f"set session max_statement_time = {float(self.limits.statement_timeout)}")

    def _has(self, name: str) -> bool:
        return bool(self.rows("select 1 from information_schema.tables where table_schema = %s and table_name = %s", (self.name, name)))

    def _table(self, name: str) -> str:
        return driver.name(self.name, name)

    def ensure(self, *names: str) -> None:
        for name in names:
            if not self._has(name):
                self.rows(TABLES[name].format(t=self._table(name)))

    def identity(self) -> str:
        found = self.rows("select @@hostname, @@port, @@datadir, database()")[0]
        return "/".join(str(one) for one in found)

    # --- one migration at a time

    @contextmanager
    def alone(self) -> Iterator[float]:
        """The lock is the session's: it ends with the process, but not before the statement that the server still runs for it."""
        began = time.monotonic()
        if self.rows("select get_lock(%s, %s)", (self._lock, max(0.0, self.limits.wait)))[0][0] != 1:
            holder = self.rows("select is_used_lock(%s)", (self._lock,))[0][0]
            found = self.rows("select user, host, time, coalesce(info, '') from information_schema.processlist where id = %s", (holder,))
            shown = f"connection {holder} of {found[0][0]} from {found[0][1]}" if found else "nobody who can be seen"
            raise MigrateError(f"Another migration of {self.name} goes on for more than {self.limits.wait:g} s: {shown}. Nothing was applied.")
        try:
            yield round(time.monotonic() - began, 3)
        finally:
            if self.wire.open:
                self.rows("select release_lock(%s)", (self._lock,))

    # --- the record

    def history(self) -> list[Applied]:
        if not self._has(HISTORY):
            return []
        columns = "installed_rank, version, description, type, script, checksum, success"
        rows = self.rows(f"select {columns} from {self._table(HISTORY)} order by installed_rank")
        return [Applied(int(row[0]), row[1] or "", row[2], row[3], row[4], row[5], bool(row[6])) for row in rows]

    def steps(self) -> list[Step]:
        if not self._has(PROGRESS):
            return []
        columns = "script, checksum, number, of_all, line, state, prefix, shape, date_format(begun_at, '%Y-%m-%dT%H:%i:%sZ'), begun_by"
        return [Step(*row) for row in self.rows(f"select {columns} from {self._table(PROGRESS)} order by begun_at")]

    def run_of(self, release: str, subject: str, phase: str) -> Optional[Run]:
        if not self._has(RUNS):
            return None
        columns = "`release`, subject, phase, tool, digest, state, date_format(begun_at, '%%Y-%%m-%%dT%%H:%%i:%%sZ'), begun_by"
        text = f"select {columns} from {self._table(RUNS)} where `release` = %s and subject = %s and phase = %s"
        rows = self.rows(text, (release, subject, phase))
        return Run(*rows[0]) if rows else None

    def begin_run(self, run: Run) -> None:
        text = f"replace into {self._table(RUNS)} (`release`, subject, phase, tool, digest, state, begun_at, begun_by)"
        values = (run.release, run.subject, run.phase, run.tool, run.digest, BEGUN, self.by)
        self.rows(text + " values (%s, %s, %s, %s, %s, %s, utc_timestamp(), %s)", values)

    def end_run(self, run: Run, state: str) -> None:
        text = f"update {self._table(RUNS)} set state = %s, ended_at = utc_timestamp() where `release` = %s and subject = %s and phase = %s"
        self.rows(text, (state, run.release, run.subject, run.phase))

    # --- how far a file came

    def _step(self, file: File, statements: Sequence[Statement], number: int, state: str, shape: str) -> None:
        one = statements[number - 1]
        self.rows(
            f"update {self._table(PROGRESS)} set number = %s, line = %s, state = %s, prefix = %s, shape = %s where script = %s",
            (number, one.line, state, record.prefixes(statements, number, state), shape, file.script),
        )

    def _begin(self, file: File, statements: Sequence[Statement]) -> None:
        """The row of the history says that it failed until the file is through: Flyway's own runner then stops as well."""
        self.rows(
            f"replace into {self._table(PROGRESS)} values (%s, %s, 1, %s, %s, %s, '', '', utc_timestamp(), %s)",
            (file.script, file.checksum, len(statements), statements[0].line if statements else 1, READY, self.by),
        )
        if not self.rows(f"select 1 from {self._table(HISTORY)} where script = %s and not success", (file.script,)):
            rank = self.rows(f"select coalesce(max(installed_rank), 0) + 1 from {self._table(HISTORY)}")[0][0]
            row = record.row_of(file, rank, self.user, 0, success=False)
            columns = ", ".join(driver.name(key) for key in row)
            marks = ", ".join(["%s"] * len(row))
            self.rows(f"insert into {self._table(HISTORY)} ({columns}) values ({marks})", list(row.values()))

    def _finish(self, file: File, seconds: float) -> None:
        self.wire.begin()
        self.rows(
            f"update {self._table(HISTORY)} set success = 1, checksum = %s, execution_time = %s, installed_on = current_timestamp"
            " where script = %s and not success",
            (file.checksum, int(seconds * 1000), file.script),
        )
        self.rows(f"delete from {self._table(PROGRESS)} where script = %s", (file.script,))
        self.wire.commit()

    def shape(self) -> str:
        """A digest of everything in the database that isn't a row."""
        parts = []
        for name, kind in self.rows("select table_name, table_type from information_schema.tables where table_schema = %s order by 1", (self.name,)):
            if name not in OURS:
                shown = self.rows(f"show create {'view' if kind == 'VIEW' else 'table'} {self._table(name)}")[0][1]
                parts.append(_COUNTER.sub("", str(shown)))
        for table, columns in (
            ("routines", "routine_name, routine_type, routine_definition, dtd_identifier, security_type"),
            ("triggers", "trigger_name, event_manipulation, action_timing, event_object_table, action_statement"),
            ("events", "event_name, event_definition, interval_value, interval_field, status"),
            ("parameters", "specific_name, ordinal_position, parameter_mode, parameter_name, dtd_identifier"),
        ):
            column = {"routines": "routine_schema", "triggers": "trigger_schema", "events": "event_schema", "parameters": "specific_schema"}[table]
            parts += [repr(row) for row in self.rows(f"select {columns} from information_schema.{table} where {column} = %s order by 1, 2", (self.name,))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]

    def _next(self, step: Step, statements: Sequence[Statement]) -> tuple[int, str]:
        """(the statement to go on with, why) after a run that was killed or failed."""
        done = step.number if step.state == DONE else step.number - 1
        if step.state == READY:
            return 1, "it is begun now"
        done_then, _colon, under_way_then = step.prefix.partition(":")
        if record.prefix(statements, done) != done_then:
            raise MigrateError(
                f"{step.script} was begun at {step.begun_at} with other statements: {done} of {step.of} are applied, and they aren't those of the file now."
                f" Put the file back, or finish it by hand and remove its row from the history and from {PROGRESS}."
            )
        lost = [one for one in statements[:done] if _of_the_session(one)]
        if lost and done < len(statements):
            raise MigrateError(
                f"{step.script} was begun at {step.begun_at}: {done} of {step.of} statements are applied, and the temporary table, prepared statement or"
                f" variable of line {lost[0].line} is gone with the session. Finish it by hand, then set success in the history and remove its row from"
                f" {PROGRESS}."
            )
        if step.state == DONE:
            return done + 1, f"going on with statement {done + 1}" if done < len(statements) else "all of it is applied"
        if step.state == FAILED:
            return step.number, "it failed, going on with it"
        if not step.shape:
            raise MigrateError(
                f"{step.script} was begun at {step.begun_at}: {done} of {step.of} statements are applied, and nobody knows whether statement {step.number}"
                f" (line {step.line}) is, as the schema doesn't show it. If it isn't, set its state in {PROGRESS} to {FAILED} and run it again; otherwise"
                f" finish it by hand, then set success in the history and remove its row from {PROGRESS}."
            )
        if step.shape != self.shape():
            if record.prefix(statements, step.number) != under_way_then:
                raise MigrateError(
                    f"{step.script}, statement {step.number} (line {step.line}) is applied as the file had it at {step.begun_at}, and it reads otherwise now."
                    " Put it back, and the change into a new file."
                )
            return step.number + 1, f"it is applied, the schema shows it; going on with statement {step.number + 1}"
        return step.number, "it isn't applied, going on with it"

    def going_on(self, step: Step, statements: Sequence[Statement]) -> str:
        return record.told(step, next_=self._next(step, statements)[1])

    # --- applying

    def apply(self, file: File, statements: Sequence[Statement], step: Optional[Step]) -> Outcome:
        self.ensure(HISTORY, PROGRESS)
        first = self._next(step, statements)[0] if step is not None else 1
        if step is None or step.state == READY:
            self._begin(file, statements)
        else:  # a mended file
            self.rows(f"update {self._table(PROGRESS)} set checksum = %s, of_all = %s where script = %s", (file.checksum, len(statements), file.script))
        for one in statements[: first - 1]:
            if sql_text.kind(one) == "session":
                self._execute(one.text)
        timed, attempts = [], 1
        for number in range(first, len(statements) + 1):
            spent, tries = self._apply_one(file, statements, number)
            timed.append(Timed(statements[number - 1].line, spent))
            attempts = max(attempts, tries)
        self._finish(file, sum(one.seconds for one in timed))
        self._fresh()
        return record.outcome(file, timed, attempts)

    def _apply_one(self, file: File, statements: Sequence[Statement], number: int) -> tuple[float, int]:
        one = statements[number - 1]
        kind = sql_text.kind(one)
        attempt = 0
        while True:
            attempt += 1
            began = time.monotonic()
            try:
                self._step_through(file, statements, number, kind)
                return round(time.monotonic() - began, 6), attempt
            except driver.pymysql.MySQLError as exc:
                code = exc.args[0] if exc.args else 0
                if not self.wire.open or code in (2006, 2013):
                    raise MigrateError(
                        f"{file.script}, line {one.line}: the connection to {self.name} was lost. Run it again, it tells what is applied.", partial=True
                    ) from None
                self.wire.rollback()
                if code not in LOCK_NOT_GIVEN or attempt > self.limits.retries:
                    if _opaque(one):
                        self._step(file, statements, number, FAILED, "")
                    raise MigrateError(self._told(file, statements, number, exc, attempt), partial=number > 1 or _opaque(one)) from None
                time.sleep(self.limits.backoff * 2 ** (attempt - 1))

    def _step_through(self, file: File, statements: Sequence[Statement], number: int, kind: str) -> None:
        text = statements[number - 1].text
        if kind == "dml":  # the note commits with the rows
            self.wire.begin()
            self._execute(text)
            self._step(file, statements, number, DONE, "")
            self.wire.commit()
            return
        if kind == "ddl":
            self._step(file, statements, number, BEGUN, "" if _opaque(statements[number - 1]) else self.shape())
        self._execute(text)
        self.wire.commit()
        self._step(file, statements, number, DONE, "")

    def _execute(self, text: str) -> None:
        """As it stands; every result that it gives is read."""
        with self.wire.cursor() as cursor:
            cursor.execute(text)
            while cursor.nextset():
                pass

    def _told(self, file: File, statements: Sequence[Statement], number: int, exc: Any, attempts: int) -> str:
        text = f"{file.script}, line {statements[number - 1].line}: {driver.describe(exc)}."
        code = exc.args[0] if exc.args else 0
        if code in LOCK_NOT_GIVEN:
            text += f" The lock wasn't given within {self.limits.lock_timeout:g} s, {attempts} times; connections that are busy: {self._busy()}."
        elif code in TOO_LONG and self.limits.statement_timeout:
            text += f" A statement may take {self.limits.statement_timeout:g} s (statement_timeout)."
        opaque = _opaque(statements[number - 1])
        text += " It may be applied in part." if opaque else ""
        if number == 1:
            return text if opaque else text + " Nothing of this file is applied."
        return text + f" Statements 1 to {number - 1} of {len(statements)} are applied and stay; mend statement {number} and run it again."

    def _busy(self) -> str:
        rows = self.rows(
            "select t.trx_mysql_thread_id, p.user, p.host, timestampdiff(second, t.trx_started, now()) from information_schema.innodb_trx t"
            " join information_schema.processlist p on p.id = t.trx_mysql_thread_id where p.id <> connection_id() order by t.trx_started limit 5"
        )
        return "; ".join(f"connection {row[0]} of {row[1]} from {row[2]}, a transaction of {row[3]} s" for row in rows) or "nobody who can be seen"

    def rehearse(self, work: Sequence[tuple[File, Sequence[Statement]]]) -> tuple[list[Outcome], bool]:
        return [self.apply(file, statements, None) for file, statements in work], True


def _opaque(one: Statement) -> bool:
    """What it does may be rows alone, and commits where it likes: the schema doesn't show whether it is applied."""
    return bool(_OPAQUE.match(one.head))


def _of_the_session(one: Statement) -> bool:
    """Whether it leaves to the session what a later statement may need; `set` does as well, and is run again."""
    if one.head.startswith(("create temporary", "prepare")):
        return True
    return (sql_text.kind(one) == "dml" or _opaque(one)) and bool(_VARIABLE.search(sql_text.bare(one.text)))
