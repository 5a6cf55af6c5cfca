# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways back for data, on a real server that archives its log and on one that does not."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.module import run
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL
from ansible_collections.evenkeel.release.tests.integration.support.process import run_as


def place(server, database="postgres"):
    return {"host": "127.0.0.1", "port": server.port, "dbname": database, "user": server.user, "password": server.password}


def ago(**span):
    return (datetime.now(timezone.utc) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def archiving():
    server = PostgreSQL(settings={"archive_mode": "on", "wal_level": "replica", "archive_command": "mkdir -p ../archive && cp %p ../archive/%f"})
    yield server
    server.stop()


def test_a_restore_point_is_usable_when_its_log_is_archived(archiving):
    told = run("preserve_database", method="restore_point", id="d1", database=place(archiving))
    assert told["usable"], told
    assert told["archived"]
    assert told["needs"].startswith("a base backup")
    # PostgreSQL's own reader finds the point in what was archived.
    folder = archiving.folder / "archive"
    found = ""
    for segment in sorted(folder.iterdir()):
        done = subprocess.run([archiving.bin / "pg_waldump", segment], capture_output=True, text=True, check=False, cwd=archiving.folder, **run_as())
        found += done.stdout
    assert "RESTORE_POINT evenkeel_d1" in found
    assert told["lsn"]


def test_check_mode_makes_no_point(archiving):
    before = archiving.psql("postgres", "select pg_current_wal_insert_lsn()")
    told = run("preserve_database", check=True, method="restore_point", id="d2", database=place(archiving))
    assert told["usable"]
    assert told["lsn"] == ""
    assert archiving.psql("postgres", "select pg_current_wal_insert_lsn()") == before


def test_without_an_archive_it_is_no_way_back_by_itself(pg):
    told = run("preserve_database", method="restore_point", id="d1", database=place(pg))
    assert told["failed"]
    assert "archive_mode is off" in told["msg"]
    assert "no way back by itself" in told["msg"]
    kept = run("preserve_database", method="restore_point", id="d1", database=place(pg), require=False)
    assert not kept.get("failed")
    assert kept["usable"] is False


def test_a_role_without_the_right_is_told(archiving):
    archiving.psql("postgres", "create role plain login password 'plain-password'")
    told = run("preserve_database", method="restore_point", id="d1", database={**place(archiving), "user": "plain", "password": "plain-password"})
    assert told["failed"]
    assert "pg_create_restore_point" in told["msg"]


def test_a_backup_that_is_made_now_is_checked(pg, tmp_path):
    database = pg.create_db()
    pg.psql(database, "create table orders (id int); insert into orders values (1)")
    words = {"PGHOST": "127.0.0.1", "PGPORT": str(pg.port), "PGUSER": pg.user, "PGPASSWORD": pg.password}
    script = tmp_path / "dump"
    # pg_dump is not among the binaries of the registry: the copy of a table stands for it.
    script.write_text(f'#!/bin/sh\nexec {pg.bin}/psql -XAtq -d {database} -c "copy orders to stdout" > "$1"\n')
    script.chmod(0o755)
    options = {"method": "backup_now", "id": "d1", "command": [str(script), "{file}"], "file": str(tmp_path / "shop-{id}.copy"), "environment": words}
    planned = run("preserve_database", check=True, **options)
    assert planned["usable"]
    assert not (tmp_path / "shop-d1.copy").exists()
    told = run("preserve_database", **options)
    assert told["usable"], told
    assert (tmp_path / "shop-d1.copy").read_text() == "1\n"
    assert (tmp_path / "shop-d1.copy").stat().st_mode & 0o077 == 0
    assert told["size"] == 2
    again = run("preserve_database", **options)
    assert "there already" in again["msg"]


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 3", "ended with 3"), ("true", "is not there"), (': > "$1"', "is empty"), ("echo no space >&2; exit 1", "no space")],
)
def test_a_backup_that_is_none_fails(tmp_path, script, said):
    (tmp_path / "dump").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "dump").chmod(0o755)
    told = run("preserve_database", method="backup_now", id="d1", command=[str(tmp_path / "dump"), "{file}"], file=str(tmp_path / "a-{id}"))
    assert told["failed"]
    assert not (tmp_path / "a-d1").exists()  # the next try needs the place
    assert not told["usable"]
    assert said in told["msg"]


