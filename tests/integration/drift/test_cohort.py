# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one environment among themselves, as a user runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

SHOP = "[server]\nlisten = {host}:8000\npage_size = {size}\n[database]\npassword = {password}\n"
SECRET, OTHER = "correct-horse-battery", "planted-Qx7-secret"
HOSTS = ("web1", "web2", "web3")


class Site:
    def __init__(self, folder: Path, playbook: Any) -> None:
        self.folder, self.playbook, self.state = folder, playbook, folder / "state"
        for host in HOSTS:
            self.write(host)

    def write(self, host: str, size: int = 20, password: str = SECRET) -> None:
        path = self.folder / host / "shop.ini"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SHOP.format(host=host, size=size, password=password))
        path.chmod(0o600)

    def run(self, **more: Any) -> Any:
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        root = f"{self.folder}/{{{{ inventory_hostname }}}}"
        drift = {"root": root, "collectors": ["config"], "config": ["{root}/shop.ini"]}
        variables = {
            "evenkeel_environment": {"name": "production", "tier": "production"},
            "evenkeel_services": {
                "shop": {"engine": "application", "hosts": "production", "drift": drift},
                "other": {"engine": "application", "hosts": "elsewhere", "drift": drift},
            },
            "evenkeel_drift": {"normalize": [{"match": "**", "values": ["host"]}]},
        }
        children = {
            "production": {"hosts": dict.fromkeys(HOSTS, local), "vars": variables},
            "elsewhere": {"hosts": {"localhost": {}}},
        }
        return self.playbook(
            "evenkeel.release.drift",
            inventory={"all": {"hosts": {"localhost": local}, "vars": {"evenkeel_state_dir": str(self.state)}, "children": children}},
            extra_vars={"evenkeel_target": "production", "drift_state": "cohort", **more},
            env={"EVENKEEL_STATE_DIR": str(self.state)},
        )

    def entries(self) -> list[Any]:
        return open_store(f"sqlite:///{self.state / 'ledger.sqlite'}").entries()


def test_the_outlier_is_named_and_equal_hosts_are_not(tmp_path: Path, playbook: Any) -> None:
    site = Site(tmp_path / "site", playbook)
    site.write("web3", 500, OTHER)
    told = site.run(drift_fail_at="high")
    assert told.rc == 0, told.stdout + told.stderr
    assert told.changed == 0
    (entry,) = site.entries()
    assert (entry.kind, entry.phase, entry.subject, entry.body["verdict"]) == ("report", "fact", "cohort/shop", "failed")
    found = {finding["path"]: finding for finding in entry.body["findings"]}
    assert sorted(found) == ["config:shop.ini:database.password", "config:shop.ini:server.page_size"]
    size = found["config:shop.ini:server.page_size"]
    assert (size["kind"], size["hosts"], size["value"], size["majority"]) == ("foreign", ["web3"], {"value": "500"}, {"value": "20"})
    assert [(state["count"], state["hosts"]) for state in size["counts"]] == [(2, ["web1", "web2"]), (1, ["web3"])]
    assert (entry.body["score"], sorted(entry.body["hosts"])) == (36.0, sorted(HOSTS))
    assert "foreign config:shop.ini:server.page_size (value 20 -> 500)" in told.stdout
    assert "on web3, unlike 2 of 3 hosts" in told.stdout
    # Too few hosts: told, not failed and not recorded as passed.
    assert "production/other: not compared, 0 of the 3 hosts" in told.stdout

    gate = site.run(drift_fail_at="high", drift_cohort_gate=True, evenkeel_service="shop")
    assert gate.rc != 0
    assert "unlike the others: shop (failed): config:shop.ini:database.password on web3, config:shop.ini:server.page_size on web3." in gate.stdout
    everything = told.stdout + gate.stdout + str([entry.body for entry in site.entries()])
    assert SECRET not in everything
    assert OTHER not in everything
