# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts are replaced together, and in which order: a pure function of the hosts and of what the service declares.

A batch never crosses zones, so the worst that a bad release takes away at once is one batch of one zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

PERCENT = re.compile(r"(\d{1,3})%\Z")
QUORUM = "quorum"
ZONE = "zone"
Host = Mapping[str, Any]


def make(hosts: Sequence[Host], *, sizes: Sequence[int | str] = (1,), min_healthy: int | str = 0, surge: bool | int | str = False) -> list[list[str]]:
    """The batches, in order; every host is in exactly one.

    hosts: [{name, zone, rank}]; lower ranks go first whatever their zone (a leader after its followers), then zone by zone.
    sizes: as in Ansible's serial, the last one goes on: a count, a percentage of all hosts, or "zone" for all that a zone has.
    min_healthy: hosts that serve at any moment: a count, a percentage of all hosts, or "quorum" for more than half.
    surge: hosts that may run both releases at once: True, a count or a percentage. Then no host stops serving, and min_healthy limits nothing.
    """
    if not hosts:
        return []
    total = len(hosts)
    most = _surging(surge, total) if surge else total - healthy(min_healthy, total)
    if most < 1:
        raise DeploymentError(
            f"min_healthy is {min_healthy!r} and there are {total} hosts, so that none may be replaced. Lower it, add a host, or let hosts run both"
            " releases at once (surge)."
        )
    batches: list[list[str]] = []
    ordered = sorted(hosts, key=lambda host: (host.get("rank", 0), str(host.get("zone", "")), host["name"]))
    for _place, members in groupby(ordered, key=lambda host: (host.get("rank", 0), str(host.get("zone", "")))):
        names = [host["name"] for host in members]
        while names:
            step = sizes[min(len(batches), len(sizes) - 1)]
            wanted = min(len(names) if step == ZONE else count(step, total), most)
            batches.append(names[:wanted])
            names = names[wanted:]
    return batches


def _surging(surge: bool | int | str, total: int) -> int:
    return total if surge is True else count(surge, total)


def healthy(wanted: int | str, total: int) -> int:
    """Hosts that must serve; a percentage is rounded up, to the safe side."""
    if wanted == QUORUM:
        return total // 2 + 1
    percent = _percent(wanted)
    return int(wanted) if percent is None else -(-percent * total // 100)


def count(wanted: int | str, total: int) -> int:
    """Hosts of a batch: at least one; a percentage is rounded down."""
    percent = _percent(wanted)
    number = int(wanted) if percent is None else percent * total // 100
    return max(number, 1)


def _percent(wanted: int | str) -> int | None:
    found = PERCENT.match(str(wanted))
    if found:
        return int(found.group(1))
    if not str(wanted).isdigit():
        raise DeploymentError(f"{wanted!r} is no number of hosts; allowed are a count like 2 and a percentage like 25%.")
    return None