def test_secrets_are_hidden_in_what_was_quoted_and_nowhere_else(tmp_path):
    (tmp_path / "dump").write_text('#!/bin/sh\necho rows > "$1"\necho "no $PGPASSWORD" >&2\nexit $PGEXIT\n')
    (tmp_path / "dump").chmod(0o755)
    words = {"PGPASSWORD": "hunter2-and-more", "PGUSER": "shop", "PGSSL": "true", "PGEXIT": "0", "PGPORT": "1"}
    options = {"method": "backup_now", "command": [str(tmp_path / "dump"), "{file}"], "file": str(tmp_path / "shop-{id}")}
    told = run("preserve_database", **options, id="d1", environment=words)
    assert (told["usable"], told["file"]) == (True, str(tmp_path / "shop-d1"))
    assert told["how"] == f"restore {tmp_path}/shop-d1 with the tool that made it"
    assert len(told["sha256"]) == 64
    assert "hunter2" not in str(told)
    told = run("preserve_database", **options, id="d2", environment={**words, "PGEXIT": "3"})
    assert told["usable"] is False
    assert "ended with 3: no ****" in told["msg"]
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    ("backup", "prove", "why"),
    [
        ({"taken_at": ago(hours=3), "proven_at": ago(hours=2)}, None, ""),
        ({"taken_at": ago(hours=3)}, ["true"], ""),
        ({"taken_at": ago(hours=3)}, None, "nothing proves it"),
        ({"taken_at": ago(hours=3), "proven_at": ago(hours=2)}, ["false"], "proves it failed"),
        ({"taken_at": ago(hours=3), "proven_at": ago(hours=4)}, None, "before it was taken"),
        ({"taken_at": ago(hours=30), "proven_at": ago(hours=2)}, None, "take a newer one"),
        ({"taken_at": ago(hours=30), "proven_at": ago(hours=2), "max_age": "2d"}, None, ""),
        ({"taken_at": ago(hours=-3)}, ["true"], "lies in the future"),
        ({"taken_at": "yesterday"}, ["true"], "allowed: RFC 3339"),
        ({"taken_at": ago(hours=3), "max_age": "soon"}, ["true"], "backup.max_age is 'soon'"),
    ],
)
def test_a_backup_id_counts_when_it_is_young_and_proved(backup, prove, why):
    told = run("preserve_database", method="backup_id", id="d1", backup={"id": "shop-1", **backup}, **({"prove": prove} if prove else {}))
    assert told["usable"] is (not why)
    assert why in told["why"]
    assert bool(told.get("failed")) is bool(why)


def test_values_are_compared_by_numbers_and_digests(pg):
    database = pg.create_db()
    pg.psql(database, "create table people (id int, name text); insert into people values (1, 'Ada Lovelace'), (2, null)")
    queries = {"rows": "select count(*) from people", "name": "select name from people where id = 1", "none": "select name from people where id = 2"}
    told = run("database_values", database=place(pg, database), queries=queries)["values"]
    assert told["rows"] == 2
    assert told["name"].startswith("sha256:")
    assert told["none"] is None
    assert "Ada" not in str(told)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("insert into people values (3, 'x') returning id", "read-only"),
        ("set transaction read write; insert into people values (3, 'x')", "Query q"),
        ("select 1, 2", "2 columns"),
        ("select 1 where false", "it gave 0 rows"),
        ("select generate_series(1, 3)", "it gave 2 rows"),
        ("select nothing", "does not exist"),
    ],
)
def test_a_query_that_writes_or_gives_no_single_value_is_refused(pg, query, said):
    database = pg.create_db()
    pg.psql(database, "create table people (id int, name text)")
    told = run("database_values", database=place(pg, database), queries={"q": query})
    assert told["failed"]
    assert said in told["msg"]
    assert pg.psql(database, "select count(*) from people") == "0"
