# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong: one clear error, the target as it was, and the next run succeeds. The key is nowhere to be read."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import pymysql
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, purpose_subkey
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import copying, runner, shadow
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect
from ansible_collections.evenkeel.release.tests.integration.support.mariadb import MariaDB

KEY = "00112233445566778899aabbccddeeff" * 2
SECRETS = [KEY, *[block.hex() for purpose in ("domain/email", "domain/person") for block in pads(purpose_subkey(KEY, purpose))]]


def untouched(shop: Any) -> None:
    assert shop.there("select name from customers") == "Before"
    assert "_evenkeel_old" not in shop.beside()


def recovers(shop: Any) -> None:
    assert shop.run()["changed"]
    assert shop.there("select count(*) from customers") == "500"
    assert shop.beside() == ["_evenkeel"]


def test_a_policy_without_a_column(shop: Any) -> None:
    shop.here("alter table customers add column memo varchar(20)")
    with pytest.raises(SyncError, match=r"customers\.memo: the policy doesn't mention this column") as caught:
        shop.run()
    assert "memo: {mask: text}" in str(caught.value)
    untouched(shop)


def test_another_schema_is_named_column_by_column(shop: Any) -> None:
    shop.there("alter table customers modify name varchar(40) not null, drop column city")
    with pytest.raises(SyncError) as caught:
        shop.run()
    assert "customers.city: only the source has it" in str(caught.value)
    assert "varchar(80) not null in the source, varchar(40) not null in the target" in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_the_same_database(shop: Any, address: str) -> None:
    with pytest.raises(SyncError, match="same database"):
        shop.run(target={**shop.server.place(shop.source), "host": address})


def test_production_is_never_a_target(shop: Any) -> None:
    with pytest.raises(SyncError, match="tier is production"):
        shop.run(target_tier="production")
    shop.there(f"alter database {shop.target} comment = 'evenkeel: tier=production'")
    with pytest.raises(SyncError, match="marks it as production"):
        shop.run()
    untouched(shop)


def test_engines_without_a_snapshot(shop: Any) -> None:
    shop.here("create table plain (id int primary key) engine = myisam")
    shop.there("create table plain (id int primary key)")
    policy = shop.policy()
    policy["tables"][f"{shop.source}.plain"] = {"columns": {"id": {"keep": "a number"}}}
    with pytest.raises(SyncError, match="MyISAM, which knows no snapshot"):
        shop.run(policy=policy)


