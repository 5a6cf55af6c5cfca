# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOAD = Path(__file__).resolve().parents[3] / "demo" / "load.py"
ITEM = {"sku": "MUG-01", "title": "Mug", "quantity": 2, "unit_price": "12.90"}


def _order(customer):
    return json.dumps({"customer": customer, "items": [ITEM]}).encode()


def _load(server, out, *more):
    argv = [sys.executable, str(LOAD), "--url", server.url, "--customers", "500", "--out", str(out), *more]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL)


def _summary(out):
    return json.loads((out / "summary.json").read_text())


def test_migrations_run_once_and_check_changes_nothing(pg, database, migrate):
    assert "would apply 001_customers_and_orders" in migrate("1.0.0", "--check")
    assert pg.psql(database, "select count(*) from pg_tables where schemaname = 'public'") == "0"
    assert "applied 001_customers_and_orders" in migrate("1.0.0")
    assert "applied 0" not in migrate("1.0.0")
    assert "applied 002_loyalty" in migrate("1.1.0")
    assert "schema version 2, 0 of 1" in migrate("1.0.0")
    assert pg.psql(database, "select string_agg(name, ',' order by version) from schema_migrations") == ("customers_and_orders,loyalty")


def test_migrations_at_the_same_time_apply_each_once(pg, database, migrate):
    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(migrate, ["1.1.0"] * 4))
    assert sum("applied 001" in output for output in outputs) == 1
    assert pg.psql(database, "select count(*) from schema_migrations") == "2"


def test_seed_fills_once(pg, database, seeded):
    assert pg.psql(database, "select count(*) from customers") == "500"
    assert "nothing done" in seeded()
    joined = "from orders o join customers c on c.id = customer_id where ship_name = name"
    assert pg.psql(database, f"select count(*) {joined}") == "1500"
    assert pg.psql(database, "select nextval(pg_get_serial_sequence('orders', 'id'))") == "1501"


def test_endpoints(pg, database, seeded, serve):
    server = serve("1.0.0")
    status, headers, body = server.ask("/health/ready")
    assert (status, headers["X-Shop-Version"]) == (200, "1.0.0")
    assert json.loads(body) == {"status": "ready", "version": "1.0.0", "required_schema": 1, "schema": 1}
    assert json.loads(server.ask("/version")[2]) == {"version": "1.0.0", "colour": "blue"}
    assert server.ask("/customers/7")[0] == 200
    assert server.ask("/customers/501")[0] == 404
    assert server.ask("/orders?customer=seven")[0] == 400
    assert "Recent orders" in server.ask("/")[2]
    status, _headers, body = server.ask("/orders", _order(7))
    assert (status, json.loads(body)["amount"]) == (201, "30.70")
    assert pg.psql(database, "select quantity from order_items order by id desc limit 1") == "2"
    assert json.loads(server.ask("/orders?customer=7")[2])["orders"][0]["id"] == json.loads(body)["id"]
    assert server.ask("/orders", b'{"customer": 7}')[0] == 400
    assert 'shop_requests_total{route="order",status="201"} 1' in server.ask("/metrics")[2]


def test_a_release_is_not_ready_before_its_migration_and_the_old_one_works_after_it(seeded, migrate, serve):
    old, new = serve("1.0.0"), serve("1.1.0")
    assert new.ask("/health/ready")[0] == 503
    migrate("1.1.0")
    assert new.ask("/health/ready")[0] == 200
    assert json.loads(new.ask("/customers/7")[2])["loyalty_tier"] in ("basic", "silver", "gold")
    assert old.ask("/health/ready")[0] == 200
    assert old.ask("/orders", _order(7))[0] == 201


def test_a_lost_database_connection_costs_one_request_at_most(pg, database, seeded, serve):
    server = serve("1.0.0")
    assert server.ask("/customers/7")[0] == 200
    pg.psql("postgres", f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'")
    assert server.ask("/customers/7")[0] in (200, 503)
    assert server.ask("/customers/7")[0] == 200


def test_1_2_0_looks_healthy_until_it_has_load(seeded, migrate, serve, tmp_path):
    migrate("1.2.0")
    server = serve("1.2.0")
    for _turn in range(10):
        assert server.ask("/customers/7")[0] == 200
    assert _load(server, tmp_path, "--rate", "100", "--users", "10", "--seconds", "3").wait(60) == 0
    summary = _summary(tmp_path)
    assert 0.1 < summary["failed"] / summary["requests"] < 0.25
    assert summary["by_version"]["1.2.0"]["failed"] == summary["failed"]
    assert server.ask("/health/ready")[0] == 200


def test_sigterm_answers_every_request_it_took(pg, database, seeded, serve, tmp_path):
    server = serve("1.0.0")
    before = int(pg.psql(database, "select count(*) from orders"))
    load = _load(server, tmp_path, "--rate", "200", "--users", "10")
    time.sleep(4)
    assert server.stop() == 0
    time.sleep(0.5)
    load.send_signal(signal.SIGTERM)
    assert load.wait(60) == 0
    summary = _summary(tmp_path)
    samples = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == summary["requests"] > 300
    # What failed never reached the shop: each order it took was answered, each answer counted.
    assert set(summary["by_status"]) <= {"200", "201", "no answer"}
    placed = int(pg.psql(database, "select count(*) from orders")) - before
    assert placed == summary["by_status"]["201"]


def test_a_wrong_configuration_is_one_clear_error(releases, tmp_path):
    (tmp_path / "shop.ini").write_text("[database]\nhost = 127.0.0.1\n")
    argv = [sys.executable, "-B", "-m", "shop", "migrate", "--config", str(tmp_path / "shop.ini")]
    done = subprocess.run(argv, cwd=releases["1.0.0"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "database.dbname is missing; database.user is missing" in done.stderr
    assert "Traceback" not in done.stderr
