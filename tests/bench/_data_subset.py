# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenth of the customers with all that belongs to them, masked, against db-condenser, which copies the same rows unmasked."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize

from . import _data_source as source_of
from ._data_full import fresh, params
from ._data_peers import installed

PERCENT = 10
START = {"table": "public.customers", "percent": PERCENT}
# Orders refer to customers, customers to an order of theirs and to a customer: two cycles that bring no further row.
CYCLES = """
alter table customers add last_order bigint, add referred_by bigint;
update customers set last_order = id * 3 - 1, referred_by = id;
alter table customers add constraint customers_order_fkey foreign key (last_order) references orders (id),
  add constraint customers_customer_fkey foreign key (referred_by) references customers (id);
create index customers_by_order on customers (last_order);
create index customers_by_customer on customers (referred_by);
vacuum (full, analyze) customers;
"""
# Only the work counts, not the start of its interpreter.
PEER = """
import sys, time
from db_condenser import config_reader, run_subset
config = config_reader.load_config(sys.argv[1])
began = time.perf_counter()
run_subset(config)
print("seconds", time.perf_counter() - began)
"""


def policy(*, cycles: bool) -> dict[str, Any]:
    found = source_of.policy(entity=True)
    if cycles:
        found["tables"]["public.customers"]["columns"].update(last_order=source_of.KEPT, referred_by=source_of.KEPT)
    return found


def ours(pg: Any, source: str, counts: dict[str, Any], *, cycles: bool) -> float:
    fresh(pg, "bench_subset", schema=source_of.SCHEMA + (CYCLES.partition("vacuum")[0] if cycles else ""))
    more = params(pg, source, "bench_subset", policy(cycles=cycles), mode="subset", subset={"start": [START]})
    began = time.perf_counter()
    found = synchronize(more, check_mode=False)
    elapsed = time.perf_counter() - began
    counts.update(ours={name: table["rows"] for name, table in found["tables"].items()}, edges=found["edges"])
    return elapsed


def config(pg: Any, source: str, *, cycles: bool) -> dict[str, Any]:
    """The very condition that our choice by percent comes to."""
    seed, below = subset_plan.seed(source_of.KEY), subset_plan.threshold(PERCENT)
    place = {"user_name": pg.user, "password": pg.password, "host": "127.0.0.1", "port": pg.port, "ssl_mode": "disable"}
    breaks = [{"fk_table": "public.customers", "target_table": f"public.{name}", "preserve_fk_opportunistically": True} for name in ("orders", "customers")]
    return {
        "db_type": "postgres",
        "initial_targets": [{"table": "public.customers", "where": f"(hashint8extended(id, {seed}) & 9223372036854775807) < {below}"}],
        "source_db_connection_info": {**place, "db_name": source},
        "destination_db_connection_info": {**place, "db_name": "bench_condenser"},
        "keep_disconnected_tables": False,
        "parallel_read_workers": 2,
        "excluded_tables": [],
        "passthrough_tables": [],
        "upstream_filters": [],
        "fk_augmentation": [],
        "dependency_breaks": breaks if cycles else [],
    }


def theirs(pg: Any, source: str, python: Path, folder: Path, counts: dict[str, Any], *, cycles: bool = False) -> float:
    fresh(pg, "bench_condenser")
    place = folder / "condenser.json"
    place.write_text(json.dumps(config(pg, source, cycles=cycles)))
    argv = [python, "-c", PEER, place]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder, env={**pg.env(), "POSTGRES_PATH": str(pg.bin)})
    if done.returncode != 0:
        raise RuntimeError(f"db-condenser failed:\n{(done.stdout + done.stderr)[-2000:]}")
    tables = ("customers", "events", "orders", "payments")
    counts["theirs"] = {f"public.{name}": int(pg.psql("bench_condenser", f"select count(*) from {name}")) for name in tables}
    return float(done.stdout.rpartition("seconds")[2])


def compare(bench: Any, counts: dict[str, Any]) -> None:
    same = counts["ours"] == counts["theirs"]
    bench.say(f"  subset rows: {sum(counts['ours'].values())}, {'the same for both' if same else counts}")
    brought = {edge["edge"] or edge["direction"]: edge["rows"] for edge in counts["edges"]}
    bench.say(f"  rows per edge: {brought}")


def rows(bench: Any, pg: Any, source: str) -> None:
    peer = installed(bench, "db-condenser==1.7.1", "subset")
    if peer is None:
        return
    python, counts = peer.with_name("python"), dict[str, Any]()
    bench.row(
        f"{PERCENT} % subset, masked / db-condenser, unmasked",
        ours=lambda: ours(pg, source, counts, cycles=False),
        reference=lambda: theirs(pg, source, python, bench.tmp, counts),
        bar=1.0,
    )
    compare(bench, counts)
    round_trip = f"{source}_cycles"
    pg.psql("postgres", f"create database {round_trip} template {source}")
    pg.psql(round_trip, CYCLES)
    # The peer needs to be told which references to leave empty until all rows are there.
    bench.row(
        "  with two cycles, none of them configured",
        ours=lambda: ours(pg, round_trip, counts, cycles=True),
        reference=lambda: theirs(pg, round_trip, python, bench.tmp, counts, cycles=True),
        bar=1.0,
    )
    compare(bench, counts)
    pg.psql("postgres", f"drop database {round_trip} with (force)")
