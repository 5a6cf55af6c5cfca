# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong is named: the service, the probe, the end of its log. What is not ours is only looked at."""

from __future__ import annotations

import socket

import pytest

from .scene import Scene, environment, processes


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_process_that_cannot_start_is_named_with_its_log(scene: Scene, taken):
    broken = environment(
        "broken", services={"balancer": {"engine": "haproxy", "port": taken}, "app": {"engine": "application", "uses": {"balancer": "balancer"}}}
    )
    run = scene.play("provision", "broken", groups=(broken,), provision_wait_seconds=20)
    assert run.rc != 0
    message = run.result("The environment is ready", "broken-balancer")["msg"]
    assert "balancer-broken-balancer (haproxy)" in message
    assert "cannot bind socket" in message
    scene.must("teardown", "broken", groups=(broken,))


def test_a_probe_that_fails_is_named_and_dependants_do_not_start(scene: Scene, free_port):
    probe = {"name": "never answers", "type": "tcp", "port": free_port()}
    services = {"first": {"engine": "haproxy", "probes": [probe]}, "second": {"engine": "haproxy", "depends_on": ["first"]}}
    unready = environment("unready", services=services)
    run = scene.play("provision", "unready", groups=(unready,), provision_wait_seconds=2)
    assert run.rc != 0
    assert "first: never answers" in run.result("The environment is ready", "unready-first")["msg"]
    assert "last lines of the logs" in run.result("The environment is ready", "unready-first")["msg"]
    assert processes(scene.state / "environments/unready/second") == []
    scene.must("teardown", "unready", groups=(unready,))
    assert processes(scene.state) == []


def test_existing_hosts_are_probed_and_nothing_starts(scene: Scene, taken, free_port):
    services = {"there": {"engine": "haproxy", "port": taken}}
    there = environment("there", provider="existing", services=services)
    run = scene.must("provision", "there", groups=(there,))
    assert run.changed == 0
    assert processes(scene.state) == []
    services["gone"] = {"engine": "postgresql", "port": free_port()}
    gone = environment("there", provider="existing", services=services)
    run = scene.play("provision", "there", groups=(gone,), provision_wait_seconds=1)
    assert run.rc != 0
    assert "gone: accepts connections" in run.result("The environment is ready", "there-gone")["msg"]
    assert processes(scene.state) == []


def test_a_password_that_is_a_public_name_is_refused(scene: Scene):
    weak = environment("weak", services={"database": {"engine": "postgresql", "database": "shop"}})
    secrets = {"database": {"databases": [{"name": "shop", "owner": "shop", "password": "shop"}]}}
    run = scene.play("provision", "weak", groups=(weak,), provision_secrets=secrets)
    assert run.rc != 0
    assert "password is also a public name" in run.result("The environment is ready", "weak-database")["msg"]
    assert processes(scene.state) == []
