# SPDX-License-Identifier: GPL-3.0-or-later
"""The broker from its birth to its end: who it serves, what it leaves, how long it lives."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets import wire
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import run_of
from ansible_collections.evenkeel.release.tests.integration.secrets.scene import (
    HOSTS,
    Scene,
    eventually,
    play,
    show,
)

NOBODY = 65534
# Not `pause`: it takes a Ctrl-C for an answer, and its worker waits for ever when the controller was killed.
WAIT = {"name": "wait", "ansible.builtin.wait_for": {"timeout": 60}}


def brokers(pid: int) -> list[int]:
    """Brokers of one playbook process, found by their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if any(word.endswith(b"_secrets/broker.py") for word in words) and f'"pid": {pid},'.encode() in words[-2]:
            found.append(int(entry.name))
    return found


@pytest.fixture
def started(playbook: Any, tmp_path: Path) -> Any:
    """Start a playbook that reads its secrets and then waits."""
    processes: list[subprocess.Popen[bytes]] = []
    # Short: ansible-core keeps a unix socket there.
    temporary = Path(tempfile.mkdtemp(prefix="ek"))
    (tmp_path / "temporary").symlink_to(temporary)

    def start(scene: Scene, wanted: dict[str, str]) -> subprocess.Popen[bytes]:
        work = tmp_path / f"started{len(processes)}"
        work.mkdir()
        (work / "ansible.cfg").touch()
        (work / "play.yml").write_text(yaml.safe_dump(play(show(what="{{ secrets | length }}"), WAIT, wanted=wanted)))
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", HOSTS, str(work / "play.yml")],
            env={**playbook.environment(work), **scene.env, "TMPDIR": str(temporary)},
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        processes.append(process)
        last = list(wanted.values())[-1].partition("#")[0]
        if not eventually(lambda: scene.requests()[f"secret/data/{last}"] == 1, seconds=30):
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"the playbook did not read its secrets:\n{process.communicate()[0].decode(errors='replace')}")
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
    # A playbook that was killed leaves its workers, each in a session of its own, until their task ends.
    for pid in working_for(temporary):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(temporary)


def working_for(folder: Path) -> list[int]:
    """Processes whose environment names that temporary folder."""
    found = []
    for entry in filter(lambda entry: entry.name.isdigit(), Path("/proc").iterdir()):
        with contextlib.suppress(OSError):
            if f"TMPDIR={folder}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end(process: subprocess.Popen[bytes], how: int) -> None:
    """Ask as a user does: Ansible can miss one Ctrl-C that comes while it starts a worker, so it is pressed again."""
    for _press in range(4):
        os.kill(process.pid, how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            continue
        return
    pytest.fail("the playbook goes on after four signals")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_no_token_no_process_and_no_file(started: Any, scene: Scene, tmp_path: Path, how: int) -> None:
    wanted = scene.put_many(3)
    process = started(scene, wanted)
    assert scene.live_tokens() == 1
    [broker] = brokers(process.pid)
    end(process, how)
    assert eventually(lambda: scene.live_tokens() == 0, seconds=5)
    assert eventually(lambda: not Path(f"/proc/{broker}").exists(), seconds=5)
    assert scene.requests()["auth/token/revoke-self"] == 1
    assert not [p for p in Path("/dev/shm").iterdir() if "evenkeel" in p.name]
    for path in [*tmp_path.rglob("*"), *(tmp_path / "temporary").resolve().rglob("*")]:
        assert not (path.is_file() and b"value-1" in path.read_bytes()), path


def test_the_broker_is_alone_and_shows_nothing(started: Any, scene: Scene) -> None:
    process = started(scene, scene.put_many(2))
    [broker] = brokers(process.pid)
    home = Path(f"/proc/{broker}")
    for name in ("cmdline", "environ"):
        text = (home / name).read_text(errors="replace")
        assert not any(secret in text for secret in (scene.secret_id, scene.role_id, "value-1"))
    targets = {os.readlink(fd) for fd in (home / "fd").iterdir()}
    assert {t for t in targets if not t.startswith(("socket:", "anon_inode:", "/dev/null"))} == set()
    assert (home / "cwd").readlink() == Path("/")
    fields = (home / "stat").read_text().rpartition(")")[2].split()
    assert int(fields[1]) != process.pid
    assert os.getsid(broker) != os.getsid(process.pid)


def test_two_playbooks_at_once_have_a_broker_each(started: Any, scene: Scene) -> None:
    wanted = scene.put_many(2)
    first = started(scene, wanted)
    scene.start = len(scene.bao.audit_requests())
    second = started(scene, wanted)
    assert scene.live_tokens() == 2
    first.kill()
    assert eventually(lambda: scene.live_tokens() == 1, seconds=5)
    assert brokers(second.pid)
    second.kill()
    assert eventually(lambda: scene.live_tokens() == 0, seconds=5)


def _as_nobody(act: Callable[[], bool]) -> bool:
    """Run in a child that gave up root; what it returned."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os._exit(0 if act() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_another_user_is_not_served(started: Any, scene: Scene) -> None:
    process = started(scene, scene.put_many(1))
    name = run_of(process.pid).socket_name()

    def refused() -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(10)
            sock.connect(name)
            try:
                wire.send(sock, {"access": {}, "wants": []})
                wire.receive(sock)
            except ConnectionError:
                return True
        return False

    assert _as_nobody(refused)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(name)
        wire.send(sock, {"access": {}, "wants": []})
        assert "faults" in wire.receive(sock)


def test_a_token_that_ends_is_renewed_and_then_replaced(playbook: Any, make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(token_ttl="3s", token_max_ttl="5s")
    scene.put_many(2)
    wait = {"name": "wait", "ansible.builtin.pause": {"seconds": 9}}
    late = f"{{{{ lookup('evenkeel.release.vault_secret', '{scene.folder}/s1#value') }}}}"
    run = playbook(play(show(), wait, show("late", late), wanted={"a": f"{scene.folder}/s0#value"}), inventory="h1,", env=scene.env)
    assert run.rc == 0, run.stdout
    assert run.result("late")["msg"] == "value-1"
    seen = scene.requests()
    assert seen["auth/token/renew-self"] >= 1
    assert seen["auth/approle/login"] >= 2
    assert eventually(lambda: scene.live_tokens() == 0)


@pytest.mark.skipif(importlib.util.find_spec("ansible_runner") is None, reason="needs ansible-runner")
def test_ansible_runner_ends_with_the_play(playbook: Any, scene: Scene, tmp_path: Path) -> None:
    project = tmp_path / "runner" / "project"
    project.mkdir(parents=True)
    (tmp_path / "runner" / "inventory").mkdir()
    (tmp_path / "runner" / "inventory" / "hosts").write_text("\n".join(HOSTS.split(",")))
    (project / "play.yml").write_text(yaml.safe_dump(play(show(), wanted=scene.put_many(2))))
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ansible_runner", "run", str(tmp_path / "runner"), "-p", "play.yml"],
        env={**playbook.environment(tmp_path), **scene.env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "value-1" in done.stdout
    assert time.monotonic() - begin < 30
    assert eventually(lambda: scene.requests()["auth/token/revoke-self"] == 1)
    assert scene.live_tokens() == 0
