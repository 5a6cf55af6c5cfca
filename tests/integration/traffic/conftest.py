# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .fast import Fleet
from .scene import Scene


@pytest.fixture(scope="module")
def shared(haproxy_bin):
    made = Scene(haproxy_bin)
    yield made
    made.close()


@pytest.fixture
def scene(shared):
    """Both colours up, blue live."""
    for colour in (shared.blue, shared.green):
        if colour.process is None:
            colour.start()
    shared.switch("green")
    shared.switch("blue")
    return shared


@pytest.fixture(scope="module")
def shared_fleet(haproxy_bin):
    made = Fleet(haproxy_bin)
    yield made
    made.close()


@pytest.fixture
def fleet(shared_fleet):
    for balancer in shared_fleet.balancers:
        balancer.reset()
    return shared_fleet


@pytest.fixture
def one(fleet):
    return fleet.balancers[0]


@pytest.fixture
def tasks(playbook):
    """Runs one module once per set of options, in one play; {name: result}. The run goes on after a task that failed."""

    def run(*, check=False, module="traffic", **wanted):
        steps = [{"name": name, f"evenkeel.release.{module}": options, "ignore_errors": True} for name, options in wanted.items()]
        done = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": steps}], check=check, args=("--diff",))
        return {name: done.result(name) for name in wanted}

    return run
