# SPDX-License-Identifier: GPL-3.0-or-later
"""A masked refresh against an unmasked pg_dump | psql of the same database, and against masking row by row in Python."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._sync.runner import synchronize

KEY = "00112233445566778899aabbccddeeff" * 2
CUSTOMERS = 100_000
SCHEMA = """
create table customers (id bigint primary key, name text not null, email text not null unique, phone text not null,
  street text not null, city text not null, postcode text not null, iban text not null, note text);
create table orders (id bigint primary key, customer_id bigint not null references customers (id), amount numeric(10, 2) not null,
  ship_name text not null, placed timestamptz not null default now());
create index orders_by_customer on orders (customer_id);
"""
ROWS = f"""
insert into customers select i, 'Person ' || i, 'person' || i || '@mail.example', '+49 30 ' || 1000000 + i, i || ' Real Street',
  'Realtown ' || i % 500, lpad((i % 99999)::text, 5, '0'), 'DE00' || lpad(i::text, 18, '0'), repeat('n', 40)
  from generate_series(1, {CUSTOMERS}) i;
insert into orders select c.id * 2 + i, c.id, i, c.name, now() from customers c, generate_series(0, 1) i;
analyze
"""
MASKS = {"name": "name", "email": "email", "phone": "phone", "street": "street", "city": "city", "postcode": "postcode", "iban": "iban"}
KEPT = {"keep": "no personal value"}
POLICY = {
    "name": "bench",
    "version": 1,
    "tables": {
        "public.customers": {"columns": {"id": KEPT, "note": KEPT, **{name: {"mask": mask} for name, mask in MASKS.items()}}},
        "public.orders": {"columns": {"id": KEPT, "customer_id": KEPT, "amount": KEPT, "placed": KEPT, "ship_name": {"mask": "name"}}},
    },
}


def _fresh(pg: Any, name: str, *, schema: str = "") -> None:
    pg.psql("postgres", f"drop database if exists {name} with (force)")
    pg.psql("postgres", f"create database {name}")
    if schema:
        pg.psql(name, schema)


def _measured(pg: Any, work: Callable[[], None], spent: list[float]) -> float:
    """Wall seconds of the work alone; appends the seconds of CPU of the server's sessions and of the clients."""
    before, began = _cpu(pg), time.perf_counter()
    work()
    elapsed = time.perf_counter() - began
    spent.append(_cpu(pg) - before)
    return elapsed


def _cpu(pg: Any) -> float:
    time.sleep(0.3)  # sessions that have ended are counted once the postmaster has collected them
    pid = (pg.folder / "data" / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK") + sum(os.times()[:4])


def _ours(pg: Any, source: str, spent: list[float]) -> float:
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password}
    _fresh(pg, "bench_ours", schema=SCHEMA)
    params = {
        "source": {**place, "dbname": source},
        "target": {**place, "dbname": "bench_ours"},
        "target_tier": "test",
        "policy": POLICY,
        "key": KEY,
        "mode": "full",
        "workers": 2,
    }
    return _measured(pg, lambda: synchronize(params, check_mode=False) and None, spent)


def _dump(pg: Any, source: str, spent: list[float]) -> float:
    _fresh(pg, "bench_dump")
    return _measured(pg, lambda: _pipe(pg, source), spent)


def _pipe(pg: Any, source: str) -> None:
    with subprocess.Popen([pg.bin / "pg_dump", "-d", source], stdout=subprocess.PIPE, env=pg.env()) as dump:
        argv = [pg.bin / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "bench_dump"]
        subprocess.run(argv, stdin=dump.stdout, stdout=subprocess.DEVNULL, env=pg.env(), check=True)


def _client(pg: Any, source: str) -> None:
    """The same masks, row by row in the client: customers alone, as the orders only add to it."""
    _fresh(pg, "bench_client", schema=SCHEMA)
    names = ["id", *MASKS, "note"]
    listed = ", ".join(names)
    with psycopg.connect(pg.url(source)) as here, psycopg.connect(pg.url("bench_client")) as there:  # noqa: SIM117
        with here.cursor("rows") as rows, there.cursor().copy(f"copy customers ({listed}) from stdin") as into:
            rows.itersize = 5000
            for row in rows.execute(f"select {listed} from customers"):
                masked = [mask_value(value, MASKS[name], key=KEY) if name in MASKS else value for name, value in zip(names, row)]
                into.write_row(masked)


def run(bench: Any) -> None:
    pg = bench.pg()
    source = pg.create_db()
    pg.psql(source, SCHEMA + ROWS)
    ours: list[float] = []
    theirs: list[float] = []
    bench.row("masked refresh / pg_dump | psql", ours=lambda: _ours(pg, source, ours), reference=lambda: _dump(pg, source, theirs), bar=2.0)
    # Eight keyed hashes of a row cost CPU that an unmasked copy doesn't need; two workers hide most of it from the clock.
    bench.row("  the same, CPU of servers and clients", ours=statistics.median(ours), reference=statistics.median(theirs), bar=4.0)
    bench.row("masked refresh / Python loop", ours=lambda: _ours(pg, source, []), reference=lambda: _client(pg, source), bar=1.0)
