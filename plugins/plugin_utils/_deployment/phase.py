# SPDX-License-Identifier: GPL-3.0-or-later
"""How every host of a plan came out of a phase. A host that says nothing was not reached: silence is never success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SILENT = "the host could not be reached or did not finish the phase"


def hosts_of(plan: Mapping[str, Any]) -> list[str]:
    return sorted({host for service in plan["services"] for host in service["hosts"]})


def judge(
    *,
    phase: str,
    hosts: Sequence[str],
    facts: Mapping[str, Mapping[str, Any]],
    excluded: Mapping[str, str] | None = None,
    also: Mapping[str, Sequence[str]] | None = None,
    ended: Sequence[str] = (),
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """({host: done|failed|unreachable|excluded}, problems).

    facts: {host: {"deploy_done": [phases], "deploy_failed": {phase, task, msg}}}; excluded: {host: why it was left out};
    also: {another phase: the hosts that had to come through that too}; ended: hosts that had nothing to do in the phase.
    """
    states: dict[str, str] = {}
    problems: list[dict[str, str]] = []
    at_their_end = set(ended)
    for host in hosts:
        said = facts.get(host, {})
        failed = said.get("deploy_failed") or {}
        if host in (excluded or {}):
            states[host] = "excluded"
            problems.append({"host": host, "phase": "excluded", "reason": (excluded or {})[host]})
        elif host in at_their_end:
            states[host] = "done"
        elif failed:
            states[host] = "failed"
            problems.append({"host": host, "phase": failed["phase"], "reason": f"{failed['task']}: {failed['msg']}"})
        elif phase in said.get("deploy_done", []):
            states[host] = "done"
        else:
            states[host] = "unreachable"
            problems.append({"host": host, "phase": phase, "reason": SILENT})
    for other, expected in (also or {}).items():
        # Who is in trouble already is told once.
        known = {host for host in expected if states.get(host, "done") == "done" and host not in (excluded or {})}
        found = judge(phase=other, hosts=sorted(known), facts=facts)
        states.update({host: state for host, state in found[0].items() if state != "done"})
        problems += found[1]
    return states, problems


def report(problems: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(f"  {problem['host']} ({problem['phase']}): {problem['reason']}" for problem in problems)
