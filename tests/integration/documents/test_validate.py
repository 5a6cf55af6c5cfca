# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/validate.yml as a user runs it, on an inventory of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.tests.unit.approval.kit import Place

HOSTS = """\
all:
  hosts: {localhost: {ansible_connection: local}}
  children:
    development: {children: {development_db: {hosts: {dev-db: }}, development_web: {hosts: {dev-web: }}}}
    staging: {children: {staging_db: {hosts: {stg-db: }}, staging_web: {hosts: {stg-web: }}}}
"""
ENVIRONMENT = """\
evenkeel_environment:
  name: {name}
  tier: {name}
  kind: permanent
  owner: team-shop
  stage: {stage}
  provider: process
  data_policy: masked
"""
SERVICES = """\
shop_component: shop
evenkeel_services:
  database: {{engine: postgresql, hosts: {name}_db, database: shop}}
  shop:
    engine: application
    hosts: {name}_web
    depends_on: [database]
    uses: {{database: database}}
    component: "{{{{ shop_component }}}}"
    strategy: blue_green
    runtime: process
    command: [shop, serve]
    probes: [{{name: ready, type: http, path: /}}]
"""
RELEASE: dict[str, Any] = {
    "version": "1.1.0",
    "type": "minor",
    "owner": "team-shop",
    "summary": "Loyalty tiers",
    "changelog": ["Customers have a loyalty tier"],
    "components": {"shop": {"version": "1.1.0", "artifact": "shop-1.1.0.tar.gz", "sha256": "a" * 64}},
    "rollback": {"criteria": ["error rate over 1 %"], "max_minutes": 10, "migration": "expand"},
}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    folder = tmp_path / "inventory"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "releases").mkdir()
    (folder / "hosts.yml").write_text(HOSTS)
    for stage, name in enumerate(("development", "staging"), 1):
        text = ENVIRONMENT.format(name=name, stage=stage) + SERVICES.format(name=name)
        (folder / "group_vars" / f"{name}.yml").write_text(text)
    (folder / "releases" / "1.1.0.yml").write_text(yaml.safe_dump(RELEASE))
    return folder


