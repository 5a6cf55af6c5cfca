# SPDX-License-Identifier: GPL-3.0-or-later
"""How a step ended, from what its tasks returned. A task that is missing was not reached: silence is never success."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
UNREACHED = "the host could not be reached or did not finish the step"


def fault(result: Result | None) -> str:
    """Why a task's result is no success, "" when it is one. A loop's results count together."""
    if not result:
        return UNREACHED
    for each in _each(result):
        if each.get("unreachable"):
            return f"unreachable: {each.get('msg') or UNREACHED}"
        if each.get("failed"):
            return str(each.get("msg") or each.get("exception") or "it failed and did not say why")
    if result.get("unreachable"):
        return f"unreachable: {result.get('msg') or UNREACHED}"
    return str(result.get("msg") or "it failed and did not say why") if result.get("failed") else ""


def of_hosts(hosts: Sequence[str], results: Mapping[str, Result | None]) -> dict[str, str]:
    """{host: why it did not come through}, for those that did not."""
    faults = {host: fault(results.get(host)) for host in hosts}
    return {host: why for host, why in faults.items() if why}


def of_checks(checks: Mapping[str, Result]) -> dict[str, str]:
    """{name: fault} of the tasks that ran for all hosts together; one that was skipped had nothing to do."""
    faults = {name: "" if result.get("skipped") else fault(result) for name, result in checks.items()}
    return {name: why for name, why in faults.items() if why}


def problems(*, phase: str, hosts: Mapping[str, str], checks: Mapping[str, str]) -> list[dict[str, str]]:
    own = [{"host": host, "phase": phase, "reason": why} for host, why in sorted(hosts.items())]
    return own + [{"host": name, "phase": phase, "reason": why} for name, why in sorted(checks.items())]


def _each(result: Result) -> Iterator[Result]:
    results: Iterable[Result] | None = result.get("results")
    if results is None:
        yield result
    else:
        yield from results
