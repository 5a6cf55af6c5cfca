# SPDX-License-Identifier: GPL-3.0-or-later
"""A real supervised service that fails with secrets all over: what is kept of it, and that no secret is."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

GIVEN = "given-Xk7/+qq=9"  # in the variables
WRITTEN = "written-Lm3qq"  # in the configuration
STARTED = "started-Pz5qq"  # in the environment
SECRETS = (GIVEN, WRITTEN, STARTED, "hunter2qq")
SERVICE = """
import os, sys, time, base64
print("listening, token=hunter2qq", flush=True)
print("connecting with", open(sys.argv[1]).read().split("password = ")[1].split()[0], flush=True)
print("env", os.environ["SHOP_TOKEN"], "and", base64.b64encode(sys.argv[2].encode()).decode(), flush=True)
print("ERROR relation carts does not exist", flush=True)
time.sleep(600)
"""


@pytest.fixture
def scene(playbook, tmp_path):
    root, supervisor = tmp_path / "shop", tmp_path / "sv"
    (root / "config" / "green").mkdir(parents=True)
    (root / "releases" / "1.1.0").mkdir(parents=True)
    (root / "current").symlink_to("releases/1.1.0")
    (root / "config" / "green" / "shop.ini").write_text(f"[db]\nport = 5432\npassword = {WRITTEN}\n")
    (root / "shop.py").write_text(SERVICE)
    (root / "access.log").write_text("".join(f"line {number}\n" for number in range(5000)) + f"GET /?key={GIVEN} 500\nlast\n")

    def process(state):
        command = [sys.executable, str(root / "shop.py"), str(root / "config" / "green" / "shop.ini"), GIVEN]
        options = {"supervisor_dir": str(supervisor), "name": "shop-green", "command": command, "environment": {"SHOP_TOKEN": STARTED}, "state": state}
        return {"name": "Process", "evenkeel.release.supervised_process": options, "no_log": True}

    def forensics(**more):
        options = {
            "service": "shop",
            "root": str(root),
            "config": [str(root / "config" / "*" / "*")],
            "logs": [str(root / "*.log"), "/none.log"],
            "programs": ["shop-green"],
            "supervisor_dir": str(supervisor),
            "given": {"probes": [{"name": "ready", "verdict": "failed", "message": f"refused {GIVEN}", "password": "hunter2qq"}]},
            "secrets": {"db": {"password": GIVEN}, "short": "ab"},
            "deployment": "0190-the-deployment",
            "lines": 100,
            "reason": "it failed",
            **more,
        }
        return {"name": "Forensics", "evenkeel.release.forensics": options}

    def run(*tasks, **more):
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
        return playbook(play, extra_vars={"evenkeel_target": "production", "evenkeel_version": "1.1.0"}, **more)

    run.process, run.forensics, run.root = process, forensics, root
    yield run
    run(process("absent"))
    if (supervisor / "supervisord.pid").exists():
        os.kill(int((supervisor / "supervisord.pid").read_text()), signal.SIGTERM)


def unpacked(path):
    """By tar, not by our own reader."""
    data = subprocess.run(["tar", "-xzO", "-f", path], capture_output=True, check=True).stdout
    names = subprocess.run(["tar", "-tzf", path], capture_output=True, text=True, check=True).stdout.split()
    return names, data.decode()


def wait_for_log(scene):
    path = scene.root.parent / "sv" / "log" / "shop-green.log"
    deadline = time.monotonic() + 60
    while "ERROR" not in (path.read_text() if path.exists() else "") and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_bundle_of_a_supervised_service(scene):
    assert scene(scene.process("started")).rc == 0
    wait_for_log(scene)
    done = scene(scene.forensics(), args=("-vvv",))
    assert done.rc == 0, done.stdout
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
    found = done.result("Forensics")
    assert found["changed"]
    path = found["path"]

    # Named by its digest, for us alone.
    with open(path, "rb") as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == found["sha256"]
    assert path == str(done.state_dir / "evidence" / found["sha256"][:2] / f"{found['sha256']}.tar.gz")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(done.state_dir / "evidence").st_mode) == 0o700

    names, text = unpacked(path)
    for secret in SECRETS:
        assert secret not in text
    assert "relation carts does not exist" in text
    assert "port = 5432" in text
    assert "line 4999" in text
    assert "line 4000\n" not in text
    assert "last\n" in text
    states = {part["name"]: part["state"] for part in found["manifest"]["parts"]}
    assert states["supervisor/shop-green.log"] == states["supervisor/shop-green.json"] == states["given/probes.json"] == "taken"
    assert [state for name, state in states.items() if name.endswith("access.log")] == ["cut"]
    assert states["logs/none.log"] == "missing"
    assert set(names) == {"manifest.json", *(name for name, state in states.items() if state in ("taken", "cut"))}
    with tarfile.open(path) as archive:
        (process,) = json.load(archive.extractfile("host/processes.json"))
        assert json.load(archive.extractfile("supervisor/shop-green.json"))["pid"] == process["pid"]
        assert json.load(archive.extractfile("release/pointers.json"))["links"]["current"]["to"] == "releases/1.1.0"

    with open_store(f"sqlite:///{done.state_dir / 'ledger.sqlite'}") as store:
        (entry,) = store.entries(subject="forensics/localhost/shop")
    assert (entry.environment, entry.release) == ("production", "1.1.0")
    kept = {name: entry.body[name] for name in ("deployment", "hosts", "sha256", "size", "reason")}
    assert kept == {
        "deployment": "0190-the-deployment",
        "hosts": ["localhost"],
        "sha256": found["sha256"],
        "size": os.path.getsize(path),
        "reason": "it failed",
    }
    assert "logs/none.log" in entry.body["lacking"]
    # Nothing of it stays on the host.
    assert not os.path.exists(found.get("remote", "/none"))


def test_a_bundle_of_nothing_and_check_mode(scene):
    nothing = scene.forensics(programs=[], config=[], logs=[], root="/none", given={}, secrets=[], units=["none.service"])
    checked = scene(nothing, check=True)
    assert checked.rc == 0, checked.stdout
    assert "path" not in checked.result("Forensics")
    done = scene(nothing)
    assert done.rc == 0, done.stdout
    states = {part["name"]: part["state"] for part in done.result("Forensics")["manifest"]["parts"]}
    assert states["release/pointers.json"] == "missing"
    assert states["systemd/none.service.json"] in ("missing", "failed")
    assert states["host/resources.json"] == "taken"


def test_dest_stays_on_the_host_and_the_digest_is_not_damaged_by_a_short_secret(scene, tmp_path):
    dest = tmp_path / "kept.tar.gz"
    digits = list("0123456789abcdef")
    done = scene(scene.forensics(dest=str(dest), secrets=digits, record=False))
    assert done.rc == 0, done.stdout
    found = done.result("Forensics")
    assert hashlib.sha256(dest.read_bytes()).hexdigest() == found["sha256"]
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    assert "entry" not in found


def test_wrong_options_are_one_report(scene):
    done = scene(scene.forensics(lines=0, deadline=-1, logs=["a.log"], supervisor_dir=None))
    assert done.rc != 0
    msg = done.result("Forensics")["msg"]
    for part in ("lines: found 0", "deadline: found -1", "supervisor_dir: is missing", "'a.log' is not an absolute path"):
        assert part in msg
