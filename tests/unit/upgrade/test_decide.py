# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.decide import Decision, Wanted, decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.simulate import course
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = "18.4", "18.6"


def node(role: str, **changed: Any) -> dict[str, Any]:
    replica = role == "replica"
    return {
        "state": "running",
        "role": role,
        "fenced": False,
        "version": OLD,
        "installed": OLD,
        "new": NEW,
        "system_identifier": "75",
        "timeline": 1,
        "lsn": "0/4000000",
        "streaming": replica,
        "paused": False,
        "lag_bytes": 0 if replica else None,
        "upstream": {"host": "db1" if replica else "", "port": 5432},
        "slot": "",
        "slots": [],
        "senders": [],
        "synchronous": "",
        "tablespaces": 0,
        "size": 100,
        "history": [],
        "control": {"state": "in production", "checkpoint": "0/3000000", "timeline": 1},
        "disk": {"data_free": 1000, "backup_free": 1000},
        "backup": None,
        **changed,
    }


def stopped(*, fenced: bool, checkpoint: str = "0/3000000", state: str = "shut down") -> dict[str, Any]:
    control = {"state": state, "checkpoint": checkpoint, "timeline": 1}
    return node("primary", state="stopped", version="", fenced=fenced, control=control, lsn=checkpoint)


def three() -> dict[str, Any]:
    return {"db1": node("primary"), "db2": node("replica"), "db3": node("replica")}


def acts(nodes: dict[str, Any], wanted: Wanted) -> list[tuple[str, str, str]]:
    steps, end = course(nodes, wanted)
    assert end.done, end
    return [(step.act, step.host, step.to) for step in steps]


def refused(nodes: dict[str, Any], wanted: Wanted) -> str:
    decision = decide(nodes, wanted)
    assert decision.step is None, decision
    assert decision.refusals
    return " ".join(decision.refusals)


def test_backup_replicas_switchover_and_the_old_primary_follows() -> None:
    assert acts(three(), Wanted(NEW)) == [
        ("backup", "db1", ""),
        ("upgrade_replica", "db2", ""),
        ("upgrade_replica", "db3", ""),
        ("switchover", "db1", "db2"),
        ("repoint", "db3", "db2"),
        ("upgrade_replica", "db1", "db2"),
    ]


def test_a_switch_back() -> None:
    assert acts(three(), Wanted(NEW, primary="db1"))[-3:] == [("switchover", "db2", "db1"), ("repoint", "db3", "db1"), ("upgrade_replica", "db2", "db1")]


def test_a_switchover_alone_needs_no_backup() -> None:
    nodes = {"db1": node("primary", version=NEW), "db2": node("replica", version=NEW)}
    assert acts(nodes, Wanted(NEW)) == []
    assert acts(nodes, Wanted(NEW, primary="db2"))[0] == ("switchover", "db1", "db2")


def test_in_place() -> None:
    pair = {"db1": node("primary"), "db2": node("replica")}
    assert [act for act, _host, _to in acts(pair, Wanted(NEW, method="in_place", announced=True))] == ["backup", "upgrade_replica", "upgrade_primary"]
    assert [act for act, _host, _to in acts({"db1": node("primary")}, Wanted(NEW, announced=True))] == ["backup", "upgrade_primary"]
    assert "stateful_upgrade_announced: true" in refused({"db1": node("primary")}, Wanted(NEW))


def test_a_young_backup_or_one_proved_elsewhere_is_enough() -> None:
    nodes = three()
    nodes["db2"]["backup"] = {"age_seconds": 60}
    assert acts(nodes, Wanted(NEW))[0][0] == "upgrade_replica"
    assert acts(nodes, Wanted(NEW, backup_max_age=30))[0][0] == "backup"
    assert acts(three(), Wanted(NEW, proof={"usable": True, "why": ""}))[0][0] == "upgrade_replica"


