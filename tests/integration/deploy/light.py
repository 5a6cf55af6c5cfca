# SPDX-License-Identifier: GPL-3.0-or-later
"""A production of four hosts in two zones whose service is faster than what is in front of it: a HAProxy that answers its release's name.

No database and no vault, so that a deployment is short and what is measured are requests."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile

import yaml
from ansible_collections.evenkeel.release.tests.integration.support import haproxy
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner
from ansible_collections.evenkeel.release.tests.integration.support.process import state_folder

from .lab import ROOT, TARGET, Lab

ZONES = {"production-web1": "a", "production-web2": "a", "production-web3": "b", "production-web4": "b"}
RELEASES = {"1.0.0": "first", "1.1.0": "second"}
CONFIG = """\
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
frontend shop
    bind "${SHOP_ADDRESS}:${SHOP_PORT}"
    http-request return status 200 content-type text/plain string "%s"
"""


class Light(Lab):
    def __init__(self, *, strategy: str = "rolling", rollout: dict[str, object] | None = None) -> None:
        self.state = state_folder("ek-")
        self.runner = PlaybookRunner(self.state / "ansible")
        self.inventory = self.state / "inventory.yml"
        self.inventory.write_text(yaml.safe_dump(_inventory(self.state, _services(strategy, rollout))))
        for folder in ("artifacts/releases", "policies"):
            (self.state / folder).mkdir(parents=True)
        shutil.copy(ROOT / "inventories/demo/policies/every-release.yml", self.state / "policies")
        for version, body in RELEASES.items():
            _package(self.state / "artifacts", version, CONFIG % body)

    def edit_environment(self, **change):
        """From now on its document has these keys."""
        known = yaml.safe_load(self.inventory.read_text())
        known["all"]["children"][TARGET]["vars"]["evenkeel_environment"].update(change)
        self.inventory.write_text(yaml.safe_dump(known))

    @property
    def port(self) -> int:
        return int(next(iter(self.endpoints("balancer").values()))["ports"]["http"])


def _services(strategy, rollout):
    shop = {
        "engine": "application",
        "hosts": f"{TARGET}_web",
        "uses": {"balancer": "balancer"},
        "component": "shop",
        "strategy": strategy,
        "runtime": "process",
        "command": [str(haproxy.binary()), "-db", "-f", "{release_dir}/shop.cfg"],
        "environment": {"SHOP_ADDRESS": "{address}", "SHOP_PORT": "{port}"},
        "probes": [{"name": "ready", "type": "http", "path": "/"}],
    }
    if rollout:
        shop["rollout"] = rollout
    return {"balancer": {"engine": "haproxy", "hosts": f"{TARGET}_lb", "probes": [{"name": "listens", "type": "tcp"}]}, "shop": shop}


def _inventory(state, services):
    environment = {"name": TARGET, "tier": "production", "kind": "permanent", "owner": "team-shop", "stage": 1, "provider": "process", "data_policy": "none"}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "evenkeel_state_dir": str(state),
        "evenkeel_releases_dir": str(state / "artifacts/releases"),
        "evenkeel_policies_dir": str(state / "policies"),
    }
    children = {
        f"{TARGET}_lb": {"hosts": {f"{TARGET}-lb": None}},
        f"{TARGET}_web": {"hosts": {name: {"evenkeel_zone": zone} for name, zone in ZONES.items()}},
    }
    group = {"vars": {"evenkeel_environment": environment, "evenkeel_services": services}, "children": children}
    return {"all": {"vars": variables, "hosts": {"localhost": None}, "children": {TARGET: group}}}


def _package(folder, version, config):
    artifact = folder / f"shop-{version}.tar.gz"
    with tarfile.open(artifact, "w:gz") as archive:
        entry = tarfile.TarInfo("shop.cfg")
        entry.size, entry.mode = len(config.encode()), 0o644
        archive.addfile(entry, io.BytesIO(config.encode()))
    content = artifact.read_bytes()
    component = {"version": version, "artifact": str(artifact), "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    document = {
        "version": version,
        "type": "minor",
        "owner": "team-shop",
        "summary": f"It answers its name, {config.split()[-1]}.",
        "changelog": ["Another name."],
        "change": "CHG0001",
        "components": {"shop": component},
        "rollback": {"criteria": ["A probe fails."], "max_minutes": 5, "migration": "none"},
    }
    (folder / f"releases/{version}.yml").write_text(yaml.safe_dump(document, sort_keys=False))
