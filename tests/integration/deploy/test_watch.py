# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that gets slow after its deployment is taken back by the watch of its first hour."""

from __future__ import annotations

import http.server
import threading
import time

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.prometheus import Prometheus
from ansible_collections.evenkeel.release.tests.integration.watch.conftest import SCRAPE, Exporter

from .lab import Lab

METRIC = {"name": "p95", "kind": "gauge", "direction": "increase", "query": "live_p95_seconds"}


@pytest.fixture(scope="module")
def lab():
    exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    prometheus = Prometheus(scrapes=SCRAPE % exporter.server_address[1])
    guard = {"prometheus": {"url": prometheus.url}, "minutes": 5, "before_minutes": 5, "every": 1, "step": 0.25, "earlier": 0, "on_bad": "rollback"}
    made = Lab()
    try:
        made.declare(f"blue_green\n    guard: { {**guard, 'metrics': [METRIC]} }")
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0")
        time.sleep(12)  # the time before 1.1.0 has to show what is usual
        made.must("deploy", evenkeel_version="1.1.0")
        yield made
    finally:
        made.close()
        prometheus.stop()
        exporter.shutdown()
        exporter.server_close()


def test_what_a_guard_cannot_take_is_said_before_anything_changes(lab):
    common = lab.inventory.parent / "group_vars/shop_environments.yml"
    good = common.read_text()
    common.write_text(good.replace("'direction': 'increase'", "'direction': 'up'"))
    try:
        run = lab.play("deploy", evenkeel_version="1.0.0")
    finally:
        common.write_text(good)
    assert run.rc != 0
    assert "guard.metrics[0].direction" in run.stdout
    lab.assert_settled("1.1.0")


def test_a_release_that_gets_slow_goes_back(lab):
    assert lab.play("watch", evenkeel_looks=1).rc == 0
    Exporter.p95 = 0.5
    try:
        run = lab.play("watch", evenkeel_watch_version="1.1.0")
    finally:
        Exporter.p95 = 0.2
    assert run.rc != 0
    said = run.result("Fail when the release was bad")["msg"]
    assert "p95 is above what was usual before, since" in said
    assert said.endswith("It was rolled back.")
    lab.assert_settled("1.0.0")
    [hold] = lab.entries(kind="hold")
    assert (hold.release, hold.body["state"]) == ("1.1.0", "held")
    assert "its first hour was bad: shop 1.1.0" in hold.body["reason"]


def test_a_way_back_is_not_watched_back_again(lab):
    run = lab.play("watch", evenkeel_looks=1, evenkeel_watch_version="1.1.0")
    assert run.rc != 0
    assert "1.1.0 does not serve shop: it was replaced by 1.0.0" in run.stdout
    lab.assert_settled("1.0.0")
    stale = lab.play("rollback", evenkeel_rollback_of=lab.entries(kind="deployment", phase="intent")[-1].id)
    assert stale.rc != 0
    assert "nothing was changed: the last one is the rollback of 1.0.0" in stale.stdout
    lab.assert_settled("1.0.0")