LAGS = {"lag_bytes": 2_000_000}
REFUSED: list[tuple[str, dict[str, dict[str, Any]], dict[str, Any], str]] = [
    ("major", {}, {"version": "19.0"}, "another major version"),
    ("major in the folder", {"db2": {"new": "17.2"}}, {}, "db2: its new programs are 17.2"),
    ("another minor in the folder", {"db2": {"new": "18.5"}}, {}, "its new_bindir holds 18.5, wanted is 18.6"),
    ("older", {}, {"version": "18.3"}, "db1 runs 18.4, which is newer than 18.3"),
    ("lag", {"db2": LAGS}, {}, "db2 is 2000000 bytes behind, allowed are 1048576"),
    ("lag at the primary", {"db1": {"senders": [{"name": "db3", "state": "streaming", "lag_bytes": 2_000_000}]}}, {}, "db1 says that db3 is 2000000"),
    ("unknown lag", {"db2": {"lag_bytes": None}}, {}, "db2 is None bytes behind"),
    ("not streaming", {"db2": {"streaming": False}}, {}, "db2 is a replica and does not stream (it is told to follow db1:5432)"),
    ("paused", {"db2": {"paused": True}}, {}, "pg_wal_replay_resume"),
    ("two primaries", {"db2": {"role": "primary", "timeline": 2}}, {}, "Several servers take writes: db1 on timeline 1"),
    ("another cluster", {"db3": {"system_identifier": "76"}}, {}, "not one cluster"),
    ("no folder", {"db1": {"disk": {"data_free": 1, "backup_free": None}}}, {}, "db1 has no folder for the backup"),
    ("no room", {"db1": {"disk": {"data_free": 1, "backup_free": 219}}}, {}, "needed are 220"),
    ("tablespaces", {"db1": {"tablespaces": 1}}, {}, "tablespaces"),
    ("proof", {}, {"proof": {"usable": False, "why": "it is old"}}, "no proved backup: it is old"),
    ("wanted primary", {}, {"primary": "db9"}, "db9 is none of db1, db2, db3"),
    (
        "left out",
        {"db1": {"senders": [{"name": name, "state": "streaming", "lag_bytes": 0} for name in ("db2", "db3", "db4")]}},
        {},
        "feeds 3 servers (db2, db3, db4)",
    ),
]


