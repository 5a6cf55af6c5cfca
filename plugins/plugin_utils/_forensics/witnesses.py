# SPDX-License-Identifier: GPL-3.0-or-later
"""Where it is looked at what went wrong: in a large fleet the other hosts show nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST = 10


def witnesses(problems: Sequence[Mapping[str, Any]], *, touched: Sequence[str], started: Sequence[str], staged: Sequence[str], most: int = MOST) -> list[str]:
    """Hosts of a deployment that failed, at most so many: those in trouble first, then those that it had come to.

    problems: {host, …}, whose host may be a balancer or the environment itself; staged: hosts that the release was brought to.
    """
    known = set(staged)
    seen = dict.fromkeys([*(problem["host"] for problem in problems), *touched, *started])
    return [host for host in seen if host in known][:most]
