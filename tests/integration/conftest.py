# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers and real runs for every integration test. Each xdist worker starts servers of its own, when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support import haproxy, process
from ansible_collections.evenkeel.release.tests.integration.support.mariadb import MariaDB
from ansible_collections.evenkeel.release.tests.integration.support.openbao import OpenBao
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def pg() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    server = MariaDB()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def bao() -> Iterator[OpenBao]:
    server = OpenBao()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def haproxy_bin() -> Path:
    return haproxy.binary()


@pytest.fixture
def playbook(tmp_path: Path) -> PlaybookRunner:
    return PlaybookRunner(tmp_path / "ansible")


@pytest.fixture
def free_port() -> Callable[[], int]:
    return process.free_port
