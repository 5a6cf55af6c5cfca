# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a release by what its users get: a pure function of the balancer's counters before and now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

COUNTED = ("hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")


class Limits(NamedTuple):
    max_error_rate: float  # share of requests, 0 to 1
    min_requests: int  # below this nothing is passed for sure


class Seen(NamedTuple):
    requests: int
    errors: int

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


def between(before: Mapping[str, Any], now: Mapping[str, Any]) -> Seen:
    """What happened between two readings of a backend; counters that went back (a restarted balancer) count from zero."""

    def grown(name: str) -> int:
        start, end = int(before.get(name, 0)), int(now.get(name, 0))
        return end - start if end >= start else end

    failed, lost = grown("hrsp_5xx"), grown("econ") + grown("eresp")
    # For a request that it lost HAProxy answers 502 or 503 itself, and counts that with the backend, not with the server.
    answered = sum(grown(name) for name in COUNTED)
    if "servers" not in now:
        return Seen(requests=answered + lost, errors=failed + lost)
    errors = max(failed, lost)
    return Seen(requests=max(answered, errors), errors=errors)


def broken(seen: Seen, limits: Limits) -> str:
    """Why the release is bad, or nothing. One error among few requests is not yet a rate: a rate needs ten requests."""
    if seen.errors and seen.requests >= 10 and seen.error_rate > limits.max_error_rate:
        return f"{seen.errors} of {seen.requests} requests failed, {seen.error_rate:.2%}; allowed are {limits.max_error_rate:.2%}"
    return ""


def final(seen: Seen, limits: Limits) -> tuple[str, str]:
    """(verdict, reason) at the end of the bake."""
    reason = broken(seen, limits)
    if reason:
        return "failed", reason
    if seen.errors and seen.error_rate > limits.max_error_rate:
        return "failed", f"{seen.errors} of {seen.requests} requests failed; allowed are {limits.max_error_rate:.2%}"
    if seen.requests < limits.min_requests:
        return "inconclusive", f"{seen.requests} requests came, {limits.min_requests} are needed for a verdict"
    return "passed", f"{seen.errors} of {seen.requests} requests failed; allowed are {limits.max_error_rate:.2%}"
