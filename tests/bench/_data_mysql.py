# SPDX-License-Identifier: GPL-3.0-or-later
"""A masked refresh of MariaDB against an unmasked mariadb-dump | mariadb of the same database."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.support.mariadb import MariaDB

KEY = "00112233445566778899aabbccddeeff" * 2
CUSTOMERS = 200_000
SCHEMA = """
create table customers (id bigint primary key, name varchar(80) not null, email varchar(80) not null unique, phone varchar(40) not null,
  street varchar(80) not null, city varchar(80) not null, postcode varchar(12) not null, birth_date date not null, iban varchar(34) not null,
  card varchar(20) not null, note varchar(80), created datetime not null, updated datetime not null, active bool not null, key (updated));
create table orders (id bigint primary key, customer_id bigint not null, amount decimal(10, 2) not null, ship_name varchar(80) not null,
  placed datetime not null, key (customer_id), key (placed), foreign key (customer_id) references customers (id));
"""
ROWS = f"""
set unique_checks = 0, foreign_key_checks = 0;
insert into customers select seq, concat('Person ', seq), concat('person', seq, '@mail.example'), concat('+49 30 ', 1000000 + seq),
  concat(seq, ' Real Street'), concat('Realtown ', seq mod 500), lpad(seq mod 99999, 5, '0'), date '1950-01-01' + interval seq mod 20000 day,
  concat('DE00', lpad(seq, 18, '0')), concat('4111', lpad(seq, 12, '0')), repeat('n', 40), now(), now() - interval seq second, 1 from seq_1_to_{CUSTOMERS};
insert into orders select c.id * 2 + s.seq, c.id, s.seq, c.name, now() - interval c.id second from customers c, seq_0_to_1 s;
analyze table customers, orders
"""
MASKS: dict[str, dict[str, Any]] = {
    "name": {"mask": "name", "domain": "person"},
    **{name: {"mask": name} for name in ("email", "phone", "street", "city", "postcode", "iban", "card")},
    "birth_date": {"mask": "date_shift", "days": 90},
    "note": {"mask": "text"},
}
KEPT = {"keep": "no personal value"}
WATERMARKS = {"customers": "updated", "orders": "placed"}


def _policy(source: str, *, entity: bool) -> dict[str, Any]:
    customers: dict[str, Any] = {"columns": {**dict.fromkeys(("id", "created", "updated", "active"), KEPT), **MASKS}}
    orders: dict[str, Any] = {"columns": {**dict.fromkeys(("id", "customer_id", "amount", "placed"), KEPT), "ship_name": MASKS["name"]}}
    if entity:
        customers["entity"] = {"name": "customer", "key": "id"}
        orders["entity"] = {"name": "customer", "key": "customer_id"}
    return {"name": "bench", "version": 1, "tables": {f"{source}.customers": customers, f"{source}.orders": orders}}


def _fresh(server: MariaDB, name: str, schema: str = "") -> None:
    server.sql("mysql", f"drop database if exists {name}; drop database if exists {name}_evenkeel; create database {name}")
    if schema:
        server.sql(name, schema)


def _ours(
    server: MariaDB,
    source: str,
    *,
    entity: bool = True,
    change: str = "",
    mode: str = "full",
    fresh: bool = True,
    proved: bool = False,
    marks: tuple[str, ...] = ("customers",),
) -> float:
    if fresh:
        _fresh(server, "bench_ours", SCHEMA)
    if change:
        server.sql(source, change)
    params = {
        "engine": "mysql",
        "source": server.place(source),
        "target": server.place("bench_ours"),
        "target_tier": "test",
        "policy": _policy(source, entity=entity),
        "key": KEY,
        "mode": mode,
        "workers": 2,
        "proof": {"enabled": proved},
        "watermarks": {f"{source}.{table}": WATERMARKS[table] for table in marks},
    }
    began = time.perf_counter()
    synchronize(params, check_mode=False, tell=lambda _event: None)
    return time.perf_counter() - began


def _dump(server: MariaDB, source: str) -> float:
    _fresh(server, "bench_dump")
    began = time.perf_counter()
    with subprocess.Popen(server.argv("mariadb-dump", source), stdout=subprocess.PIPE, env=server.env()) as dump:
        subprocess.run(server.argv("mariadb", "bench_dump"), stdin=dump.stdout, env=server.env(), check=True)
    return time.perf_counter() - began


def _cpu(server: MariaDB, act: Callable[[], float]) -> float:
    """Of the server, of this process and of those that it started."""

    def used() -> float:
        words = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK") + sum(one.ru_utime + one.ru_stime for one in ours)

    before = used()
    act()
    return used() - before


def _changed(server: MariaDB, source: str, *, marks: tuple[str, ...]) -> float:
    """1 % of both tables changed since a full refresh. The changes themselves aren't counted."""
    some = f"id between 1000 and {1000 + CUSTOMERS // 100}"
    _ours(server, source, marks=marks)
    server.sql(source, f"update customers set city = concat(city, 'x'), updated = now() + interval 1 hour where {some}")
    server.sql(source, f"update orders set amount = amount + 1, placed = now() + interval 1 hour where {some} or {some.replace('id', 'id - 100000')}")
    return _cpu(server, lambda: _ours(server, source, mode="incremental", fresh=False, marks=marks))


def run(bench: Any) -> None:
    server = MariaDB(settings={"innodb-buffer-pool-size": "1G", "innodb-log-file-size": "1G"})
    try:
        source = server.create_db()
        server.sql(source, SCHEMA + ROWS)
        for entity, words in ((True, "by entity"), (False, "by value")):
            ours, reference = (lambda entity=entity: _ours(server, source, entity=entity)), (lambda: _dump(server, source))
            bench.row(f"MariaDB: masked refresh {words} / mariadb-dump | mariadb", ours=ours, reference=reference, bar=1.2)
            cpu = (lambda ours=ours: _cpu(server, ours)), (lambda reference=reference: _cpu(server, reference))
            bench.row(f"MariaDB: masked refresh {words} / mariadb-dump | mariadb, CPU", ours=cpu[0], reference=cpu[1], bar=1.6)
        proved, plain = (lambda: _ours(server, source, proved=True)), (lambda: _ours(server, source))
        bench.row("MariaDB: refresh with proofs / without", ours=proved, reference=plain, bar=1.25)
        bench.row("MariaDB: refresh with proofs / without, CPU", ours=lambda: _cpu(server, proved), reference=lambda: _cpu(server, plain), bar=1.25)
        full = _cpu(server, plain)
        for marks, words in ((("customers", "orders"), "all by watermark"), (("customers",), "customers by watermark, orders by checksums")):
            found = _changed(server, source, marks=marks)
            bench.row(f"MariaDB: incremental, 1 % changed, {words} / full, CPU", ours=found, reference=full, bar=0.05)
    finally:
        server.stop()
