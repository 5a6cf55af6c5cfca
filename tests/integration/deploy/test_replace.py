# SPDX-License-Identifier: GPL-3.0-or-later
"""Module service_replace on a real supervised program: one host from one release to the next, and what happens when that one is ill."""

from __future__ import annotations

import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._runtime import process
from ansible_collections.evenkeel.release.tests.integration.support.module import run

# Says which release it is; the release "ill" is never ready.
PROGRAM = """
import http.server, sys
release, port = sys.argv[1], int(sys.argv[2])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if release == "ill" and self.path == "/ready" else 200)
        self.end_headers()
        self.wfile.write(release.encode())
    def log_message(self, *args): pass
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


class Host:
    """A folder with releases, one port, two colours."""

    def __init__(self, port: int) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ek-", dir="/var/tmp"))
        self.port = port
        for release in ("1.0.0", "1.1.0", "ill"):
            (self.root / "releases" / release).mkdir(parents=True)
            (self.root / "releases" / f"{release}.json").write_text("{}")
        (self.root / "config").mkdir()
        (self.root / "program.py").write_text(PROGRAM)

    def runs(self, colour: str, release: str) -> dict:
        command = [sys.executable, str(self.root / "program.py"), release, str(self.port)]
        return {"kind": "process", "name": colour, "supervisor_dir": str(self.root / "sv"), "command": command, "stop_wait": 5}

    def replace(self, release: str, *, to: str, check: bool = False, **options):
        other = {"blue": "green", "green": "blue"}[to]
        given = {
            "root": str(self.root),
            "release": release,
            "colour": to,
            "start": self.runs(to, release),
            "stop": self.runs(other, "1.0.0"),
            "probes": [{"name": "ready", "type": "http", "url": f"http://127.0.0.1:{self.port}/ready"}],
            "healthy_deadline": 20,
            **options,
        }
        return run("service_replace", check=check, **{key: value for key, value in given.items() if value is not None})

    def says(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return answer.read().decode()

    def links(self) -> tuple[str, str]:
        return tuple(place.readlink().name if place.is_symlink() else "" for place in (self.root / "current", self.root / "config/live"))

    def close(self) -> None:
        supervisor = sv.Supervisor(str(self.root / "sv"), binary=process.supervisord_path(None))
        if supervisor.alive():
            supervisor.shutdown()
        shutil.rmtree(self.root)


@pytest.fixture
def host(free_port):
    made = Host(free_port())
    yield made
    made.close()


def steps(result):
    return [(step["step"], step["changed"]) for step in result["steps"]]


def test_a_host_goes_from_release_to_release(host: Host) -> None:
    looked = host.replace("1.0.0", to="blue", check=True)
    assert (looked["changed"], host.links(), (host.root / "sv").exists()) == (True, ("", ""), False)
    first = host.replace("1.0.0", to="blue")
    assert (first["changed"], first["before"]) == (True, "")
    assert (host.says(), host.links()) == ("1.0.0", ("1.0.0", "blue"))
    again = host.replace("1.0.0", to="blue")
    assert not again["changed"]
    assert again["probes"][0]["verdict"] == "passed"
    after = host.replace("1.1.0", to="green")
    assert after["before"] == "1.0.0"
    assert steps(after) == [("stop", True), ("start", True), ("health", False), ("configuration", True), ("release", True)]
    assert (host.says(), host.links()) == ("1.1.0", ("1.1.0", "green"))


def test_an_ill_release_is_told_left_to_be_looked_at_and_taken_back(host: Host) -> None:
    host.replace("1.0.0", to="blue")
    ill = host.replace("ill", to="green", healthy_deadline=2)
    assert ill["failed"]
    assert "not healthy within 2 s" in ill["msg"]
    assert "ready" in ill["msg"]
    assert ill["probes"][0]["verdict"] == "failed"
    assert (host.says(), host.links()) == ("ill", ("1.0.0", "blue"))
    host.replace("1.0.0", to="blue")
    assert (host.says(), host.links()) == ("1.0.0", ("1.0.0", "blue"))


def test_beside_the_one_that_serves(host: Host, free_port) -> None:
    host.replace("1.0.0", to="blue")
    first, host.port = host.port, free_port()
    beside = host.replace("1.1.0", to="green", stop=None, activate=False)
    assert steps(beside) == [("start", True), ("health", False)]
    assert (host.says(), host.links()) == ("1.1.0", ("1.0.0", "blue"))
    host.port = first
    assert host.says() == "1.0.0"


def test_no_release_is_stopped_and_nothing_is_current(host: Host) -> None:
    host.replace("1.0.0", to="blue")
    gone = host.replace("", to="green", start=None, probes=[])
    assert gone["changed"]
    assert host.links()[0] == ""
    with pytest.raises(OSError, match="refused"):
        host.says()


def test_what_is_wrong_is_said_at_once(host: Host) -> None:
    wrong = host.replace("1.0.0", to="blue", interval=0, start={**host.runs("blue", "1.0.0"), "command": ["python3"]}, probes=[{"name": "x", "type": "htpp"}])
    assert wrong["failed"]
    for part in ("interval", "not an absolute path", "htpp"):
        assert part in wrong["msg"]
    assert not (host.root / "sv").exists()


def test_for_a_release_that_is_not_there_nothing_is_stopped(host: Host) -> None:
    host.replace("1.0.0", to="blue")
    shutil.rmtree(host.root / "releases/1.1.0")
    lost = host.replace("1.1.0", to="green")
    assert lost["failed"]
    assert "1.1.0 is not installed" in lost["msg"]
    assert (host.says(), host.links()) == ("1.0.0", ("1.0.0", "blue"))
