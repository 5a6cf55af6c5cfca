# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._migrate.rollback import rollback_allowed
from ansible_collections.evenkeel.release.tests.integration.migrate.conftest import place
from ansible_collections.evenkeel.release.tests.integration.support import module
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner, Run
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

Folder = Callable[..., str]
ORDERS = "create table orders (id int primary key, note text);"
PRICE = "alter table orders add column price int;"
DROP = "-- evenkeel: contract\nalter table orders drop column note;"
HOSTS = {f"h{number}": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable} for number in range(4)}


@pytest.fixture
def database(pg: PostgreSQL) -> str:
    return pg.create_db()


@pytest.fixture
def migrate(pg: PostgreSQL, database: str, folder: Folder, playbook: PlaybookRunner) -> Callable[..., Run]:
    """The role on four hosts in two batches, or the tasks that are given before it."""

    def play(*before: dict[str, Any], entry: str = "main", check: bool = False, **variables: Any) -> Run:
        role = {"name": "evenkeel.release.migrate", "tasks_from": entry}
        wanted = {"migrate_subject": "shop", "migrate_path": folder(), "migrate_database": place(pg, database), **variables}
        tasks = [*before, {"name": "Migrate", "ansible.builtin.include_role": role, "vars": wanted}]
        plays = [{"hosts": "all", "gather_facts": False, "serial": 2, "tasks": tasks}]
        extra = {"evenkeel_target": "staging", "evenkeel_version": "1.1.0"}
        return playbook(plays, inventory={"all": {"hosts": HOSTS}}, extra_vars=extra, check=check)

    return play


def entries(run: Run) -> list[dict[str, Any]]:
    with open_store(f"sqlite:///{run.state_dir}/ledger.sqlite") as store:
        return [entry.as_dict() for entry in store.entries(kind="migration")]


def test_once_for_all_hosts_and_batches_and_contract_after_the_confirmation(pg: PostgreSQL, database: str, folder: Folder, migrate: Callable[..., Run]) -> None:
    folder(V1__orders=ORDERS, V2__price=PRICE, V3__drop=DROP)
    done = migrate()
    assert done.rc == 0, done.stdout
    intent, outcome = entries(done)
    assert (intent["phase"], intent["body"]["pending"], intent["body"]["one_way"]) == ("intent", ["V1__orders.sql", "V2__price.sql"], False)
    assert outcome["body"]["intent"] == intent["id"]
    body = outcome["body"]
    assert (body["verdict"], body["heads_before"], body["heads_after"], body["one_way"], body["changed"]) == ("passed", [], ["2"], False, True)
    assert [one["script"] for one in body["applied"]] == ["V1__orders.sql", "V2__price.sql"]

    early = migrate(migrate_phase="contract")
    assert early.rc != 0
    assert "takes away what the release before needs" in early.stdout
    assert len(entries(early)) == 2
    assert pg.psql(database, "select count(*) from orders") == "0"

    intent = {"kind": "deployment", "phase": "intent", "subject": "shop"}
    confirm = [
        {"name": "Deployed", "evenkeel.release.record": intent, "register": "deployment", "run_once": True},
        {
            "name": "Confirmed",
            "evenkeel.release.record": {**intent, "phase": "outcome", "intent": "{{ deployment.entry.id }}", "verdict": "passed"},
            "run_once": True,
        },
    ]
    late = migrate(*confirm, migrate_phase="contract")
    assert late.rc == 0, late.stdout
    last = entries(late)[-1]["body"]
    assert (last["phase"], last["heads_before"], last["heads_after"], last["one_way"]) == ("contract", ["2"], ["3"], True)
    assert len(entries(late)) == 4
    refused = rollback_allowed(entries(late), "1.1.0", "1.0.0", environment="staging", subject="shop")
    assert (refused.allowed, [(one.phase, one.heads_after) for one in refused.blockers]) == (False, [("contract", ("3",))])


def test_a_failure_is_recorded_and_mended_by_the_next_run(pg: PostgreSQL, database: str, folder: Folder, migrate: Callable[..., Run]) -> None:
    folder(V1__orders=ORDERS, V2__price="-- evenkeel: one_way\nalter table nowhere add column price int;")
    failed = migrate()
    assert failed.rc != 0
    assert 'V2__price.sql, line 2: relation "nowhere" does not exist' in failed.stdout
    body = entries(failed)[-1]["body"]
    assert (body["verdict"], body["heads_after"], body["one_way"], body["partial"]) == ("failed", ["1"], True, False)
    assert "V2__price.sql, line 2" in body["error"]
    folder(V2__price=PRICE)
    done = migrate()
    assert done.rc == 0, done.stdout
    assert [entry["body"].get("verdict") for entry in entries(done)] == [None, "failed", None, "passed"]


