# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade import work
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.errors import UpgradeError
from ansible_collections.evenkeel.release.tests.unit.upgrade.test_decide import NEW, node, stopped

GOOD = {"data": "/d", "bindir": "/b", "new_bindir": "/n", "address": "db1"}
OPTIONS: dict[str, Any] = {"version": NEW, "method": "auto", "primary": "", "announced": False, "rewind": False, "max_lag": "1048576", "backup_max_age": 3600}


def test_described() -> None:
    assert work.described(["db1"], {"db1": GOOD}, NEW, "auto") == {"db1": {**GOOD, "port": 5432}}


def test_every_fault_of_a_description_in_one_report() -> None:
    with pytest.raises(UpgradeError) as caught:
        work.described(["db1", "db2"], {"db1": {**GOOD, "instal": [], "stop": "systemctl stop"}}, "18", "fast")
    for fault in (
        "method is 'fast', allowed are auto",
        "The version is '18'",
        "db1: stateful_upgrade_node.instal is unknown; allowed are address",
        "db1: stateful_upgrade_node.stop has to be a list",
        "db2: stateful_upgrade_node.data is missing",
        "db2: stateful_upgrade_node has neither new_bindir nor install",
    ):
        assert fault in str(caught.value)


def test_the_plan_in_words() -> None:
    found = work.plan({"db1": node("primary"), "db2": node("replica")}, OPTIONS)
    assert found["says"] == [
        "db1: running primary, 18.4",
        "db2: running replica, 18.4, 0 bytes behind",
        "1. back up db1, restore the backup on the side and compare: there is no proved backup that is young enough",
        "2. upgrade db2 as a replica: it runs 18.4; replicas come first",
        "3. make db2 the primary instead of db1: it runs 18.4, and a replica can take its place",
        "4. upgrade db1 as a replica of db2: it was the primary",
    ]
    assert work.plan({"db1": node("primary", version=NEW)}, OPTIONS)["says"][-1] == "All servers run 18.6, nothing is to be done."


def test_what_could_not_be_asked_is_a_fault() -> None:
    described = {"db1": {"address": "a", "port": 1}, "db2": {"address": "b", "port": 2}}
    results = [{"item": "db1", "node": node("primary")}, {"item": "db2", "unreachable": True, "msg": "no route"}]
    found = work.seen(results, described, 0)
    assert found["faults"] == ["db2: no route"]
    assert found["nodes"]["db1"]["address"] == "a"
    assert found["servers"] == [{"address": "a", "port": 1}, {"address": "b", "port": 2}]


@pytest.mark.parametrize(
    ("nodes", "behind"),
    [
        ({"db1": node("primary"), "db2": node("replica")}, False),
        ({"db1": node("primary"), "db2": node("replica", lag_bytes=11)}, True),
        ({"db1": node("primary"), "db2": node("replica", streaming=False)}, True),
        ({"db1": node("primary"), "db2": node("replica", lag_bytes=11, paused=True)}, False),
        ({"db1": node("primary", timeline=2), "db2": node("replica", streaming=False)}, False),
        ({"db1": stopped(fenced=True), "db2": node("replica", streaming=False)}, False),
    ],
)
def test_time_is_given_only_where_it_helps(nodes: dict[str, Any], behind: bool) -> None:
    assert work.behind(nodes, 10) is behind


def test_a_proof_is_judged() -> None:
    old = {"id": "full", "taken_at": "2020-01-01T00:00:00Z", "proven_at": "2020-01-02T00:00:00Z"}
    assert "take a newer one" in work.plan({"db1": node("primary")}, {**OPTIONS, "announced": True, "proof": old})["refusals"][0]
    assert work.plan({"db1": node("primary")}, {**OPTIONS, "announced": True, "proof": {"id": "x"}})["refusals"]


def test_the_decisions_load_no_driver_of_databases() -> None:
    """Ansible loads every filter of a collection again for each task that uses one of them."""
    code = f"import sys, {work.__name__}; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("nodes", "promoting", "resume", "moved", "says"),
    [
        ({"db1": stopped(fenced=True), "db2": node("replica")}, False, True, False, "The way back was taken: db1 is the primary."),
        ({"db1": stopped(fenced=True), "db2": node("replica")}, True, False, False, "not taken, since db2 may become the primary yet"),
        ({"db1": stopped(fenced=True), "db2": node("primary")}, True, False, True, "db2 is the primary."),
        ({"db1": node("primary"), "db2": node("replica")}, False, False, False, "db1 still is the primary."),
        ({"db1": stopped(fenced=True)}, False, False, False, "not taken, since db2 can't be asked"),
        ({"db2": node("replica")}, False, False, False, "not taken, since db1 can't be asked"),
    ],
)
def test_the_old_primary_comes_back_only_when_the_new_one_will_not_be_one(nodes: dict[str, Any], promoting: bool, resume: bool, moved: bool, says: str) -> None:
    found = work.way_out(nodes, "db1", "db2", promoting)
    assert (found["resume"], found["moved"]) == (resume, moved)
    assert says in found["says"]
