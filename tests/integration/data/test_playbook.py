# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, POLICY

PLAYBOOK = "evenkeel.release.data_sync"


def inventory(pg: Any, shops: tuple[str, str], **environment: Any) -> dict[str, Any]:
    groups = {}
    for name, database, tier in (("production", shops[0], "production"), ("staging", shops[1], "staging")):
        service = {"engine": "postgresql", "hosts": f"{name}_db", "depends_on": [], "port": pg.port, "database": database}
        declared = {
            "name": name,
            "tier": tier,
            "kind": "permanent",
            "owner": "team-shop",
            "stage": 1,
            "provider": "existing",
            "data_policy": "masked" if name == "staging" else "production",
            **(environment if name == "staging" else {}),
        }
        shared = {
            "evenkeel_environment": declared,
            "evenkeel_services": {"database": service},
            "secrets": {"database_password": pg.password, "masking_key": KEY},
        }
        hosts = {f"{name}1": {"ansible_host": "127.0.0.1", "ansible_connection": "local"}}
        groups[name] = {"children": {f"{name}_db": {"hosts": hosts}}, "vars": shared}
    return {"all": {"children": groups}}


def run(pg: Any, shops: tuple[str, str], playbook: Any, folder: Path, *, check: bool = False, **environment: Any) -> Any:
    (folder / "shop.yml").write_text(yaml.safe_dump(POLICY))
    end = {"user": pg.user}
    extra = {
        "evenkeel_source": "production",
        "evenkeel_target": "staging",
        "evenkeel_masking": str(folder / "shop.yml"),
        "data_sync_source": end,
        "data_sync_target": end,
    }
    return playbook(PLAYBOOK, inventory=inventory(pg, shops, **environment), extra_vars=extra, check=check, args=("-vvv",))


def test_refresh_by_playbook_and_no_secret_in_its_output(pg: Any, shops: tuple[str, str], playbook: Any, tmp_path: Path) -> None:
    planned = run(pg, shops, playbook, tmp_path, check=True)
    assert planned.rc == 0, planned.stdout
    assert pg.psql(shops[1], "select name from customers") == "Before"
    done = run(pg, shops, playbook, tmp_path)
    assert done.rc == 0, done.stdout
    assert pg.psql(shops[1], "select count(*) from customers") == "500"
    for secret in (KEY, pg.password, "Person 1"):
        assert secret not in done.stdout + done.stderr


def test_refused_by_data_policy(pg: Any, shops: tuple[str, str], playbook: Any, tmp_path: Path) -> None:
    done = run(pg, shops, playbook, tmp_path, data_policy="synthetic")
    assert done.rc != 0
    assert "data_policy synthetic" in done.stdout
    assert pg.psql(shops[1], "select name from customers") == "Before"


def test_a_failure_is_recorded_and_fails_the_run(pg: Any, shops: tuple[str, str], playbook: Any, tmp_path: Path) -> None:
    for name in shops:
        pg.psql(name, "alter table customers add work_email text")
    done = run(pg, shops, playbook, tmp_path)
    assert done.rc != 0
    assert "work_email: {mask: email}" in done.stdout
    assert done.result("Record the failure")["entry"]["body"]["verdict"] == "failed"
