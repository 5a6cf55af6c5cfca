# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.support import module

Place = dict[str, Any]


def place(server: Any, database: str) -> Place:
    return {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password, "dbname": database}


def _options(options: dict[str, Any]) -> dict[str, Any]:
    return {"release": "1.1.0", "subject": "shop", "backoff": 0.1, **options}


def run(**options: Any) -> dict[str, Any]:
    return module.run("schema_migrate", **_options(options))


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Started migrations that a test wants to look at, or kill; none outlives it."""
    processes: list[subprocess.Popen[str]] = []

    def begin(**options: Any) -> subprocess.Popen[str]:
        processes.append(module.start("schema_migrate", **_options(options)))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Files by name; what is there stays."""

    def write(**files: str) -> str:
        path = tmp_path / "migrations"
        path.mkdir(exist_ok=True)
        for name, text in files.items():
            (path / f"{name}.sql").write_text(text)
        return str(path)

    return write
