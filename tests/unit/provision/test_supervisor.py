# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv

PROGRAM = {
    "name": "web",
    "command": ["/bin/echo", "it's"],
    "directory": None,
    "environment": {"TOKEN": "a\"b%c #d'e\nf"},
    "stop_signal": "TERM",
    "stop_wait": 1,
    "stop_group": False,
    "autorestart": True,
}


def test_the_launch_script_keeps_every_value_as_it_is(tmp_path):
    script = sv.launch_script({**PROGRAM, "command": [sys.executable, "-c", "import os; print(os.environ['TOKEN'], end='')"]}, "/x")
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == PROGRAM["environment"]["TOKEN"]


def test_a_diff_shows_names_of_the_environment_and_no_values():
    assert "environment: TOKEN" in sv.visible(PROGRAM)
    assert PROGRAM["environment"]["TOKEN"] not in sv.visible(PROGRAM)


def test_faults_of_a_program_come_together():
    faults = sv.check_program({**PROGRAM, "name": "a b", "command": ["echo"], "environment": {"A-B": "1"}})
    assert len(faults) == 3
    assert "'echo' is not an absolute path" in faults[1]


def test_a_long_folder_gets_a_short_one_for_its_sockets():
    assert sv.runtime_dir("/srv/x", 7) == "/srv/x"
    assert sv.runtime_dir("/srv/" + "x" * 90, 7).startswith("/tmp/evenkeel-7/")


def test_a_runtime_folder_that_somebody_else_can_write_is_refused(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(sv.SupervisorError, match="nobody else can write"):
        sv.make_runtime_dir(str(folder), os.geteuid(), os.getegid())


def test_only_marked_processes_are_ended(tmp_path):
    def sleeper(**marks):
        return subprocess.Popen(["/bin/sleep", "60"], env={"PATH": "/bin", **marks})

    mine = sleeper(EVENKEEL_SUPERVISOR=str(tmp_path), EVENKEEL_PROGRAM="web")
    other = sleeper(EVENKEEL_SUPERVISOR=str(tmp_path) + "2", EVENKEEL_PROGRAM="web")
    try:
        deadline = time.monotonic() + 5
        while not sv.orphans(str(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sv.orphans(str(tmp_path), "db") == []
        assert sv.end_orphans(str(tmp_path), "web", sleep=lambda _seconds: mine.poll()) == [mine.pid]
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()
