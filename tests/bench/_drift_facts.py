# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about the host but its files, against what Ansible gathers; and altered packaged files, against `dpkg --verify`."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ..integration.support.checkout import COLLECTIONS
from ._drift_task import PING, Controller

if TYPE_CHECKING:
    from ._runner import Bench

FACTS: list[dict[str, Any]] = [{"ansible.builtin.setup": {}}, {"ansible.builtin.package_facts": {}}, {"ansible.builtin.service_facts": {}}]
KEY = "a key for this run"
# A process of its own, as on a managed node; the time within the module, which is what a task has beyond a ping.
GATHER = """
import json, sys, time
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import host, registry
options, key = json.loads(sys.argv[1])
began = time.perf_counter()
states, items = registry.gather(options, host.Host(fingerprint_key=key.encode()))
seconds = time.perf_counter() - began
broken = {name: state for name, state in states.items() if "broke" in state.get("reason", "")}
assert not broken, broken
print(json.dumps({"seconds": seconds, "items": len(items)}))
"""
EMPTY: dict[str, Any] = {"sysctl_keys": [], "secret_keys": [], "package_trees": [], "packaged_paths": [], "certificates": [], "config": [], "custom": []}
OTHERS = ["packages", "services", "users", "sysctl", "mounts", "ports", "cron", "certificates", "containers", "firewall", "system"]


def rows(bench: Bench) -> None:
    _collectors(bench)
    if bench.need("dpkg"):
        _packaged(bench)


def gather(options: dict[str, Any]) -> float:
    argv = [sys.executable, "-c", GATHER, json.dumps([{**EMPTY, **options}, KEY])]
    done = subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(COLLECTIONS)}, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["seconds"])


def _collectors(bench: Bench) -> None:
    controller = Controller(bench.tmp / "facts-controller")
    look = {"evenkeel.release.drift_snapshot": {"collectors": OTHERS, "fingerprint_key": KEY, "store": str(bench.tmp / "facts-store")}}
    facts, whole = [], []
    for _round in range(bench.repeat):
        ping = controller.cost(PING, 4).wall
        facts.append(sum(controller.cost(task, 1).wall - ping for task in FACTS))
        whole.append(controller.cost(look, 4).wall - ping)
    told = statistics.median(facts)
    bench.row("all collectors in the module, against setup, package and service facts", ours=lambda: gather({"collectors": OTHERS}), reference=told, bar=0.1)
    bench.row("the whole task beyond a ping, against those", ours=statistics.median(whole), reference=told, bar=0.2)


def _packaged(bench: Bench) -> None:
    options = {"collectors": ["packaged"], "cache_dir": str(bench.tmp / "packaged-cache")}
    gather(options)
    bench.row(
        "altered packaged files again, against dpkg --verify",
        ours=lambda: gather(options),
        reference=lambda: subprocess.run(["dpkg", "--verify"], stdout=subprocess.DEVNULL, check=False) and None,
        bar=1 / 9,
    )
