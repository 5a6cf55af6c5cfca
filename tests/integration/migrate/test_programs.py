# SPDX-License-Identifier: GPL-3.0-or-later
"""Alembic, the real one, and commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.tests.integration.migrate.conftest import place, run
from ansible_collections.evenkeel.release.tests.integration.support.module import finish
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

Running = Callable[..., "subprocess.Popen[str]"]
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "{name}", {down!r}, None, None
def upgrade():
    op.execute({sql!r})
"""


@pytest.fixture
def database(pg: PostgreSQL) -> str:
    return pg.create_db()


def url(pg: PostgreSQL, database: str) -> str:
    return pg.url(database).replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def alembic(pg: PostgreSQL, database: str, tmp_path: Path) -> dict[str, Any]:
    scripts = tmp_path / "alembic"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(ENV)
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nscript_location = {scripts}\n[loggers]\nkeys = root\n[handlers]\nkeys =\n[formatters]\nkeys =\n")
    revise(tmp_path, "a1", None, "create table orders (id int primary key)")
    return {
        "tool": "alembic",
        "database": place(pg, database),
        "command": [sys.executable, "-m", "alembic"],
        "chdir": str(tmp_path),
        "environment": {"DATABASE_URL": url(pg, database)},
    }


def standing_at_a1(pg: PostgreSQL, *databases: str) -> None:
    """As Alembic leaves them, without the time it takes."""
    for database in databases:
        pg.psql(database, "create table orders (id int primary key); create table alembic_version (version_num varchar(32) primary key)")
        pg.psql(database, "insert into alembic_version values ('a1')")


def revise(folder: Path, name: str, down: str | None, sql: str) -> None:
    (folder / "alembic" / "versions" / f"{name}.py").write_text(REVISION.format(name=name, down=down, sql=sql))


def test_alembic_goes_to_its_heads_once(pg: PostgreSQL, database: str, alembic: dict[str, Any], tmp_path: Path) -> None:
    done = run(**alembic)
    assert (done["changed"], done["heads_before"], done["heads_after"]) == (True, [], ["a1"])
    assert pg.psql(database, "select version_num from alembic_version") == "a1"
    assert not run(**alembic)["changed"]
    other = pg.create_db()
    wrong = run(**{**alembic, "environment": {"DATABASE_URL": url(pg, other)}})
    assert "Alembic stands at nothing, and database " in wrong["msg"]
    assert "its configuration leads to another database" in wrong["msg"]
    assert pg.psql(other, "select count(*) from pg_tables where tablename = 'orders'") == "0"
    revise(tmp_path, "b2", "a1", "alter table orders drop column id")
    last = run(**alembic, phase="contract")
    assert (last["heads_before"], last["heads_after"], last["one_way"]) == (["a1"], ["b2"], True)
    (tmp_path / "alembic" / "versions" / "b2.py").unlink()
    unknown = run(**alembic)
    assert "The database stands at a revision that this release hasn't got" in unknown["msg"]


def test_alembic_gets_the_timeouts_and_is_tried_again(pg: PostgreSQL, database: str, alembic: dict[str, Any], tmp_path: Path) -> None:
    standing_at_a1(pg, database)
    revise(tmp_path, "b2", "a1", "alter table orders add column price int")
    with psycopg.connect(pg.url(database)) as reader:
        reader.execute("select count(*) from orders")
        found = run(**alembic, lock_timeout=0.2, retries=0)
        assert "canceling statement due to lock timeout" in found["msg"]
        assert "The database stood at a1 and stands at a1" in found["msg"]
    done = run(**alembic)
    assert "(alembic) failed at " in done["found"][0]
    assert done["heads_after"] == ["b2"]


