# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.process import free_port

DEMO = Path(__file__).resolve().parents[3] / "demo"
CONFIG = """[server]
threads = 4
[database]
host = 127.0.0.1
port = {port}
dbname = {database}
user = {user}
password = {password}
"""


class Running:
    def __init__(self, release: Path, config: Path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [sys.executable, "-B", "-m", "shop", "serve", "--config", str(config)]
        argv += ["--listen", f"127.0.0.1:{self.port}"]
        self.log = config.parent / f"serve-{self.port}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(argv, cwd=release, stderr=output, env={**os.environ, "SHOP_COLOUR": "blue"})
        end = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health/live", timeout=1).read()
                return
            except OSError:
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.05)

    def ask(self, path: str, body: bytes | None = None):
        """(status, headers, body); an error status is an answer like any other."""
        try:
            answer = urllib.request.urlopen(urllib.request.Request(self.url + path, data=body), timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read().decode()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture(scope="session")
def releases(tmp_path_factory) -> dict[str, Path]:
    """The unpacked releases by version, made by the packaging script as a user runs it."""
    out = tmp_path_factory.mktemp("packages")
    subprocess.run([sys.executable, DEMO / "package.py", out], check=True, capture_output=True)
    found = {}
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        found[version] = out / version
        with tarfile.open(out / f"shop-{version}.tar.gz") as archive:
            archive.extractall(found[version], filter="data")
    return found


@pytest.fixture
def database(pg) -> str:
    return pg.create_db()


@pytest.fixture
def config(pg, database, tmp_path) -> Path:
    path = tmp_path / "shop.ini"
    path.write_text(CONFIG.format(port=pg.port, database=database, user=pg.user, password=pg.password))
    path.chmod(0o600)
    return path


@pytest.fixture
def migrate(releases, config):
    def run(version: str, *more: str) -> str:
        argv = [sys.executable, "-B", "-m", "shop", "migrate", "--config", str(config), *more]
        return subprocess.run(argv, cwd=releases[version], check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def seeded(pg, database, migrate):
    migrate("1.0.0")
    argv = [sys.executable, DEMO / "seed.py", "--dbname", database, "--customers", "500", "--orders", "1500"]

    def run() -> str:
        return subprocess.run(argv, env=pg.env(), check=True, capture_output=True, text=True).stdout

    run()
    return run


@pytest.fixture
def serve(releases, config):
    running = []

    def start(version: str) -> Running:
        running.append(Running(releases[version], config))
        return running[-1]

    yield start
    for server in running:
        server.stop()
