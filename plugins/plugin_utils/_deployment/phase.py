# SPDX-License-Identifier: GPL-3.0-or-later
"""How every host of a plan came out of a phase. A host that says nothing was not reached: silence is never success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def hosts_of(plan: Mapping[str, Any]) -> list[str]:
    return sorted({host for service in plan["services"] for host in service["hosts"]})


def judge(*, phase: str, hosts: Sequence[str], facts: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """({host: done|failed|unreachable}, problems). facts: {host: {"deploy_done": [phases], "deploy_failed": {phase, task, msg}}}."""
    states: dict[str, str] = {}
    problems: list[dict[str, str]] = []
    for host in hosts:
        said = facts.get(host, {})
        failed = said.get("deploy_failed") or {}
        if failed:
            states[host] = "failed"
            problems.append({"host": host, "phase": failed["phase"], "reason": f"{failed['task']}: {failed['msg']}"})
        elif phase in said.get("deploy_done", []):
            states[host] = "done"
        else:
            states[host] = "unreachable"
            problems.append({"host": host, "phase": phase, "reason": "the host could not be reached or did not finish the phase"})
    return states, problems


def report(problems: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(f"  {problem['host']} ({problem['phase']}): {problem['reason']}" for problem in problems)
