# SPDX-License-Identifier: GPL-3.0-or-later
"""A subset of a hot standby: a server on which nothing can be written, not even a temporary table."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import subset_crew
from ansible_collections.evenkeel.release.tests.integration.data.test_subset import COMPANY, tables
from ansible_collections.evenkeel.release.tests.integration.data.test_subset_random import place
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, run_as, server_folder


@pytest.fixture
def standby(pg: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    name = pg.create_db()
    pg.psql(name, COMPANY)
    folder, port = server_folder("standby"), free_port()
    argv = [pg.bin / "pg_basebackup", "-D", folder / "data", "-R", "-X", "stream", "-c", "fast", "-h", "127.0.0.1", "-p", str(pg.port), "-U", pg.user]
    subprocess.run(argv, check=True, capture_output=True, cwd=folder, env={**pg.env(), "HOME": str(folder)}, **run_as())
    argv = [str(pg.bin / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    argv += ["-c", f"unix_socket_directories={folder}", "-c", "max_connections=100", "-c", "shared_buffers=16MB"]
    server = Server(argv, folder=folder, env={"LC_ALL": "C.UTF-8"}, drop_root=True)

    def answers() -> bool:
        return subprocess.run([pg.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], capture_output=True).returncode == 0

    server.wait_until(answers)
    yield pg, place(SimpleNamespace(port=port, user=pg.user, password=pg.password), name)
    server.stop()
    pg.psql("postgres", f"drop database {name} with (force)")


def test_a_hot_standby_gives_the_rows_of_its_primary(standby: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pg, source = standby
    monkeypatch.setattr(subset_crew, "LARGE", 1)  # several readers of one snapshot
    document = {
        "start": [{"table": "public.dept", "percent": 30}, {"table": "public.log", "newest": {"column": "at", "count": 3}}],
        "limits": {"public.log.emp": 2, "public.gift.emp,since": {"total": 5}},
    }
    columns = {"dept": ["id"], "emp": ["id"], "log": ["id"], "gift": ["id"]}
    found, _selection = tables(source, document, **columns)
    assert found == tables({**source, "port": pg.port}, document, **columns)[0]
    assert all(found.values())
