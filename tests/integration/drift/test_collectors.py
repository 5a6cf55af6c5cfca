# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module reads, against the system's own tools."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest


def look(playbook: Any, **options: Any) -> dict[str, Any]:
    task = {"name": "Look", "evenkeel.release.drift_snapshot": {"inline_limit": 1 << 24, **options}}
    run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    assert run.rc == 0, run.stdout
    assert run.changed == 0
    return dict(run.result("Look")["snapshot"])


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg-query is not installed")
def test_packages(playbook: Any) -> None:
    argv = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}:${Architecture} ${Version}\n"]
    rows = [line.split() for line in subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()]
    installed = {f"package:{name}": {"version": version} for state, name, version in rows if state == "ii"}
    assert look(playbook, collectors=["packages"])["items"] == installed


def test_sysctl(playbook: Any) -> None:
    wanted = "net.ipv4.ip_local_port_range"
    text = " ".join(Path("/proc/sys", *wanted.split(".")).read_text().split())
    assert look(playbook, collectors=["sysctl"], sysctl_keys=[wanted])["items"] == {f"sysctl:{wanted}": {"value": text}}


def test_ports(playbook: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        items = look(playbook, collectors=["ports"])["items"]
    assert f"port:tcp:127.0.0.1:{port}" in items
    assert f"port:tcp:127.0.0.1:{port}" not in look(playbook, collectors=["ports"])["items"]


def test_services_are_read_or_unknown_with_a_reason(playbook: Any) -> None:
    found = look(playbook, collectors=["services"])
    if Path("/run/systemd/system").is_dir():
        assert found["items"]
    else:
        assert found["collectors"]["services"] == {"state": "unknown", "reason": "systemd does not run here"}
