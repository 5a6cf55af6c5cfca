# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host in the middle of a deployment, and what the deployment makes of it. Started by the molecule scenario `faults`.

EVENKEEL_FAULTS=all takes every fault in every phase, which is half an hour; without it each fault and each phase comes once or twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

from .faults import KINDS
from .fleet import Fleet

LOAD = Path(__file__).resolve().parent / "load.py"
HOST = "app3"  # in the second of three batches
SILENT = ("killed", "paused", "partitioned")


class Phase(NamedTuple):
    """Where the fault comes: when the play begins, or a task of it for its so many-th time."""

    play: str
    task: str = ""
    turn: int = 1
    # never ready in the last zone, so that all three go back
    release: str = ""


REPLACE = "Replace each service on its host"
PHASES = {
    "observe": Phase("Observe the environment"),
    "stage": Phase("Stage the idle colour"),
    "replace": Phase("Replace the hosts batch by batch", REPLACE, 2),
    "settle": Phase("Settle every host on one release"),
    "way back": Phase("Bring the touched hosts back batch by batch", REPLACE, 2, "1.9.0"),
}
USUAL = [
    ("killed", "replace"),
    ("paused", "stage"),
    ("partitioned", "way back"),
    ("full", "stage"),
    ("slow", "replace"),
    ("killed", "settle"),
    ("paused", "observe"),
]
CASES = [(kind, phase) for phase in PHASES for kind in KINDS] if os.environ.get("EVENKEEL_FAULTS") == "all" else USUAL


@pytest.fixture(scope="module")
def fleet():
    made = Fleet("delivery/inventory/few.yml", "delivery")
    # without users no release proves itself
    urls = [f"http://{made.address['lb1']}:{port}" for port in (8080, 8090)]
    words = [word for url in urls for word in ("--url", url)]
    users = subprocess.Popen([sys.executable, str(LOAD), "--out", str(made.folder / "load.json"), *words], stdin=subprocess.DEVNULL)
    made.must("deploy", evenkeel_version="1.0.0", evenkeel_service="shop")
    yield made
    users.terminate()
    users.wait(30)


def verified(fleet):
    return views.verified_releases(fleet.entries(), fleet.target)[-1]


def last_words(run):
    """Why the run says that it failed."""
    results = [task["hosts"].get("localhost", {}) for play in run.json["plays"] for task in play["tasks"]]
    return [result["msg"] for result in results if result.get("failed")][-1]


@pytest.mark.parametrize(("kind", "phase"), CASES, ids=[f"{kind}-{phase}" for kind, phase in CASES])
def test_fault(fleet, kind, phase):
    at = PHASES[phase]
    before = verified(fleet)
    release = at.release or {"1.0.0": "1.1.0", "1.1.0": "1.0.0"}[before]
    run = fleet.broken("deploy", kind=kind, host=HOST, play=at.play, task=at.task, turn=at.turn, evenkeel_version=release, evenkeel_service="shop")
    said = run.stdout[-5000:]
    try:
        good = verified(fleet)
        print(f"{kind} in {phase}: exit code {run.rc}, {before} -> {release}, verified {good}, open {fleet.open_intents()}")
        for host in set(fleet.shops) - ({HOST} if kind in SILENT else set()):
            # the host itself may be left as it was with a slow line or a full disk only when the run said so
            if run.rc == 0 or host != HOST:
                fleet.serves(host, good)
        if run.rc == 0:
            # There nothing is left to do on a host whose release is verified; what befalls it later is no part of the deployment.
            assert kind not in SILENT or phase == "settle", f"a host was {kind} and the run says that all is well:\n{said}"
            assert good == release, said
        else:
            said = last_words(run)
            print(said)
            assert HOST in said or (phase == "way back" and kind not in SILENT), said
    finally:
        fleet.heal(kind, HOST)
        # what the fault left behind is no fault of the next test
        if fleet.open_intents():
            fleet.must("recover")
        if not fleet.all_serve(verified(fleet)):
            fleet.must("deploy", evenkeel_version=verified(fleet), evenkeel_service="shop", deploy_force=True)
    for host in fleet.shops:
        fleet.serves(host, verified(fleet))
    assert fleet.in_traffic("lb1") == set(fleet.shops)
    assert fleet.open_intents() == []


def test_the_ledger_is_whole(fleet):
    fleet.must("ledger_verify")
