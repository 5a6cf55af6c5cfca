# SPDX-License-Identifier: GPL-3.0-or-later
"""The compliance playbook against this very machine; an independent look says whether its answers are true."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

WAIVED = {"rule": "mount-*", "reason": "no partitions in a test", "owner": "tests", "expires": "2999-01-01"}


def run(playbook: Any, state: Path, **extra: Any) -> Any:
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    variables = {"evenkeel_state_dir": str(state), "evenkeel_compliance_waivers": [WAIVED]}
    inventory = {"all": {"children": {"staging": {"hosts": {"web": host}, "vars": variables}}}}
    extra = {"evenkeel_target": "staging", "compliance_baseline": "debian12", **extra}
    return playbook("evenkeel.release.compliance", inventory=inventory, extra_vars=extra, env={"EVENKEEL_STATE_DIR": str(state)})


def test_the_answers_about_this_machine_are_true(playbook: Any, tmp_path: Path) -> None:
    done = run(playbook, tmp_path, compliance_state="gate", compliance_threshold="critical")
    judged = done.result("Judge")
    results = {result["id"]: result for result in judged["results"]}
    assert (done.rc == 0) == (judged["verdict"] == "passed"), done.stdout

    passwd = stat.S_IMODE(os.stat("/etc/passwd").st_mode)
    assert results["passwd-mode"]["result"] == ("failed" if passwd & ~0o644 else "passed")
    space = Path("/proc/sys/kernel/randomize_va_space").read_text().strip()
    assert results["sysctl-kernel-randomize-va-space"]["result"] == ("passed" if space == "2" else "failed")
    uids = [line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines() if line.split(":")[2] == "0"]
    assert results["uid-zero"]["result"] in (["passed"] if uids == ["root"] else ["failed"])
    if not Path("/run/systemd/system").is_dir():
        assert results["cron-runs"]["result"] == "unknown"
        assert "systemd" in results["cron-runs"]["reason"]
    own = next((line.split() for line in Path("/proc/self/mounts").read_text().splitlines() if line.split()[1] == "/tmp"), None)
    if own is None:
        assert results["mount-tmp"]["result"] == "waived"
    assert sum(judged["counts"].values()) == len(results) >= 90

    with open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        (entry,) = ledger.entries(kind="report")
    assert (entry.subject, entry.body["verdict"], entry.body["counts"]) == ("compliance/web", judged["verdict"], judged["counts"])
    assert {result["id"] for result in entry.body["results"]} == {name for name, result in results.items() if result["result"] != "passed"}
