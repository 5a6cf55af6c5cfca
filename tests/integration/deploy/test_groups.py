# SPDX-License-Identifier: GPL-3.0-or-later
"""Blue-green deployments whose colours live on hosts of their own, asked at the preview address before the switch."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
import yaml

from .lab import Lab, Users

GROUPS = {"production_blue": ["production-web1", "production-web2"], "production_green": ["production-web3", "production-web4"]}
# As the rehearsal of the demo, by way of the balancer: the broken release fails under load alone.
GOOD = [{"metric": "error_rate", "op": "eq", "value": 0}]
PATHS = {"front page": "/", "orders of a customer": "/orders?customer=7", "version": "/version"}
SMOKE = [{"name": name, "type": "http", "path": path, "samples": 100, "conditions": GOOD} for name, path in PATHS.items()]


def declare_groups(lab):
    colours = str({colour: f"{{{{ evenkeel_environment.name }}}}_{colour}" for colour in ("blue", "green")})
    lab.declare(f"blue_green\n    colours: {colours}\n    smoke: {SMOKE}")
    lab.skip_the_rehearsal()
    hosts = yaml.safe_load(lab.inventory.read_text())
    for name, environment in hosts["all"]["children"]["shop_environments"]["children"].items():
        members = {f"{name}_{colour}": GROUPS.get(f"{name}_{colour}") or [f"{name}-{colour}1"] for colour in ("blue", "green")}
        environment["children"][f"{name}_web"] = {"children": {group: {"hosts": dict.fromkeys(found)} for group, found in members.items()}}
    lab.inventory.write_text(yaml.safe_dump(hosts))


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        declare_groups(made)
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0")
        yield made


def installed(lab, host):
    return {path.name for path in Path(lab.endpoints("shop")[host]["paths"]["root"], "releases").glob("*") if path.is_dir()}


def current(lab):
    """{host: version its link points at}, of the hosts that have one."""
    roots = {host: Path(at["paths"]["root"], "current") for host, at in lab.endpoints("shop").items()}
    return {host: link.resolve().name for host, link in roots.items() if link.is_symlink()}


def preview(lab):
    at = next(iter(lab.endpoints("balancer").values()))
    with urllib.request.urlopen(f"http://{at['address']}:{at['ports']['preview']}/version", timeout=5) as answer:
        return json.load(answer)["version"]


def assert_settled(lab, version, group):
    assert lab.served() == version
    assert current(lab) == dict.fromkeys(GROUPS[group], version)
    assert {host for host, colours in lab.listening().items() if colours} == set(GROUPS[group])
    assert lab.open_intents() == []


def test_each_colour_has_its_own_servers(lab):
    ports = {host: set(at["ports"]) for host, at in lab.endpoints("shop").items()}
    assert ports == {host: {group.partition("_")[2]} for group, members in GROUPS.items() for host in members}
    assert_settled(lab, "1.0.0", "production_green")


def test_a_release_goes_to_the_other_group_without_a_failed_request(lab):
    with Users(lab) as users:
        lab.must("deploy", evenkeel_version="1.1.0")
    assert users.summary["failed"] == 0
    assert installed(lab, "production-web1") == {"1.1.0"}
    assert installed(lab, "production-web3") == {"1.0.0"}
    assert_settled(lab, "1.1.0", "production_blue")


def test_a_bad_release_is_found_at_its_preview_address(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.2.0")
    assert run.rc != 0
    assert users.summary["failed"] == 0
    assert set(users.summary["by_version"]) == {"1.1.0"}
    assert_settled(lab, "1.1.0", "production_blue")


def test_the_preview_address_has_the_new_release_before_any_user_has_it(lab):
    lab.killed("deploy", at="Set the balancer's map", evenkeel_version="1.0.0")
    assert (preview(lab), lab.served()) == ("1.0.0", "1.1.0")
    lab.must("recover")
    assert_settled(lab, "1.1.0", "production_blue")


def test_the_old_group_is_kept_warm_on_request_and_taken_by_a_rollback(lab):
    lab.must("deploy", evenkeel_version="1.0.0")
    assert_settled(lab, "1.0.0", "production_green")
    lab.must("deploy", evenkeel_version="1.1.0", evenkeel_confirm=False)
    assert lab.served() == "1.1.0"
    assert all(lab.listening().values()), "the old group was stopped"
    with Users(lab) as users:
        lab.must("rollback")
    assert users.summary["failed"] == 0
    assert_settled(lab, "1.0.0", "production_green")