def test_a_dry_run_of_alembic_on_a_copy(pg: PostgreSQL, database: str, alembic: dict[str, Any], tmp_path: Path) -> None:
    copy = pg.create_db()
    standing_at_a1(pg, database, copy)
    revise(tmp_path, "b2", "a1", "alter table orders add column price int; select pg_sleep(0.5)")
    seen = run(**alembic, check=True)
    assert (seen["changed"], seen["heads_before"], seen["pending"]) == (True, ["a1"], ["b2"])
    found = run(**alembic, dry_run={"database": place(pg, copy), "environment": {"DATABASE_URL": url(pg, copy)}})
    assert (found["changed"], found["heads_after"], found["dry_run"]["kept"]) == (False, ["a1"], True)
    assert "AccessExclusiveLock on public.orders" in found["dry_run"]["locks"]
    assert [pg.psql(name, "select version_num from alembic_version") for name in (database, copy)] == ["a1", "b2"]
    nowhere = run(**alembic, dry_run={"database": place(pg, pg.create_db())})
    assert "needs dry_run.arguments or dry_run.environment that lead it to the copy. Nothing was run." in nowhere["msg"]


def test_a_command_is_run_once_for_a_release_and_phase(pg: PostgreSQL, database: str, tmp_path: Path, running: Running) -> None:
    log = tmp_path / "log"
    options = {"tool": "command", "database": place(pg, database), "command": ["sh", "-c", f"sleep 0.3; echo run >> {log}; echo well"]}
    found = [finish(process) for process in [running(**options) for _host in range(2)]]
    assert sorted(one["changed"] for one in found) == [False, True]
    assert log.read_text() == "run\n"
    assert next(one for one in found if not one["changed"])["found"][0].startswith("it was run for release 1.1.0 at ")
    assert not run(**options, check=True)["changed"]
    assert run(**options, again=True)["stdout"] == "well\n"
    assert run(**options, phase="contract")["one_way"]
    assert run(**{**options, "release": "1.2.0"})["changed"]
    assert log.read_text() == "run\n" * 4


def test_a_command_that_fails_is_tried_by_the_next_run(pg: PostgreSQL, database: str, tmp_path: Path) -> None:
    options = {"tool": "command", "database": place(pg, database), "command": ["sh", "-c", f"test -e {tmp_path}/there || (echo no such >&2; exit 3)"]}
    found = run(**options)
    assert "sh failed (3)" in found["msg"]
    assert "no such" in found["msg"]
    (tmp_path / "there").touch()
    done = run(**options)
    assert (done["changed"], "(command) failed at " in done["found"][0]) == (True, True)


def test_a_command_without_a_database(tmp_path: Path) -> None:
    done = run(tool="command", command=["sh", "-c", "echo $WORD; pwd"], environment={"WORD": "a-secret-word"}, chdir=str(tmp_path))
    assert done["changed"]
    assert str(tmp_path) in done["stdout"]
    assert "a-secret-word" not in str(done)


def test_a_dry_run_of_a_command_on_a_copy(pg: PostgreSQL, database: str) -> None:
    copy = pg.create_db()
    psql = f"{pg.bin}/psql -h 127.0.0.1 -p {pg.port} -U {pg.user} -c 'create table orders (id int); select pg_sleep(0.3)' $NAME"
    options = {"tool": "command", "database": place(pg, database), "command": ["sh", "-c", psql]}
    there = {"NAME": copy, "PGPASSWORD": pg.password}
    found = run(**options, environment={"NAME": database}, dry_run={"database": place(pg, copy), "environment": there})
    assert (found["changed"], found["dry_run"]["kept"], found["dry_run"]["database"]) == (False, True, copy)
    assert pg.password not in str(found)
    tables = "select count(*) from pg_tables where tablename = 'orders'"
    assert [pg.psql(name, tables) for name in (database, copy)] == ["0", "1"]
    assert run(**options, check=True)["changed"]
    assert "lead it to the copy. Nothing was run." in run(**options, environment={"NAME": database}, dry_run={"database": place(pg, copy)})["msg"]
    assert pg.psql(database, tables) == "0"