def test_check_mode_and_a_dry_run_leave_the_database_alone(pg: PostgreSQL, database: str, folder: Folder, migrate: Callable[..., Run]) -> None:
    folder(V1__orders=ORDERS)
    planned = migrate(check=True)
    assert planned.rc == 0, planned.stdout
    assert planned.result("Compare the files with the database's record")["pending"] == ["V1__orders.sql"]
    copy = {"database": place(pg, pg.create_db())}
    looked = migrate(entry="dry_run", migrate_dry_run=copy, check=True)
    assert looked.rc == 0, looked.stdout
    rehearsed = migrate(entry="dry_run", migrate_dry_run=copy)
    assert rehearsed.rc == 0, rehearsed.stdout
    entry = rehearsed.result("Record what it took")["entry"]
    assert (entry["kind"], entry["body"]["dry_run"]["files"][0]["script"]) == ("validation", "V1__orders.sql")
    assert entries(rehearsed) == []
    assert pg.psql(database, "select count(*) from pg_tables where schemaname = 'public'") == "0"


def test_a_run_that_was_killed_before_its_outcome_is_closed(pg: PostgreSQL, database: str, folder: Folder, migrate: Callable[..., Run]) -> None:
    path = folder(V1__orders="-- evenkeel: one_way\n" + ORDERS)
    module.run("schema_migrate", database=place(pg, database), path=path, release="1.1.0", subject="shop")
    body = {"phase": "expand", "one_way": True, "heads_before": [], "pending": ["V1__orders.sql"]}
    killed = {"kind": "migration", "phase": "intent", "subject": "shop", "body": body}
    done = migrate({"name": "Killed", "evenkeel.release.record": killed, "when": "inventory_hostname == 'h0'"})
    assert done.rc == 0, done.stdout
    intent, outcome = entries(done)
    assert outcome["body"]["intent"] == intent["id"]
    assert (outcome["body"]["changed"], outcome["body"]["one_way"], outcome["body"]["heads_after"]) == (True, True, ["1"])
    assert not rollback_allowed(entries(done), "1.1.0", "1.0.0").allowed


def test_a_module_that_was_killed_leaves_a_migration_of_which_nobody_knows(database: str, folder: Folder, migrate: Callable[..., Run]) -> None:
    # Its program ends the module that started it, as a machine's out-of-memory killer does.
    command = {"migrate_tool": "command", "migrate_command": ["sh", "-c", "kill -9 $PPID"], "migrate_one_way": True}
    failed = migrate(**command)
    assert failed.rc != 0
    body = entries(failed)[-1]["body"]
    assert (body["verdict"], body["one_way"], body["partial"]) == ("failed", True, True)
    assert not rollback_allowed(entries(failed), "1.1.0", "1.0.0").allowed


def test_a_refusal_says_nothing_about_the_killed_run_before(pg: PostgreSQL, folder: Folder, migrate: Callable[..., Run]) -> None:
    """Refused before the start, a migration of its own leaves nothing; one that takes over an intent leaves what that may have done."""
    folder(V1__orders="-- evenkeel: one_way\n" + ORDERS, V2__price="-- evenkeel: one_way\nalter table nowhere add column price int;")
    body = {"phase": "expand", "one_way": True, "heads_before": [], "pending": ["V1__orders.sql", "V2__price.sql"]}
    killed = {"kind": "migration", "phase": "intent", "subject": "shop", "body": body}
    module.run("schema_migrate", database=place(pg, pg.create_db()), path=folder(), release="1.1.0", subject="shop")
    failed = migrate({"name": "Killed", "evenkeel.release.record": killed, "when": "inventory_hostname == 'h0'"})
    assert failed.rc != 0
    last = entries(failed)[-1]["body"]
    assert (last["heads_before"], last["heads_after"], last["partial"]) == ([], ["1"], False)
    assert not rollback_allowed(entries(failed), "1.1.0", "1.0.0").allowed
