# SPDX-License-Identifier: GPL-3.0-or-later
"""Five hundred hosts with local connections, of which one fails in the second batch: every touched host is back, and what it costs the controller.

What the modules use is the hosts' and not the controller's: their interpreter notes it, and it is taken off. The reference is a playbook that does
nothing in the same phases: `ansible.builtin.ping` where a phase asks its hosts, on the same hosts in the same batches.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from ._drift_task import SPY
from ._fleet import NEW, OLD, Cost, Fleet, ping

if TYPE_CHECKING:
    from ._runner import Bench

HOSTS = int(os.environ.get("EVENKEEL_BENCH_HOSTS", "500"))
# More than the default of five, as one sets it for that many hosts; for the reference as well.
FORKS = 25
BATCHES: list[int | str] = ["5%", "10%", "20%"]


def rows(bench: Bench) -> None:
    names = [f"h{number:04}" for number in range(HOSTS)]
    first, second = max(1, HOSTS * 5 // 100), max(1, HOSTS * 10 // 100)
    touched = names[: first + second]
    log, spy = bench.tmp / "fleet.log", bench.tmp / "fleet-python"
    spy.write_text(SPY.format(python=sys.executable, log=str(log)))
    spy.chmod(0o755)
    host = {"ansible_connection": "local", "ansible_python_interpreter": str(spy)}
    fleet = Fleet(bench.tmp / "fleet-local", {name: dict(host) for name in names}, BATCHES, bad=touched[first + 1], forks=FORKS)
    try:
        log.write_text("")
        deployed = fleet.deploy()
        own = _controller(deployed, log)
        _came_back(fleet, deployed, touched)
        log.write_text("")
        empty = fleet.play(fleet.playbook("empty", _empty(touched, first)))
        if empty.code:
            raise RuntimeError(f"the empty playbook failed: {empty.output[-2000:]}")
        least = _controller(empty, log)
        name = f"{HOSTS} local hosts, a failure in batch 2: controller CPU a host"
        bench.row(f"{name}, against an empty task a phase", ours=own / HOSTS, reference=least / HOSTS, bar=1.3)
        bench.say(f"wall time {deployed.wall:.0f} s, of the empty tasks {empty.wall:.0f} s; {len(touched)} hosts were touched and are back on {OLD}")
    finally:
        fleet.close()


def _controller(cost: Cost, log: Any) -> float:
    return cost.cpu - sum(json.loads(line)[0] for line in log.read_text().splitlines())


def _came_back(fleet: Fleet, cost: Cost, touched: list[str]) -> None:
    """Past the collection: by the links and by what the kernel runs."""
    if cost.code == 0 or "was rolled back" not in cost.output:
        raise RuntimeError(f"the release did not fail as it should: {cost.output[-4000:]}")
    assert set(fleet.current().values()) == {OLD}
    now = fleet.runs_now()
    assert {host: now[host] for host in touched} == {host: [OLD] for host in touched}
    assert all(releases == [OLD] for releases in now.values())
    staged = [host for host in fleet.hosts if (fleet.root(host) / "releases" / NEW).is_dir()]
    assert len(staged) == len(fleet.hosts), "the new release was not even brought there, so nothing was proved"


def _empty(touched: list[str], first: int) -> list[dict[str, Any]]:
    """Observe, stage, the batches out, the batches back, settle."""
    back = list(reversed(touched))
    sizes = [first, len(touched) - first]
    return [ping(), ping(), ping(touched, serial=sizes), ping(back, serial=sizes[::-1]), ping()]
