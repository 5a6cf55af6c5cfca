#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: schema_migrate
short_description: Bring a database's schema to a release, once and under a lock
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Applies versioned SQL files with a record that Flyway reads as well, or drives Alembic, or runs a command of the service.
  - A lock in the database sees to it that one migration runs at a time, wherever it was started. Who comes second finds nothing left to do.
  - A statement that isn't given its lock in time gives up and is tried again, so that it doesn't hold up the readers behind it.
  - PostgreSQL applies a file whole or not at all. MariaDB and MySQL commit each change of the schema by itself, so there is a note of each
    statement. A run after one that was killed tells what it found, in RV(found), and goes on.
  - Use role P(evenkeel.release.migrate#role), which also records in the ledger and keeps the phases apart.
requirements:
  - PostgreSQL needs psycopg >= 3.1 where the module runs
  - MariaDB or MySQL needs PyMySQL >= 1.0
attributes:
  check_mode:
    support: full
    description: Compares files and record and says what is pending, with every fault. Neither the lock nor a table is taken or made.
  diff_mode:
    support: full
    description: Shows the names of the files, or where the database stands, before and after.
  idempotent:
    support: full
    description: What is applied is not applied again.
options:
  tool:
    description:
      - V(sql) applies the files below O(path), V(alembic) upgrades to O(target), V(command) runs O(command) once for a release and phase.
    type: str
    choices: [sql, alembic, command]
    default: sql
  engine:
    description: Kind of the database.
    type: str
    choices: [postgresql, mysql]
    default: postgresql
  database:
    description: The database. Only V(command) can do without; there is neither lock nor record then.
    type: dict
    suboptions: &place
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port; that of the engine by default., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role that owns the schema., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
      schema: {description: Schema of PostgreSQL that the files are for; the first of the role's search path by default., type: str}
  path:
    description:
      - Folder with V(V<version>__<description>.sql) and V(R__<description>.sql), and folders below it.
      - A comment C(-- evenkeel:) before the first statement may say C(contract) (the file is for the contract phase), C(one_way) (there is no way
        back behind it) and C(no_transaction) (PostgreSQL; one statement only).
    type: path
  command:
    description: Program and arguments. Of V(alembic) what comes before the subcommand, such as V([/srv/shop/venv/bin/alembic, -c, alembic.ini]).
    type: list
    elements: str
  chdir:
    description: Folder in which the program runs.
    type: path
  environment:
    description: Environment variables of the program. Their values are secrets.
    type: dict
    default: {}
  target:
    description: Revision that Alembic upgrades to.
    type: str
    default: heads
  phase:
    description:
      - V(expand) applies what the release before can live with, V(contract) what takes something away, V(all) everything.
      - A file is of the phase V(expand) unless it says otherwise. For the other tools the phase is a name in the record.
    type: str
    choices: [expand, contract, all]
    default: expand
  release:
    description: Version of the release.
    type: str
    required: true
  subject:
    description: Name of the service.
    type: str
    default: ""
  one_way:
    description: Whether there is no way back behind this migration. The contract phase and files that say so are one-way in any case.
    type: bool
    default: false
  out_of_order:
    description: Whether a file may come before a version that is applied.
    type: bool
    default: false
  ignore_missing:
    description: Whether files that are applied may be missing.
    type: bool
    default: false
  again:
    description: Whether a command is run although it was run for this release and phase.
    type: bool
    default: false
  lock_timeout:
    description: Seconds that a statement waits for a lock. MariaDB and MySQL count whole seconds.
    type: float
    default: 5
  statement_timeout:
    description: Seconds that a statement may take; V(0) is no limit. MySQL has none for what isn't a query.
    type: float
    default: 0
  retries:
    description: Further attempts after a lock that wasn't given.
    type: int
    default: 5
  backoff:
    description: Seconds before the second attempt; doubled each time.
    type: float
    default: 1
  wait:
    description: Seconds to wait for another migration of this database.
    type: float
    default: 300
  dry_run:
    description:
      - Apply what is pending to a copy instead, such as one with masked data, time it and tell the locks. The database itself is only read.
      - On PostgreSQL everything is rolled back, unless a file can't run in a transaction. A copy of MariaDB or MySQL keeps it.
      - A program needs O(dry_run.arguments) or O(dry_run.environment) that lead it to the copy.
      - In check mode the copy is left alone.
    type: dict
    suboptions:
      database:
        description: The copy. It must stand where the database stands.
        type: dict
        required: true
        suboptions: *place
      arguments:
        description: Further arguments of the program, before Alembic's subcommand, that lead it to the copy.
        type: list
        elements: str
        default: []
      environment:
        description: Environment variables that lead it to the copy.
        type: dict
        default: {}
"""

EXAMPLES = r"""
- name: Expand the schema for release 1.4.0
  evenkeel.release.schema_migrate:
    database: {host: db.example.com, dbname: shop, user: owner, password: "{{ secrets.owner_password }}"}
    path: /srv/shop/releases/1.4.0/migrations
    release: 1.4.0
    subject: shop

- name: How long would it take, and what would it lock?
  evenkeel.release.schema_migrate:
    database: {host: db.example.com, dbname: shop, user: owner, password: "{{ secrets.owner_password }}"}
    path: /srv/shop/releases/1.4.0/migrations
    release: 1.4.0
    dry_run:
      database: {host: db.staging.example.com, dbname: shop_copy, user: owner, password: "{{ secrets.staging_password }}"}

- name: The same by Alembic
  evenkeel.release.schema_migrate:
    tool: alembic
    database: {host: db.example.com, dbname: shop, user: owner, password: "{{ secrets.owner_password }}"}
    command: [/srv/shop/venv/bin/alembic]
    chdir: /srv/shop/releases/1.4.0
    environment: {DATABASE_URL: "{{ secrets.owner_url }}"}
    release: 1.4.0
"""

RETURN = r"""
heads_before:
  description: Where the database stood.
  returned: always
  type: list
  elements: str
heads_after:
  description: Where it stands.
  returned: always
  type: list
  elements: str
pending:
  description: What was pending before; in check mode what is.
  returned: always
  type: list
  elements: str
later:
  description: Files that wait for the contract phase.
  returned: always
  type: list
  elements: str
applied:
  description: Per file C(script), C(version), C(seconds), C(attempts), C(one_way) and per statement its line and seconds.
  returned: always
  type: list
  elements: dict
found:
  description: What an earlier run left, and what became of it.
  returned: always
  type: list
  elements: str
  sample: ["V3__prices.sql was begun at 2026-05-01T10:00:00Z by ci@runner and not finished: 1 of 3 statements are applied, ..."]
partial:
  description: After a failure, whether something of the file that failed is applied, or nobody knows.
  returned: always
  type: bool
one_way:
  description: Whether there is no way back behind what is pending or was applied.
  returned: always
  type: bool
digest:
  description: One name for the whole set of migrations.
  returned: always
  type: str
waited:
  description: Seconds that another migration was waited for.
  returned: always
  type: float
dry_run:
  description: The copy, C(files) with seconds and locks, C(kept) when the copy was changed, C(seconds) in all.
  returned: with O(dry_run), unless it is check mode with O(tool=sql)
  type: dict
stdout:
  description: What the command said.
  returned: when O(tool=command)
  type: str
"""

import getpass
import os
import socket
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._migrate import files, runner, tools
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.errors import MigrateError
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.record import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import skew as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import skew as of_postgresql

PLACE_HERE = {**NAMED, "schema": {"type": "str"}}
SPEC = {
    "tool": {"type": "str", "choices": ["sql", "alembic", "command"], "default": "sql"},
    "engine": {"type": "str", "choices": ["postgresql", "mysql"], "default": "postgresql"},
    "database": {"type": "dict", "options": PLACE_HERE},
    "path": {"type": "path"},
    "command": {"type": "list", "elements": "str"},
    "chdir": {"type": "path"},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "target": {"type": "str", "default": "heads"},
    "phase": {"type": "str", "choices": ["expand", "contract", "all"], "default": "expand"},
    "release": {"type": "str", "required": True},
    "subject": {"type": "str", "default": ""},
    "one_way": {"type": "bool", "default": False},
    "out_of_order": {"type": "bool", "default": False},
    "ignore_missing": {"type": "bool", "default": False},
    "again": {"type": "bool", "default": False},
    "lock_timeout": {"type": "float", "default": 5.0},
    "statement_timeout": {"type": "float", "default": 0.0},
    "retries": {"type": "int", "default": 5},
    "backoff": {"type": "float", "default": 1.0},
    "wait": {"type": "float", "default": 300.0},
    "dry_run": {
        "type": "dict",
        "options": {
            "database": {"type": "dict", "required": True, "options": PLACE_HERE},
            "arguments": {"type": "list", "elements": "str", "default": []},
            "environment": {"type": "dict", "default": {}, "no_log": True},
        },
    },
}
LOWEST = {"lock_timeout": 0.001, "statement_timeout": 0, "retries": 0, "backoff": 0, "wait": 0}


class Migration:
    def __init__(self, module):
        self.module, self.params = module, module.params
        low = [f"{key} is {self.params[key]}; allowed: {least} or more" for key, least in LOWEST.items() if self.params[key] < least]
        if low:
            raise MigrateError(f"Nothing was applied: {'; '.join(low)}.")
        self.limits = Limits(*(self.params[key] for key in ("lock_timeout", "statement_timeout", "retries", "backoff", "wait")))
        names = ("release", "subject", "phase", "engine", "out_of_order", "ignore_missing", "one_way")
        self.request = runner.Request(*(self.params[key] for key in names))
        self.by = f"{_user()}@{socket.gethostname()} ({os.getpid()})"
        self.opened = []

    def open(self, place):
        self.opened.append(runner.open_database(self.params["engine"], place, self.limits, by=self.by))
        return self.opened[-1]

    def close(self):
        for database in self.opened:
            database.close()

    def run(self):
        return {"sql": self._sql, "alembic": self._alembic, "command": self._command}[self.params["tool"]]()

    def _sql(self):
        found = files.read(self.params["path"])
        database = self.open(self.params["database"])
        if self.params["dry_run"] and not self.module.check_mode:
            return runner.rehearse(database, self.open(self.params["dry_run"]["database"]), found, self.request)
        if self.module.check_mode:
            return runner.described(runner.look(database, found, self.request), found, self.request)
        return runner.migrate(database, found, self.request)

    # --- programs

    def _execute(self, argv, folder, environment):
        return self.module.run_command(list(argv), cwd=folder or None, environ_update=dict(environment))

    def _program(self):
        environment = {str(key): str(value) for key, value in self.params["environment"].items()}
        given = tools.timeouts(self.params["engine"], self.limits) if self.params["tool"] == "alembic" else {}
        return tools.Program(tuple(self.params["command"]), self.params["chdir"] or "", {**given, **environment}, self.params["target"])

    def _recorded(self, place):
        read = {"postgresql": of_postgresql.read, "mysql": of_mysql.read}[self.params["engine"]]
        try:
            return sorted(version for one in read(place, role="migrated") if one.tool == "alembic" for version in one.versions)
        except SyncError as exc:
            raise MigrateError(str(exc)) from None

    def _alembic(self):
        database = self.open(self.params["database"])
        tool = tools.Alembic(self._program(), self._execute, self.limits)
        if self.params["dry_run"]:
            return self._rehearsed(database, tool)
        return tools.alembic(database, tool, self.request, lambda: self._recorded(self.params["database"]), check=self.module.check_mode)

    def _command(self):
        database = self.open(self.params["database"]) if self.params["database"] else None
        if self.params["dry_run"]:
            return self._rehearsed(database, None)
        return tools.command(database, self._program(), self.request, self._execute, check=self.module.check_mode, again=self.params["again"])

    def _rehearsed(self, database, tool):
        """The program on a copy, with its time and the locks that were seen."""
        options = self.params["dry_run"]
        if not options["arguments"] and not options["environment"]:  # it would run as it does on the database itself
            raise MigrateError("A dry run of a program needs dry_run.arguments or dry_run.environment that lead it to the copy. Nothing was run.")
        copy = self.open(options["database"])
        if database is not None and database.identity() == copy.identity():
            raise MigrateError(f"The dry run's database is {copy.name} itself. Nothing was applied; name a copy.")
        environment = {str(key): str(value) for key, value in options["environment"].items()}
        program = self._program().with_more(options["arguments"], environment)
        began = time.monotonic()
        with self._watched(options["database"]) as seen:
            if tool is None:
                result = tools.command(copy, program, self.request, self._execute, check=self.module.check_mode, again=True)
            else:
                here, there = self._recorded(self.params["database"]), self._recorded(options["database"])
                if here != there:
                    raise MigrateError(
                        f"The copy {copy.name} stands at {there}, the database at {here}. Refresh the copy, then ask again. Nothing was applied."
                    )
                tool = tools.Alembic(program, self._execute, self.limits)
                result = tools.alembic(copy, tool, self.request, lambda: self._recorded(options["database"]), check=self.module.check_mode)
        seconds = result["seconds"] or round(time.monotonic() - began, 3)
        told = {"database": copy.name, "files": result["applied"], "kept": result["changed"], "seconds": seconds, "locks": seen()}
        return {**result, "changed": False, "heads_after": result["heads_before"], "applied": [], "dry_run": told}

    def _watched(self, place):
        if self.params["engine"] == "postgresql":
            from ansible_collections.evenkeel.release.plugins.module_utils._migrate.watch import Watch

            return _Seen(Watch(place))
        return _Seen(None)


class _Seen:
    """Locks that a watch has seen; none on an engine that has no watch."""

    def __init__(self, watch):
        self._watch = watch

    def __enter__(self):
        if self._watch is not None:
            self._watch.__enter__()
        return lambda: self._watch.seen if self._watch is not None else []

    def __exit__(self, *exc):
        if self._watch is not None:
            self._watch.__exit__(*exc)


def _user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def public_words(params):
    places = [params["database"] or {}, (params["dry_run"] or {}).get("database") or {}]
    return {params["release"], params["subject"], *(str(place.get(key)) for place in places for key in ("host", "port", "dbname", "user", "schema"))}


def diff_of(result):
    if result["tool"] == "sql":
        return {"before": "", "after": "".join(f"{name}\n" for name in result["pending"])}
    return {side: "".join(f"{name}\n" for name in result[f"heads_{side}"]) for side in ("before", "after")}


def main():
    module = AnsibleModule(
        argument_spec=SPEC,
        required_if=[
            ("tool", "sql", ("path", "database")),
            ("tool", "alembic", ("command", "database")),
            ("tool", "command", ("command",)),
        ],
        supports_check_mode=True,
    )
    # Ansible masks these values wherever they occur; one like "1" would turn figures into asterisks, and a variable with
    # the database's name would take that out of every message.
    module.no_log_values = {value for value in module.no_log_values if len(str(value)) >= 4 and str(value) not in public_words(module.params)}
    migration = None
    try:
        migration = Migration(module)
        result = migration.run()
    except runner.Stopped as exc:
        module.fail_json(msg=str(exc), **exc.result)
    except MigrateError as exc:
        module.fail_json(msg=str(exc), partial=exc.partial)
    except Exception as exc:
        told = runner.driver_error(module.params["engine"], exc)
        if not told:
            raise
        module.fail_json(msg=f"The database refused: {told}", partial=True)  # nobody knows what came before
    finally:
        if migration is not None:
            migration.close()
    if module.check_mode and not module.params["dry_run"]:
        result["changed"] = bool(result["pending"])
    module.exit_json(**result, diff=diff_of(result))


if __name__ == "__main__":
    main()
