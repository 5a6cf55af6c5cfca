# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAYBOOK = "evenkeel.release.data_purge"
POLICY = {
    "name": "shop",
    "classes": {"test": "30d"},
    "rules": [
        {"table": "main.orders", "column": "placed", "class": "test", "reason": "orders of test runs"},
        {"table": "main.sessions", "column": "seen", "older_than": "ttl", "unit": "seconds", "reason": "nobody is logged in that long"},
    ],
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "create table orders (id integer primary key, placed text); create table sessions (id integer primary key, seen integer);"
            "insert into orders values (1, '2020-01-01T00:00:00Z'), (2, '2020-01-02 00:00:00'), (3, '2999-01-01'), (4, 'never');"
            "insert into sessions values (1, 5), (2, 99999999999);"
        )
    (tmp_path / "shop.yml").write_text(yaml.safe_dump(POLICY))
    return path


def run(playbook: Any, shop: Path, *, tier: str = "test", check: bool = False, **more: Any) -> Any:
    environment = {"name": "test", "tier": tier, "kind": "ephemeral", "owner": "team-shop", "stage": 1, "provider": "existing", "ttl": "7d"}
    service = {"engine": "sqlite", "hosts": "test_db", "depends_on": [], "database": str(shop)}
    hosts = {"test1": {"ansible_host": "127.0.0.1", "ansible_connection": "local"}}
    group = {"children": {"test_db": {"hosts": hosts}}, "vars": {"evenkeel_environment": environment, "evenkeel_services": {"database": service}}}
    extra = {"evenkeel_target": "test", "evenkeel_retention": "shop", "evenkeel_retention_dir": str(shop.parent), **more}
    return playbook(PLAYBOOK, inventory={"all": {"children": {"test": group}}}, extra_vars=extra, check=check)


def left(shop: Path) -> list[int]:
    with sqlite3.connect(shop) as connection:
        return [connection.execute(f"select count(*) from {table}").fetchone()[0] for table in ("orders", "sessions")]


def test_reported_then_purged_with_entries_in_the_ledger(playbook: Any, shop: Path) -> None:
    reported = run(playbook, shop)
    assert reported.rc == 0, reported.stdout
    entry = reported.result("Record the outcome")["entry"]
    assert (entry["kind"], entry["body"]["state"], entry["body"]["expired"], entry["body"]["removed"]) == ("data_purge", "reported", 3, 0)
    assert left(shop) == [4, 2]
    planned = run(playbook, shop, check=True, data_purge_state="purged")
    assert planned.rc == 0, planned.stdout
    assert left(shop) == [4, 2]
    done = run(playbook, shop, data_purge_state="purged")
    assert done.rc == 0, done.stdout
    assert done.result("Record the outcome")["entry"]["body"]["removed"] == 3
    assert left(shop) == [2, 1]
    assert run(playbook, shop, data_purge_state="purged").result("Record the outcome")["entry"]["body"]["changed"] is False


def test_production_is_refused_and_the_failure_is_recorded(playbook: Any, shop: Path) -> None:
    done = run(playbook, shop, tier="production", data_purge_state="purged")
    assert done.rc != 0
    assert "production: true" in done.stdout
    assert done.result("Record the failure")["entry"]["body"]["verdict"] == "failed"
    assert left(shop) == [4, 2]
