# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole environment and what happens to it, in the order in which it happens. Started by the molecule scenario `delivery`."""

from __future__ import annotations

import time

import pytest

from .fleet import Fleet, Users

ZONES = [["app1", "app2"], ["app3", "app4"], ["app5", "app6"]]


@pytest.fixture(scope="module")
def fleet():
    return Fleet("delivery/inventory/hosts.yml", "delivery")


@pytest.fixture(scope="module")
def users(fleet):
    """From the first release on, over all that follows."""
    found = Users(fleet, "users1")
    deadline = time.monotonic() + 30
    while not fleet.on("users1", "sh", "-c", f"test -s {found.OUT} && echo yes", check=False):
        assert time.monotonic() < deadline, "the users ask nothing"
        time.sleep(0.2)
    return found


def settled(fleet, *, shop, api):
    for host in fleet.shops:
        fleet.serves(host, shop)
    for host in fleet.apis:
        assert fleet.current(host, "/srv/api") == api
        assert len(fleet.units(host, "api")) == 1
    for balancer in fleet.balancers:
        assert fleet.in_traffic(balancer) == set(fleet.shops)
        assert {fleet.get(balancer, 8080)["version"] for _turn in range(8)} == {shop}
        assert {fleet.get(balancer, 8090)["version"] for _turn in range(4)} == {api}
    assert fleet.open_intents() == []


def judged(fleet, release):
    return [entry.body["judgement"] for entry in fleet.entries(kind="step", phase="outcome") if entry.release == release and "judgement" in entry.body]


def test_the_first_release(fleet):
    fleet.must("deploy", evenkeel_version="1.0.0")
    settled(fleet, shop="1.0.0", api="1.0.0")
    assert fleet.batches_of("1.0.0") == ZONES


def test_its_schema_reaches_the_replica(fleet):
    ask = ("runuser", "-u", "postgres", "--", "psql", "-XAtq", "-d", "shop", "-c", "select pg_is_in_recovery(), count(*) from schema_migrations")
    deadline = time.monotonic() + 10
    while fleet.on("db2", *ask) != "t|1":
        assert time.monotonic() < deadline, fleet.on("db2", *ask)
        time.sleep(0.2)
    assert fleet.on("db1", *ask) == "f|1"


def test_zone_by_zone_and_canary_under_load_without_a_failed_request(fleet, users):
    with users.during() as seen:
        fleet.must("deploy", evenkeel_version="1.1.0")
    assert seen["failed"] == 0, seen["failures"]
    assert set(seen["versions"][8080]) == set(seen["versions"][8090]) == {"1.0.0", "1.1.0"}
    assert fleet.batches_of("1.1.0") == ZONES
    settled(fleet, shop="1.1.0", api="1.1.0")


def test_prometheus_saw_the_canary(fleet):
    assert [found["verdict"] for found in judged(fleet, "1.1.0")] in (["passed", "passed"], ["inconclusive", "passed"])
    assert judged(fleet, "1.1.0")[-1]["metrics"][0]["canary"]["n"] >= 30


def test_a_bad_release_is_seen_in_the_first_zone_and_taken_back(fleet, users):
    with users.during() as seen:
        run = fleet.play("deploy", evenkeel_version="1.2.0", evenkeel_service="shop")
    assert run.rc != 0
    assert fleet.batches_of("1.2.0") == ZONES[:1]
    assert {failure["version"] for failure in seen["failures"]} == {"1.2.0"}, seen["failures"]
    settled(fleet, shop="1.1.0", api="1.1.0")


def test_a_bad_canary_is_found_by_what_prometheus_saw(fleet, users):
    with users.during() as seen:
        run = fleet.play("deploy", evenkeel_version="1.2.0", evenkeel_service="api")
    assert run.rc != 0
    assert judged(fleet, "1.2.0")[-1]["verdict"] == "failed", judged(fleet, "1.2.0")
    assert 0 < seen["versions"][8090]["1.2.0"] < seen["versions"][8090]["1.1.0"]
    assert {failure["version"] for failure in seen["failures"]} == {"1.2.0"}, seen["failures"]
    settled(fleet, shop="1.1.0", api="1.1.0")


def test_rollback_under_load_without_a_failed_request(fleet, users):
    with users.during() as seen:
        fleet.must("rollback")
    assert seen["failed"] == 0, seen["failures"]
    settled(fleet, shop="1.0.0", api="1.0.0")
    assert len(judged(fleet, "1.0.0")) == 0, "a rollback is not tried out on anybody"


def test_the_ledger_is_whole(fleet):
    fleet.must("ledger_verify")
