# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that Alembic itself writes, against the files that it reads; and the same for a MariaDB server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alembic import command
from alembic.config import Config
from ansible_collections.evenkeel.release.plugins.modules.schema_versions import answer

ENV = """
from alembic import context
from sqlalchemy import create_engine
with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = "revision = {0!r}\ndown_revision = {1!r}\nfrom alembic import op\ndef upgrade(): op.execute('select 1')\ndef downgrade(): pass\n"


def asked(database: dict[str, Any], **more: Any) -> Any:
    return answer({"engine": "postgresql", "database": database, "files": None, "pattern": None, "versions": None, "tool": "", "ahead": False, **more})


def test_alembic(pg: Any, tmp_path: Path) -> None:
    name = pg.create_db()
    at = urlsplit(pg.url(name))
    database = {"host": at.hostname, "port": at.port, "dbname": name, "user": at.username, "password": at.password, "sslmode": "prefer"}
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    for revision, below in (("a1", None), ("b2", "a1"), ("c3", "a1"), ("d4", ("b2", "c3"))):
        (tmp_path / f"versions/{revision}_x.py").write_text(REVISION.format(revision, below))
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("sqlalchemy.url", pg.url(name).replace("postgresql://", "postgresql+psycopg://"))
    files = str(tmp_path / "versions")

    command.upgrade(config, "b2")
    behind = asked(database, files=files)
    assert (behind.verdict, "stands at b2, and the release at d4" in behind.reason) == ("failed", True), behind
    command.upgrade(config, "head")
    assert asked(database, files=files).verdict == "passed"
    assert asked(database, versions=["d4"]).verdict == "passed"
    command.downgrade(config, "a1")
    assert asked(database, files=files).verdict == "failed"


def test_mariadb(mariadb: Any, tmp_path: Path) -> None:
    name = mariadb.create_db()
    mariadb.sql(name, "create table schema_migrations (version bigint primary key, dirty bool); insert into schema_migrations values (2, 0)")
    for script in ("000001_a.up.sql", "000001_a.down.sql", "000002_b.up.sql"):
        (tmp_path / script).touch()
    database = {**mariadb.place(name), "sslmode": "prefer"}
    assert asked(database, engine="mysql", files=str(tmp_path)).verdict == "passed"
    mariadb.sql(name, "update schema_migrations set version = 1")
    assert asked(database, engine="mysql", files=str(tmp_path)).verdict == "failed"
    mariadb.sql(name, "update schema_migrations set version = 2, dirty = 1")
    assert "half migrated" in asked(database, engine="mysql", files=str(tmp_path)).reason
