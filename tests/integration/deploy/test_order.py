# SPDX-License-Identifier: GPL-3.0-or-later
"""Two applications on the same hosts, one of which needs the other: forward it comes after it, and goes back before it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from .lab import TARGET, Thief
from .light import Light


@pytest.fixture(scope="module")
def lab():
    with Light() as made:
        known = yaml.safe_load(made.inventory.read_text())
        services = known["all"]["children"][TARGET]["vars"]["evenkeel_services"]
        # Named so that neither the order of the alphabet nor that of the document is the right one.
        services["admin"] = {**services["shop"], "depends_on": ["shop"], "uses": {}}
        known["all"]["children"][TARGET]["vars"]["evenkeel_services"] = {name: services[name] for name in ("admin", "balancer", "shop")}
        made.inventory.write_text(yaml.safe_dump(known, sort_keys=False))
        made.must("provision")
        made.must("deploy", evenkeel_version="1.0.0")
        made.must("deploy", evenkeel_version="1.1.0")
        yield made


def switched(lab, service):
    """{host: when its link was pointed at another release, in nanoseconds}."""
    return {host: Path(at["paths"]["root"], "current").lstat().st_ctime_ns for host, at in lab.endpoints(service).items()}


def test_forward_what_is_needed_comes_first(lab):
    needed, needs = switched(lab, "shop"), switched(lab, "admin")
    assert len(needed) == 4
    assert all(needed[host] < needs[host] for host in needed), (needed, needs)


def test_a_failure_brings_them_back_in_the_other_order(lab):
    with Thief(lab, "production-web3"):
        run = lab.play("deploy", evenkeel_version="1.0.0", deploy_ready_seconds=3, deploy_bake=False)
    assert run.rc != 0
    touched = ("production-web1", "production-web2")
    assert {lab.current()[host] for host in touched} == {"1.1.0"}
    needed, needs = switched(lab, "shop"), switched(lab, "admin")
    assert all(needs[host] < needed[host] for host in touched), (needed, needs)
    lab.play("recover")
    assert set(lab.current().values()) == {"1.1.0"}


def test_back_what_needs_another_goes_first(lab):
    lab.must("rollback")
    assert set(lab.current().values()) == {"1.0.0"}
    needed, needs = switched(lab, "shop"), switched(lab, "admin")
    assert all(needs[host] < needed[host] for host in needed), (needed, needs)
    planned = lab.entries(kind="rollback", phase="intent")[-1].body["plan"]["services"]
    assert [each["service"] for each in planned] == ["admin", "shop"]
