# SPDX-License-Identifier: GPL-3.0-or-later
"""One row in a hundred changed, and none, against the whole masked refresh of the same data; clock, and CPU of servers and clients."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize

from . import _data_source as source_of
from ._data_full import Spent, fresh, measured, params

TARGET = "bench_delta"
ALONE = "bench_customers"
# What an application with a watermark does: one customer in a hundred, in the course of another hour.
STAMPED = """
update customers set phone = '+49 30 ' || {turn} || id,
  updated_at = timestamptz '2026-06-01 00:00:00+00' + {turn} * interval '1 hour' + id / 100 % 3600 * interval '1 second'
where id % 100 = {turn};
"""
# The same rows of every table, spread over all of its pages: 0.97 % updated, 0.01 % deleted, 0.02 % new.
SPREAD = """
begin;
update customers set phone = '+49 30 ' || {turn} || id, updated_at = clock_timestamp() where id % 100 = {turn};
update orders set status = 'returned{turn}' where id % 100 = {turn};
update payments set amount = amount + 1 where id % 100 = {turn};
update events set payload = payload || '{{"seen": {turn}}}' where id % 100 = {turn};
delete from events where id % 10000 = {turn};
insert into events select last + i, 1, 'login', '{{"email": "customer1@mail1.example"}}', now()
  from (select max(id) as last from events) e, generate_series(1, {rows}) i;
commit;
"""
# Whoever reads a changed page first marks its rows as committed, which costs as much as the change did: users and autovacuum, long before.
SETTLED = "vacuum (analyze) customers, orders, payments, events; checkpoint;"


def customers_alone() -> dict[str, Any]:
    policy = source_of.POLICY_ENTITY
    others = [{"table": name, "reason": "not measured"} for name in policy["tables"] if name != "public.customers"]
    return {**policy, "name": "customers", "tables": {"public.customers": policy["tables"]["public.customers"]}, "skip": others}


def schema_alone() -> str:
    """The table of the customers with its keys."""
    keys = [line for line in source_of.KEYS.strip().splitlines() if line.startswith("alter table customers ")]
    return source_of.TABLES.split(";")[0] + ";\n" + "\n".join(keys)


class Deltas:
    """One target that is kept in step with the source."""

    def __init__(self, pg: Any, source: str, policy: dict[str, Any], *, target: str, schema: str, **options: Any) -> None:
        self.pg, self.source, self.policy, self.target, self.schema, self.options = pg, source, policy, target, schema, options
        self.turn = 0
        self.spent: dict[str, Spent] = {}
        self.clock: dict[str, list[float]] = {}

    def _timed(self, name: str, *, changed: bool, **more: Any) -> float:
        found: dict[str, Any] = {}

        def work() -> None:
            found.update(synchronize(params(self.pg, self.source, self.target, self.policy, **{**self.options, **more}), check_mode=False))

        elapsed = measured(self.pg, work, self.spent.setdefault(name, []))
        if found["changed"] is not changed:
            raise AssertionError(f"{name}, changed: {found['changed']}")
        self.clock.setdefault(name, []).append(elapsed)
        return elapsed

    def full(self) -> float:
        fresh(self.pg, self.target, schema=self.schema)
        return self._timed("full", changed=True)

    def changed(self, mode: str, text: str, **more: Any) -> float:
        self.turn += 1
        customers = int(self.pg.psql(self.source, "select count(*) from customers"))
        self.pg.psql(self.source, text.format(turn=self.turn, rows=customers // 1000))
        self.pg.psql(self.source, SETTLED)
        return self._timed(f"{mode}{more}", changed=True, mode=mode, **more)

    def same(self, mode: str) -> float:
        self.pg.psql("postgres", "checkpoint")
        return self._timed(f"{mode} same", changed=False, mode=mode)

    def row(self, bench: Any, name: str, act: Callable[[], float], *, bar: float) -> None:
        """The clock, and below it the CPU of the same runs."""
        before = set(self.spent)
        bench.row(f"{name} / full", ours=act, reference=statistics.median(self.clock["full"]), bar=bar)
        (ours,) = set(self.spent) - before
        bench.row("  the same, CPU", ours=statistics.median(self.spent[ours]), reference=statistics.median(self.spent["full"]), bar=bar)


def by_watermark(bench: Any, pg: Any, source: str) -> None:
    """The customers alone, as the literature measures it. Without deletes no row is read but those that the index finds."""
    pg.psql(source, "create index customers_by_time on customers (updated_at)")
    marks = {"watermarks": {"public.customers": "updated_at"}}
    runs = Deltas(pg, source, customers_alone(), target=ALONE, schema=schema_alone(), **marks)
    for _turn in range(bench.repeat):
        runs.full()
    runs.row(bench, "1 % of customers by watermark, deletes off", lambda: runs.changed("incremental", STAMPED, deletes="off"), bar=0.05)
    runs.full()
    runs.row(bench, "1 % of customers by watermark, deletes found", lambda: runs.changed("incremental", STAMPED), bar=0.05)
    pg.psql(source, "drop index customers_by_time")
    pg.psql("postgres", f"drop database {ALONE} with (force)")


def rows(bench: Any, pg: Any, source: str) -> None:
    """Changes `source`: whoever measures it as it was made comes before."""
    by_watermark(bench, pg, source)
    runs = Deltas(pg, source, source_of.POLICY_ENTITY, target=TARGET, schema=source_of.SCHEMA)
    for _turn in range(bench.repeat):
        runs.full()
    runs.row(bench, "1 % of all tables, spread over all pages", lambda: runs.changed("incremental", SPREAD), bar=0.05)
    runs.row(bench, "nothing changed, incremental", lambda: runs.same("incremental"), bar=0.05)
    runs.row(bench, "nothing changed, differential", lambda: runs.same("differential"), bar=0.05)