@pytest.mark.parametrize(("changed", "options", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(changed: dict[str, dict[str, Any]], options: dict[str, Any], why: str) -> None:
    nodes = three()
    for name, values in changed.items():
        nodes[name].update(values)
    assert why in refused(nodes, Wanted(**{"version": NEW, **options}))


def test_logical_slots_stay_behind_only_in_a_switchover() -> None:
    nodes = {"db1": node("primary", slots=[{"name": "cdc", "kind": "logical", "active": True}]), "db2": node("replica", version=NEW)}
    assert "logical slots cdc" in refused(nodes, Wanted(NEW))
    assert acts(nodes, Wanted(NEW, method="in_place", announced=True))[-1][0] == "upgrade_primary"


def test_the_replica_that_is_nearest_is_promoted() -> None:
    nodes = three()
    for name, lag in (("db2", 500), ("db3", 10)):
        nodes[name].update(version=NEW, lag_bytes=lag)
    nodes["db1"]["backup"] = {"age_seconds": 1}
    step = decide(nodes, Wanted(NEW)).step
    assert step is not None
    assert (step.act, step.to) == ("switchover", "db3")


# --- a run was killed -----------------------------------------------------------------------------------------------
def test_between_the_stop_and_the_promotion() -> None:
    assert decide({"db1": stopped(fenced=True), "db2": node("replica", streaming=False)}, Wanted(NEW)).step[:2] == ("promote", "db2")  # type: ignore[index]
    behind = decide({"db1": stopped(fenced=True), "db2": node("replica", streaming=False, lsn="0/3000000")}, Wanted(NEW)).step
    assert behind is not None
    assert behind[:2] == ("resume", "db1")  # what it has not got, it must not replace
    unfenced = decide({"db1": stopped(fenced=False), "db2": node("replica", streaming=False)}, Wanted(NEW)).step
    assert unfenced is not None
    assert unfenced[:2] == ("resume", "db1")


def test_a_late_promotion_is_asked_of_the_same_server_again() -> None:
    heirs = {name: {**node("replica", streaming=False), "address": name, "port": 5432} for name in ("db2", "db3")}
    for name in heirs:
        old = {**stopped(fenced=True), "upstream": {"host": name, "port": 5432}}
        step = decide({"db1": old, **heirs}, Wanted(NEW)).step
        assert step is not None
        assert step[:2] == ("promote", name)


def test_within_an_upgrade_in_place_service_comes_first() -> None:
    assert acts({"db1": stopped(fenced=False)}, Wanted(NEW, announced=True))[0] == ("resume", "db1", "")


def test_a_crashed_primary_and_an_unknown_one_are_for_a_person() -> None:
    assert "was not stopped cleanly" in refused({"db1": stopped(fenced=False, state="in production"), "db2": node("replica")}, Wanted(NEW))
    assert "none was the primary before" in refused({"db2": node("replica")}, Wanted(NEW))
    assert "db1 and db2 were the primary" in refused({"db1": stopped(fenced=False), "db2": stopped(fenced=False)}, Wanted(NEW))


def test_an_old_primary_that_went_on_is_rewound_only_when_that_is_said() -> None:
    head = node("primary", timeline=2, version=NEW, history=[{"timeline": 1, "end": "0/3000100"}])
    assert acts({"db1": stopped(fenced=True), "db2": head}, Wanted(NEW)) == [("upgrade_replica", "db1", "db2")]
    diverged = {"db1": stopped(fenced=False, checkpoint="0/5000000"), "db2": head}
    assert "stateful_upgrade_rewind: true" in refused(diverged, Wanted(NEW))
    step = decide(diverged, Wanted(NEW, rewind=True)).step
    assert step is not None
    assert step.rewind


def test_slots_follow_and_do_not_stay() -> None:
    nodes = three()
    nodes["db3"]["slot"] = "s3"
    switch = next(step for step in course(nodes, Wanted(NEW))[0] if step.act == "switchover")
    assert switch.slots == ("s3",)
    head = node("primary", version=NEW)
    left = node("replica", version=NEW, slots=[{"name": "s3", "kind": "physical", "active": False}, {"name": "other", "kind": "physical", "active": False}])
    step = decide({"db1": left, "db2": head, "db3": node("replica", version=NEW, slot="s3")}, Wanted(NEW)).step
    assert step is not None
    assert (step.act, step.host, step.slots) == ("drop_slots", "db1", ("s3",))


def test_the_slot_of_a_killed_backup_does_not_stay() -> None:
    nodes = {"db1": node("primary", version=NEW, slots=[{"name": "evenkeel_backup", "kind": "physical", "active": False}])}
    assert acts(nodes, Wanted(NEW)) == [("drop_slots", "db1", "")]


# --- whatever is found ----------------------------------------------------------------------------------------------
NODES = st.builds(
    lambda role, state, version, changed: node(role, **{"version": version if state == "running" else "", "state": state, **changed}),
    st.sampled_from(["primary", "replica"]),
    st.sampled_from(["running", "running", "running", "stopped"]),
    st.sampled_from([OLD, NEW]),
    st.fixed_dictionaries(
        {},
        optional={
            "streaming": st.booleans(),
            "paused": st.booleans(),
            "fenced": st.booleans(),
            "timeline": st.integers(1, 2),
            "lag_bytes": st.sampled_from([None, 0, 5_000_000]),
            "backup": st.sampled_from([None, {"age_seconds": 10}]),
            "slot": st.sampled_from(["", "s"]),
            "control": st.builds(lambda state: {"state": state, "checkpoint": "0/3000000", "timeline": 1}, st.sampled_from(["shut down", "in production"])),
        },
    ),
)
WANTED = st.builds(
    Wanted,
    version=st.just(NEW),
    method=st.sampled_from(["auto", "in_place", "switchover"]),
    primary=st.sampled_from(["", "db1", "db2"]),
    announced=st.booleans(),
    rewind=st.booleans(),
    max_lag=st.just(1048576),
    backup_max_age=st.just(3600),
    proof=st.none(),
)


@given(st.dictionaries(st.sampled_from(["db1", "db2", "db3"]), NODES, min_size=1), WANTED)
def test_it_ends_and_the_primary_comes_last(nodes: dict[str, Any], wanted: Wanted) -> None:
    steps, end = course(nodes, wanted)
    assert isinstance(end, Decision)
    assert end.done or end.refusals
    assert not any("would not come to an end" in why for why in end.refusals), steps
    kinds = [step.act for step in steps]
    assert kinds.count("backup") <= 1
    for number, step in enumerate(steps):
        if step.act in ("upgrade_primary", "switchover"):
            left = [later for later in steps[number + 1 :] if later.act == "upgrade_replica" and not later.to]
            assert not left, steps