def edit(file: Path, old: str, new: str) -> int:
    """Returns the line that changed."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize("check", [False, True])
def test_good_documents_pass(playbook: Any, inventory: Path, check: bool) -> None:
    run = playbook(
        "evenkeel.release.validate",
        inventory=inventory / "hosts.yml",
        extra_vars={
            "evenkeel_releases_dir": str(inventory / "releases"),
            "evenkeel_target": "staging",
            "evenkeel_version": "1.1.0",
        },
        check=check,
    )
    assert run.rc == 0, run.stdout
    result = run.result("Report every fault")
    assert result["faults"] == []
    assert result["checked"] == {"environments": 2, "services": 4, "releases": 1, "policies": 0, "masking": 0}
    assert run.changed == 0


def test_every_fault_is_in_one_report(playbook: Any, inventory: Path) -> None:
    staging = inventory / "group_vars" / "staging.yml"
    tier = edit(staging, "tier: staging", "tier: stagin")
    typo = edit(staging, "  owner: team-shop", "  ownr: team-shop")
    edit(staging, "stage: 2", "stage: 2\n  promotes_from: test")
    needs = edit(staging, "depends_on: [database]", "depends_on: [databse]")
    hosts = edit(staging, "hosts: staging_web", "hosts: development_web")
    twice = edit(staging, "    runtime: process", "    runtime: process\n    runtime: systemd") + 1
    drift = staging.read_text().count("\n") + 2
    staging.write_text(staging.read_text() + "evenkeel_drift:\n  severities: [{match: 'file:/srv/**', severity: severe}]\n")
    release = inventory / "releases" / "1.1.0.yml"
    release.write_text(release.read_text().replace("a" * 64, "a" * 63))
    (inventory / "releases" / "1.2.0.yml").write_text("version: 1.2.0\n  type: minor\n")

    run = playbook(
        "evenkeel.release.validate",
        inventory=inventory / "hosts.yml",
        extra_vars={"evenkeel_releases_dir": str(inventory / "releases")},
    )

    assert run.rc != 0
    result = run.result("Report every fault")
    faults = {(fault["path"], fault["line"]): fault for fault in result["faults"]}
    wrong = faults["evenkeel_environment.tier", tier]
    assert wrong["file"] == str(staging)
    assert wrong["found"] == '"stagin"'
    assert wrong["hint"] == "did you mean staging?"
    assert faults["evenkeel_environment.ownr", typo]["hint"] == "did you mean owner?"
    assert faults["evenkeel_services.shop.depends_on[0]", needs]["hint"] == "did you mean database?"
    assert "dev-web" in faults["evenkeel_services.shop.hosts", hosts]["found"]
    assert f"lines {twice - 1} and {twice}" in faults["evenkeel_services.shop.runtime", twice]["found"]
    assert faults["evenkeel_drift.severities[0].severity", drift]["found"] == '"severe"'
    paths = {path for path, _line in faults}
    assert {"evenkeel_environment.owner", "evenkeel_environment.promotes_from", "components.shop.sha256"} <= paths
    assert faults["(document)", 2]["file"].endswith("1.2.0.yml")
    for fault in result["faults"]:
        assert fault["path"] in result["msg"]
    assert f"{staging}:{tier}" in result["msg"]
    assert run.changed == 0


def test_an_undefined_variable_is_a_fault(playbook: Any, inventory: Path) -> None:
    edit(inventory / "group_vars" / "staging.yml", "shop_component: shop", "other: shop")
    run = playbook("evenkeel.release.validate", inventory=inventory / "hosts.yml")
    assert run.rc != 0
    message = run.result("Report every fault")["msg"]
    assert "shop_component" in message
    assert "evenkeel_services" in message


def test_a_release_that_does_not_fit_its_target(playbook: Any, inventory: Path) -> None:
    edit(inventory / "group_vars" / "staging.yml", "shop_component: shop", "shop_component: shoppe")
    run = playbook(
        "evenkeel.release.validate",
        inventory=inventory / "hosts.yml",
        extra_vars={
            "evenkeel_releases_dir": str(inventory / "releases"),
            "evenkeel_target": "staging",
            "evenkeel_version": "1.1.0",
        },
    )
    assert run.rc != 0
    message = run.result("Report every fault")["msg"]
    assert "shoppe, which release 1.1.0 lacks" in message
    assert "the component shop, which no service of staging uses" in message


def test_bookings_and_handoffs_are_documents(playbook: Any, inventory: Path, tmp_path: Path) -> None:
    (tmp_path / "reservations").mkdir()
    (tmp_path / "handoffs").mkdir()
    (tmp_path / "reservations" / "a.yml").write_text("lanes: {l: [nowhere]}\n")
    (tmp_path / "handoffs" / "b.yml").write_text("name: c\n")
    extra = {f"evenkeel_{name}_dir": str(tmp_path / name) for name in ("reservations", "handoffs")}
    run = playbook("evenkeel.release.validate", inventory=inventory, extra_vars=extra)
    assert run.rc != 0
    found = {(Path(fault["file"]).name, fault["path"]) for fault in run.result("Report every fault")["faults"]}
    assert {("a.yml", "lanes.l[0]"), ("b.yml", "checkpoints"), ("b.yml", "name")} <= found


def test_the_trusted_place_is_checked_with_the_rest(playbook: Any, inventory: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    extra = {"evenkeel_trust_dir": str(place.trust)}
    assert playbook("evenkeel.release.validate", inventory=inventory, extra_vars=extra).rc == 0
    place.approvals["rules"][0]["people"] = "two"
    place.people["people"]["ann"]["aliases"].append("awx:bob")
    place.write()
    run = playbook("evenkeel.release.validate", inventory=inventory, extra_vars=extra)
    assert run.rc != 0
    found = {(Path(fault["file"]).name, fault["path"]) for fault in run.result("Report every fault")["faults"]}
    assert {name for name, _path in found} == {"approvals.yml", "people.yml"}
    (place.trust / "people.yml").chmod(0o666)
    loose = playbook("evenkeel.release.validate", inventory=inventory, extra_vars=extra)
    assert "can be written by others" in loose.result("Report every fault")["msg"]
