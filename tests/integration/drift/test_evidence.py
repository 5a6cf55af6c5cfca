# SPDX-License-Identifier: GPL-3.0-or-later
"""drift_evidence and drift_attribute on this host, judged by stat, dpkg and utmpdump."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.sessions import sessions


def test_a_changed_file_is_dated_and_has_an_owner(playbook: Any, tmp_path: Path) -> None:
    file = tmp_path / "sh op.ini"
    file.write_text("x")
    began = file.stat().st_ctime - 1
    keys = [f"file:{file}", "config:sh op.ini:port", "file:/usr/bin/env", "file:/nowhere/at/all"]
    findings = [{"path": key, "kind": "changed", "severity": "high", "before": {}, "after": {}} for key in keys]
    tasks = [
        {"name": "Look", "evenkeel.release.drift_evidence": {"items": keys, "since": began, "config": [str(file)]}, "register": "evidence"},
        {
            "name": "Judge",
            "ansible.builtin.set_fact": {
                "judged": "{{ findings | evenkeel.release.drift_attribute(evidence, host='web1', environment='staging', since=" + str(began) + ") }}"
            },
        },
    ]
    connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "findings": findings}
    play = [{"hosts": "localhost", "gather_facts": False, "vars": connection, "tasks": tasks}]
    run = playbook(yaml.safe_dump(play), check=True)
    assert run.rc == 0, run.stdout

    seen = run.result("Look")
    place = seen["about"][f"file:{file}"]["places"][str(file)]
    assert place["changed"] == pytest.approx(os.stat(file).st_ctime)
    assert place["owner"] == getpass.getuser()
    assert set(seen["sources"]) == {"package_log", "logins", "sessions", "audit", "file"}
    assert all(state["state"] == "read" or state["reason"] for state in seen["sources"].values())
    if shutil.which("dpkg"):
        owner = subprocess.run(["dpkg", "-S", "/usr/bin/env"], capture_output=True, text=True, check=True).stdout.partition(":")[0]
        assert seen["about"]["file:/usr/bin/env"]["package"].partition(":")[0] == f"deb/{owner}"
    rows = [each["attribution"] for each in run.result("Judge")["ansible_facts"]["judged"]]
    for row in rows[:2]:
        assert {"who": getpass.getuser(), "how": "file", "confidence": "possible"}.items() <= row[-1].items()
    assert rows[3][0]["how"] == "none"


@pytest.mark.skipif(not shutil.which("utmpdump"), reason="utmpdump writes the file")
def test_sessions_as_utmpdump_writes_them() -> None:
    line = "[{}] [00042] [ts/0] [{}] [pts/0       ] [10.0.0.1            ] [10.0.0.1       ] [2026-11-20T10:{}:00,000000+00:00]\n"
    text = line.format(7, "alice   ", "00") + line.format(8, "        ", "30")
    data = subprocess.run(["utmpdump", "-r"], input=text.encode(), capture_output=True, check=True).stdout
    (event,) = sessions(data, time.time())
    assert (event["who"], event["until"] - event["time"]) == ("alice", 1800)
    assert time.strftime("%Y-%m-%dT%H:%M", time.gmtime(event["time"])) == "2026-11-20T10:00"
