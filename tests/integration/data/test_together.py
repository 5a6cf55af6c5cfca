# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL and SQLite in one refresh: one moment, common masks, and both switch or none does."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.together import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, POLICY
from ansible_collections.evenkeel.release.tests.integration.data.test_playbook import PLAYBOOK, inventory

KEPT = {"keep": "no personal value"}
CRM_SCHEMA = "create table contacts (id integer primary key, email text not null unique, nick text)"
CRM: dict[str, Any] = {
    "name": "crm",
    "version": 1,
    "tables": {"main.contacts": {"columns": {"id": KEPT, "email": {"mask": "email"}, "nick": {"mask": "name", "domain": "person"}}}},
}


@pytest.fixture
def contacts(tmp_path: Path) -> tuple[Path, Path]:
    paths = (tmp_path / "crm-production.db", tmp_path / "crm-staging.db")
    rows = [(number, f"person{number}@mail.example", f"Person {number}") for number in range(1, 101)]
    for path, filled in zip(paths, (rows, [(1, "before@x", "Before")])):
        connection = sqlite3.connect(path)
        connection.execute(CRM_SCHEMA)
        connection.executemany("insert into contacts values (?, ?, ?)", filled)
        connection.commit()
        connection.close()
    return paths


def both(pg: Any, shops: tuple[str, str], contacts: tuple[Path, Path], **more: Any) -> list[dict[str, Any]]:
    common = {
        "target_tier": "staging", "key": KEY, "mode": "full", "phase": "all", "workers": 1, "lock_timeout": 2.0, "statement_timeout": 0.0, "throttle": 0.0,
        "proof": {"enabled": True, "remask_percent": 2, "leak_scan": True, "leak_min_length": 6, "minimum_k": 0}, **more,
    }  # fmt: skip
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password}
    return [
        {**common, "name": "shop", "engine": "postgresql", "policy": POLICY, "source": {**place, "dbname": shops[0]}, "target": {**place, "dbname": shops[1]}},
        {**common, "name": "crm", "engine": "sqlite", "policy": CRM, "source": {"path": str(contacts[0])}, "target": {"path": str(contacts[1])}},
    ]


def crm(contacts: tuple[Path, Path], text: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(contacts[1])
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def as_before(pg: Any, shops: tuple[str, str], contacts: tuple[Path, Path]) -> bool:
    return pg.psql(shops[1], "select name from customers") == "Before" and crm(contacts, "select nick from contacts") == [("Before",)]


def test_both_switch_and_a_person_is_the_same_in_both(pg: Any, shops: tuple[str, str], contacts: tuple[Path, Path]) -> None:
    done = synchronize(both(pg, shops, contacts), check_mode=False, tell=lambda _event: None)
    assert done["changed"]
    assert done["snapshots_apart"] < 30
    shown = pg.psql(shops[1], "select string_agg(email || '|' || name, ',' order by id) from customers where id <= 100")
    assert shown == ",".join(f"{email}|{nick}" for email, nick in crm(contacts, "select email, nick from contacts order by id"))
    again = synchronize(both(pg, shops, contacts), check_mode=False, tell=lambda _event: None)
    assert not again["changed"]


def test_what_is_written_after_the_snapshot_does_not_come_along(pg: Any, shops: tuple[str, str], contacts: tuple[Path, Path]) -> None:
    seen: list[str] = []

    def tell(event: dict[str, Any]) -> None:
        if event.get("event") == "snapshot" and event["name"] == "shop":
            seen.append(event["name"])
            pg.psql(shops[0], "insert into customers (name, email, country) values ('Late Person', 'late@mail.example', 'DE')")
            time.sleep(0.1)

    synchronize(both(pg, shops, contacts), check_mode=False, tell=tell)
    assert seen
    assert pg.psql(shops[1], "select count(*) from customers") == "500"


@pytest.mark.parametrize("fault", ["sqlite cannot be written", "postgresql cannot be locked", "sqlite leaks"])
def test_one_that_fails_keeps_both_as_they_were(pg: Any, shops: tuple[str, str], contacts: tuple[Path, Path], fault: str) -> None:
    databases = both(pg, shops, contacts)
    holder: Any = None
    if fault.startswith("postgresql"):
        import psycopg

        holder = psycopg.connect(pg.url(shops[1]))
        holder.execute("select * from customers")  # an open reader: the swap has to wait for it, in vain
    else:
        holder = sqlite3.connect(contacts[1] if "written" in fault else contacts[0], isolation_level=None)
        holder.execute("begin immediate" if "written" in fault else "update contacts set nick = 'person7@mail.example' where id = 1")
        if "leaks" in fault:
            databases[1]["policy"] = {**CRM, "tables": {"main.contacts": {"columns": {**CRM["tables"]["main.contacts"]["columns"], "nick": KEPT}}}}
    with pytest.raises(SyncError, match=r"^(crm|shop): "):
        synchronize(databases, check_mode=False, tell=lambda _event: None)
    holder.close()
    assert as_before(pg, shops, contacts)
    databases = both(pg, shops, contacts)
    assert synchronize(databases, check_mode=False, tell=lambda _event: None)["changed"]
    assert not list(contacts[1].parent.glob("*.evenkeel*"))


def test_a_playbook_refreshes_what_declares_data(pg: Any, shops: tuple[str, str], contacts: tuple[Path, Path], playbook: Any, tmp_path: Path) -> None:
    masking = tmp_path / "masking"
    masking.mkdir()
    for policy in (POLICY, CRM):
        (masking / f"{policy['name']}.yml").write_text(yaml.safe_dump(policy))
    groups = inventory(pg, shops)
    for number, (name, group) in enumerate(groups["all"]["children"].items()):
        services = group["vars"]["evenkeel_services"]
        services["database"]["data"] = {"masking": "shop", "mode": "auto", "lag_wait": 0, "queues": [{"name": "outbox", "sql": "select count(*) from audit"}]}
        services["crm"] = {"engine": "sqlite", "hosts": f"{name}_db", "database": str(contacts[number]), "data": {"masking": "crm"}}
    extra = {
        "evenkeel_source": "production",
        "evenkeel_target": "staging",
        "evenkeel_masking_dir": str(masking),
        "data_sync_overrides": {"database": {"source": {"user": pg.user}, "target": {"user": pg.user}}},
    }
    pg.psql(shops[0], "insert into audit values ('not sent yet')")
    refused = playbook(PLAYBOOK, inventory=groups, extra_vars=extra)
    assert refused.rc != 0
    assert "outbox" in refused.stdout
    assert as_before(pg, shops, contacts)
    pg.psql(shops[0], "delete from audit")
    planned = playbook(PLAYBOOK, inventory=groups, extra_vars=extra, check=True)
    assert planned.rc == 0, planned.stdout
    said = planned.result("Show the plan or what was done")["msg"]
    assert any(line.startswith("database: would be refreshed, mode full (a barrier needs a shadow to switch to); 2 tables, about ") for line in said)
    assert any(line.startswith("  1. public.") for line in said)
    assert "  1. main.contacts: about 100 rows, masks email, nick (name)" in said
    assert not list(planned.state_dir.glob("ledger*"))
    assert as_before(pg, shops, contacts)
    done = playbook(PLAYBOOK, inventory=groups, extra_vars=extra)
    assert done.rc == 0, done.stdout
    assert pg.psql(shops[1], "select count(*) from customers") == "500"
    body = done.result("Record the outcome")["entry"]["body"]
    assert (body["proof"], set(body["databases"])) == ("passed", {"database", "crm"})
    assert KEY not in done.stdout + done.stderr
