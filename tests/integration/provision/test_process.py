# SPDX-License-Identifier: GPL-3.0-or-later
"""supervised_process alone: create, change, stop, remove, each in check mode, once and once more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .scene import Scene, http, listens, processes, server_pid, wait_for

TOKEN = "token-Vw9-do-not-show"


@pytest.fixture
def web(scene: Scene, free_port):
    port = free_port()

    def task(**options):
        return {
            "name": "Process",
            "evenkeel.release.supervised_process": {
                "supervisor_dir": str(scene.state / "sv"),
                "name": "web",
                "command": [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
                "directory": str(scene.state),
                "environment": {"TOKEN": TOKEN},
                **options,
            },
        }

    def run(*, check=False, **options):
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task(**options)]}]
        done = scene.runner(play, check=check, args=("--diff",))
        assert done.rc == 0, done.stdout
        assert TOKEN not in done.stdout
        return done.result("Process")

    run.port, run.task = port, task
    yield run
    run(state="absent")


def test_life(web, scene: Scene):
    assert web(check=True)["changed"]
    assert not (scene.state / "sv").exists()
    first = web()
    assert first["state"] == "RUNNING"
    wait_for(lambda: listens(web.port))
    assert server_pid(web.port) == {first["pid"]}
    assert not web()["changed"]
    assert web(environment={"TOKEN": TOKEN, "MORE": "1"}, check=True)["changed"]
    assert web()["pid"] == first["pid"]
    changed = web(environment={"TOKEN": TOKEN, "MORE": "1"})
    assert changed["pid"] != first["pid"]
    assert web(state="stopped")["state"] == "STOPPED"
    assert not listens(web.port)
    assert not web(state="stopped")["changed"]
    assert web(state="absent")["changed"]
    assert not web(state="absent")["changed"]


def test_it_outlives_a_killed_ansible_playbook(web, scene: Scene):
    wait = {"name": "Wait", "ansible.builtin.pause": {"seconds": 60}}
    book = scene.home / "killed.yml"
    work = scene.home / "killed"
    work.mkdir()
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [web.task(), wait]}]))
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(book)]
    with subprocess.Popen(argv, env=scene.runner.environment(work), stdout=subprocess.DEVNULL, start_new_session=True) as play:
        wait_for(lambda: listens(web.port))
        # the whole group, as a runner that gives up does
        os.killpg(play.pid, signal.SIGKILL)
    assert http(f"http://127.0.0.1:{web.port}/")[0] == 200
    (pid,) = server_pid(web.port)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server_pid(web.port) - {pid})


def test_a_program_that_outlived_its_supervisord_is_stopped(web, scene: Scene):
    web()
    wait_for(lambda: listens(web.port))
    os.kill(int((scene.state / "sv/supervisord.pid").read_text()), signal.SIGKILL)
    assert web(state="stopped", check=True)["changed"]
    assert web(state="stopped")["changed"]
    assert not listens(web.port)


def test_nothing_is_left(web, scene: Scene):
    web(state="absent")
    assert [pid for pid in processes(scene.state / "sv") if "supervisord" not in Path(f"/proc/{pid}/cmdline").read_text()] == []