def test_a_foreign_key_of_a_skipped_table(shop: Any) -> None:
    shop.there("create table other (id int primary key, c bigint, foreign key (c) references customers (id))")
    with pytest.raises(SyncError, match=r"foreign key other_ibfk_1 of .*other, a table that is skipped"):
        shop.run()


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_session_killed_in_the_middle(shop: Any, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = copying.Worker._lines

    def lines(self: Any, full: str, text: str, tally: Any, stopped: Any) -> Any:
        for batch in inner(self, full, text, tally, stopped):
            yield batch
            shop.here(f"kill {getattr(self, side).number}")

    monkeypatch.setattr(copying.Worker, "_lines", lines)
    with pytest.raises(SyncError) as caught:
        shop.run()
    assert "mail.example" not in str(caught.value)
    untouched(shop)
    monkeypatch.undo()
    recovers(shop)


def test_rows_that_get_lost_on_the_way(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = copying.Worker._lines
    monkeypatch.setattr(copying.Worker, "_lines", lambda *words: (batch.replace(b"P", b"Q", 1).replace(b".test", b".tesl", 1) for batch in inner(*words)))
    with pytest.raises(SyncError, match="the rows that are there aren't the rows that the source computed"):
        shop.run()
    untouched(shop)


def test_a_planted_leak(shop: Any) -> None:
    shop.here("update customers set city = (select email from (select email from customers where id = 9) x) where id = 4")
    policy = shop.policy()
    policy["tables"][f"{shop.source}.customers"]["columns"]["city"] = {"keep": "thought to be harmless"}
    with pytest.raises(SyncError, match=r"customers\.city: shows 1 values that the masked column .*customers\.email of the source holds") as caught:
        shop.run(policy=policy)
    assert "mail.example" not in str(caught.value)
    untouched(shop)
    assert shop.run(policy=policy, proof={"leak_scan": False})["changed"]


def test_a_leak_inside_of_a_text(shop: Any) -> None:
    shop.here("update customers set notes = concat('call ', upper(email), ', \\n <soon>') where id = 9")
    policy = shop.policy()
    policy["tables"][f"{shop.source}.customers"]["columns"]["notes"] = {"keep": "thought to be harmless"}
    with pytest.raises(SyncError, match=r"customers\.notes: shows 1 values that the masked column .*customers\.email of the source holds"):
        shop.run(policy=policy)
    untouched(shop)


def test_groups_that_are_too_small(shop: Any) -> None:
    policy = shop.policy()
    policy["tables"][f"{shop.source}.order"]["quasi_identifiers"] = ["status", "amount"]
    found = shop.run(policy=policy)["proof"]["k_anonymity"][f"{shop.source}.order"]
    assert (found["groups"], found["smallest"], found["rows_below_k"]) == (2, 500, 0)
    shop.here("update `order` set amount = 7 where id = 3")
    with pytest.raises(SyncError, match="a group of 1 rows shares its quasi-identifiers, allowed are 3"):
        shop.run(policy=policy, proof={"minimum_k": 3})


def test_a_queue_that_is_full(shop: Any) -> None:
    with pytest.raises(SyncError, match="outbox"):
        shop.run(queues=[{"name": "outbox", "sql": "select count(*) from `order`", "max": 3}])
    untouched(shop)


def test_a_row_that_breaks_a_foreign_key(shop: Any) -> None:
    shop.here("set foreign_key_checks = 0; update `order` set customer_id = 4711 where id = 3")
    with pytest.raises(SyncError, match="1 rows break foreign key fk ordér"):
        shop.run()
    untouched(shop)


def test_a_schema_change_between_plan_and_copy(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = shadow.create

    def create(target: Any, tables: Any) -> None:
        shop.here("alter table `order` add column extra int, algorithm = copy")
        inner(target, tables)

    monkeypatch.setattr(shadow, "create", create)
    monkeypatch.setattr(runner.proving, "check_equal", lambda *_words: {})
    with pytest.raises(SyncError, match="definition has changed"):
        shop.run()
    untouched(shop)


def test_a_lock_that_isnt_given(shop: Any) -> None:
    with pymysql.connect(host="127.0.0.1", port=shop.server.port, user=shop.server.user, password=shop.server.password, database=shop.target) as holder:
        holder.cursor().execute("select * from customers for update")
        with pytest.raises(SyncError, match="Lock wait timeout"):
            shop.run(lock_timeout=1)
    untouched(shop)
    recovers(shop)


def test_one_at_a_time(shop: Any) -> None:
    held = connect(shop.server.place(shop.target), role="target")
    shadow.lock(held, 1)
    with pytest.raises(SyncError, match="Another synchronization works"):
        shop.run(lock_timeout=1)
    held.close()
    recovers(shop)


KILLED = """
import json, os, sys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import copying, runner
inner = copying.Worker._lines
def lines(*words):
    yield from inner(*words)
    os.kill(os.getpid(), 9)
copying.Worker._lines = lines
runner.synchronize(json.loads(sys.stdin.read()), check_mode=False, tell=lambda event: None)
"""


def test_a_killed_run_leaves_the_target_and_the_next_cleans_up(shop: Any) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], input=json.dumps(shop.params()), text=True, capture_output=True)
    assert done.returncode == -9, done.stderr
    untouched(shop)
    recovers(shop)


def test_an_outage_of_the_source(shop: Any) -> None:
    server = MariaDB()
    try:
        source = server.create_db()
        dump = subprocess.run(shop.server.argv("mariadb-dump", shop.source), env=shop.server.env(), capture_output=True, check=True).stdout
        subprocess.run(server.argv("mariadb", source), env=server.env(), input=dump, check=True)
        policy = shop.policy()
        text = {name.replace(shop.source, source): table for name, table in policy["tables"].items()}
        policy = {**policy, "tables": text, "skip": [{"table": f"{source}.audit", "reason": "log"}]}
        killer = threading.Timer(0.35, server.kill)
        killer.start()
        began = time.monotonic()
        with pytest.raises(SyncError):
            shop.run(source=server.place(source), policy=policy, throttle=0.02)
        assert time.monotonic() - began < 30
        untouched(shop)
    finally:
        server.stop()
    recovers(shop)


def test_logs_that_would_keep_the_key(shop: Any) -> None:
    shop.here("set global general_log = 1")
    try:
        with pytest.raises(SyncError, match="general_log is on"):
            shop.run()
    finally:
        shop.here("set global general_log = 0")
    untouched(shop)


def test_the_key_is_in_no_statement_and_no_log(shop: Any) -> None:
    """Every statement of a run is looked at in the processlist and in performance_schema; the slow log is on."""
    watched = {f"performance-schema-consumer-events-statements-{one}": "on" for one in ("current", "history", "history-long")}
    server = MariaDB(settings={**watched, "performance-schema": "on", "performance-schema-instrument": "statement/%=on", "long-query-time": "0"})
    try:
        source, target = server.create_db(), server.create_db()
        for database in (source, target):
            server.sql(database, "create table t (id int primary key, mail varchar(60))")
        server.sql(source, "insert into t select seq, concat('p', seq) from seq_1_to_100; set global slow_query_log = 1")
        policy = {"name": "p", "version": 1, "tables": {f"{source}.t": {"columns": {"id": {"keep": "a number"}, "mail": {"mask": "email"}}}}}
        found = shop.run(source=server.place(source), target=server.place(target), policy=policy)
        seen = server.sql("performance_schema", "select sql_text from events_statements_history_long where sql_text is not null")
        logs = b"".join(path.read_bytes() for path in (server.folder / "data").glob("*.log"))
    finally:
        server.stop()
    assert "sha2(concat" in seen
    for secret in SECRETS:
        assert secret not in seen.lower() + repr(found)
        assert secret.encode() not in logs.lower()
    assert all(bytes.fromhex(secret) not in logs for secret in SECRETS)


def test_a_wrong_password_is_told_without_it(shop: Any) -> None:
    with pytest.raises(SyncError, match="Can't open the source database") as caught:
        shop.run(source={**shop.server.place(shop.source), "password": "hunter2-wrong"})
    assert "hunter2" not in str(caught.value)


def test_a_server_without_encryption(shop: Any) -> None:
    with pytest.raises(SyncError, match=r"Can't open the source|doesn't encrypt"):
        shop.run(source={**shop.server.place(shop.source), "sslmode": "require"})


def test_masks_that_arent_there_are_refused_by_name(shop: Any) -> None:
    policy = shop.policy()
    policy["tables"][f"{shop.source}.order"]["columns"]["amount"] = {"mask": "noise", "percent": 10, "total": True}
    with pytest.raises(SyncError, match=r"order\.amount: noise with total: isn't there for MySQL"):
        shop.run(policy=policy)
