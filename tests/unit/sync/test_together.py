# SPDX-License-Identifier: GPL-3.0-or-later
"""All databases of a refresh switch, or none does: with engines that say what they were asked."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.together import synchronize


class Servers:
    """Databases by name, each idle, prepared, switched or confirmed; some phases can be made to fail."""

    def __init__(self, *failing: tuple[str, str], slow: str = "") -> None:
        self.failing, self.slow = set(failing), slow
        self.state: dict[str, str] = {}
        self.read_at: dict[str, float] = {}
        self.snapshot_at: dict[str, float] = {}
        self.lock = threading.Lock()

    def run(self, params: Any, *, check_mode: bool, tell: Any) -> dict[str, Any]:
        name, phase = params["name"], params.get("phase", "all")
        if check_mode:
            return {"changed": name == "b", "plan": {}}
        if (name, phase) in self.failing:
            raise SyncError("no.")
        if phase in ("prepare", "all"):
            time.sleep(0.2 if name == self.slow else 0)
            self.snapshot_at[name] = time.monotonic()
            tell({"event": "snapshot"})
            self.read_at[name] = time.monotonic()
            if (name, "read") in self.failing:
                raise SyncError("cut.")
        with self.lock:
            states = {"prepare": "prepared", "swap": "switched", "confirm": "confirmed", "revert": "idle", "all": "confirmed"}
            self.state[name] = states[phase]
        return {"changed": True}


def databases(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "engine": "postgresql"} for name in names]


def heard(_event: dict[str, Any]) -> None:
    return


def test_all_switch_and_nobody_reads_before_the_last_snapshot():
    servers = Servers(slow="c")
    done = synchronize(databases("a", "b", "c"), check_mode=False, tell=heard, run=servers.run)
    assert servers.state == dict.fromkeys("abc", "confirmed")
    assert min(servers.read_at.values()) >= max(servers.snapshot_at.values())
    assert done["changed"]
    assert set(done["databases"]) == set("abc")
    assert done["snapshots_apart"] >= 0.1


@pytest.mark.parametrize("failing", [("a", "prepare"), ("b", "read"), ("c", "prepare"), ("a", "swap"), ("b", "swap"), ("c", "swap")])
def test_one_that_fails_leaves_all_as_they_were(failing):
    servers = Servers(failing)
    with pytest.raises(SyncError, match=rf"^{failing[0]}: "):
        synchronize(databases("a", "b", "c"), check_mode=False, tell=heard, run=servers.run)
    assert set(servers.state.values()) <= {"idle"}


def test_what_could_not_be_undone_is_named():
    servers = Servers(("b", "swap"), ("a", "revert"))
    with pytest.raises(SyncError, match=r"Not undone: a \(no\.\)"):
        synchronize(databases("a", "b"), check_mode=False, tell=heard, run=servers.run)


def test_an_interrupt_undoes_too():
    servers = Servers()

    def interrupted(params, **more):
        if params.get("phase") == "swap" and params["name"] == "b":
            raise KeyboardInterrupt
        return servers.run(params, **more)

    with pytest.raises(KeyboardInterrupt):
        synchronize(databases("a", "b"), check_mode=False, tell=heard, run=interrupted)
    assert servers.state == {"a": "idle", "b": "idle"}


def test_a_check_asks_each_and_changes_none():
    servers = Servers()
    done = synchronize(databases("a", "b"), check_mode=True, tell=heard, run=servers.run)
    assert done["changed"]
    assert done["databases"]["a"] == {"changed": False, "plan": {}}
    assert not servers.state


def test_one_database_needs_no_barrier():
    servers = Servers()
    assert synchronize(databases("a"), check_mode=False, tell=heard, run=servers.run) == {"changed": True}
    assert servers.state == {"a": "confirmed"}


def test_events_carry_the_name_of_their_database():
    events: list[dict[str, Any]] = []
    synchronize(databases("a", "b"), check_mode=False, tell=events.append, run=Servers().run)
    assert {event["name"] for event in events} == {"a", "b"}
