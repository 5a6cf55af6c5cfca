# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports what is too old, and removes it in batches, children first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._purge import mysql, postgresql, sqlite
from ansible_collections.evenkeel.release.plugins.module_utils._purge.engine import Condition, Engine, Plan, rule_faults
from ansible_collections.evenkeel.release.plugins.module_utils._purge.order import arrange
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import Policy, PurgeError, read
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

ENGINES = ("postgresql", "mysql", "sqlite")


def open_engine(params: Mapping[str, Any]) -> Engine:
    place, lock, statement = params["database"], params["lock_timeout"], params["statement_timeout"]
    ready(params["engine"], asks="data_purge")
    if params["engine"] == "postgresql":
        return postgresql.PostgreSQL(place, lock_timeout=lock, statement_timeout=statement)
    if params["engine"] == "mysql":
        return mysql.MySQL(place, lock_timeout=lock)
    if not place.get("path"):
        raise PurgeError("database.path: SQLite needs the path of its file.")
    return sqlite.SQLite(place, lock_timeout=lock)


def purge(params: Mapping[str, Any], *, check_mode: bool, now: Optional[datetime] = None, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    moment = (now or datetime.now(timezone.utc)).replace(microsecond=0)
    policy = read(params["policy"], environment=params["environment"], ttl=params["ttl"])
    removes = params["state"] == "purged"
    try:
        engine = open_engine(params)
    except SyncError as exc:
        raise PurgeError(str(exc)) from None
    try:
        if removes and not policy.production and (params["tier"] == "production" or engine.production()):
            raise PurgeError(
                f"Won't remove anything: the database is one of production, and policy {policy.name!r} doesn't say 'production: true'. "
                "State 'reported' tells what is too old."
            )
        return _purge(engine, policy, moment, params, act=removes and not check_mode, sleep=sleep)
    except Exception as exc:
        if engine.is_error(exc):
            raise PurgeError(f"The purge stopped: {engine.describe(exc)}. What was removed before stays removed; run it again to go on.") from None
        raise
    finally:
        engine.close()


def _purge(engine: Engine, policy: Policy, now: datetime, params: Mapping[str, Any], *, act: bool, sleep: Callable[[float], None]) -> dict[str, Any]:
    began = time.monotonic()
    plan = Plan(engine, policy.rules, now)
    faults = rule_faults(plan.tables, policy.rules)
    if faults:
        raise PurgeError("\n".join(["Nothing was removed: the retention policy and the database don't fit.", *[f"- {fault}" for fault in faults]]))
    names, circle = arrange(plan.rules, plan.edges)
    tables = {name: _report(plan, name) for name in names}
    result: dict[str, Any] = {"changed": False, "order": names, "tables": tables, "as_of": now.isoformat(), "removed": 0}
    if act:
        remover = Remover(plan, batch=params["batch"], pause=params["pause"], limit=params["max_rows"], sleep=sleep)
        result["removed"] = remover.all(names, circle=circle)
        for name in names:
            tables[name]["removed"] = remover.removed.get(name, 0)
        result["limited"] = remover.full
    result["changed"] = bool(result["removed"]) if act else params["state"] == "purged" and any(one["removable"] for one in tables.values())
    result["expired"] = sum(one["expired"] for one in tables.values())
    result["seconds"] = round(time.monotonic() - began, 3)
    return result


def _report(plan: Plan, name: str) -> dict[str, Any]:
    expired = plan.count(name, plan.old(name))
    removable = plan.count(name, plan.removable(name, going=True)) if expired else 0
    return {
        "expired": expired,
        "removable": removable,
        "held": expired - removable,
        "with_them": plan.dragged(name) if removable else [],
        "rules": [{"column": rule.column, "older_than": rule.age, "class": rule.data_class, "reason": rule.reason} for rule in plan.rules[name]],
    }


class Remover:
    def __init__(self, plan: Plan, *, batch: int, pause: float, limit: int, sleep: Callable[[float], None]) -> None:
        self.plan, self.batch, self.pause, self.limit, self.sleep = plan, batch, pause, limit, sleep
        self.removed: dict[str, int] = {}

    @property
    def total(self) -> int:
        return sum(self.removed.values())

    @property
    def full(self) -> bool:
        return bool(self.limit) and self.total >= self.limit

    def all(self, names: list[str], *, circle: bool) -> int:
        """Tables that hang on each other need rounds: each frees rows for the next."""
        while True:
            before = self.total
            for name in names:
                self.table(name)
            if not circle or self.total == before or self.full:
                return self.total

    def table(self, name: str) -> None:
        table = self.plan.tables[name]
        condition = self.plan.removable(name, going=False)
        last: Optional[tuple[Any, ...]] = None
        while not self.full:
            size = min(self.batch, self.limit - self.total) if self.limit else self.batch
            if table.key:
                count, last = self._next(name, table.key, condition, last, size)
            else:
                count = self.plan.engine.run(*self.plan.engine.delete_some(name, condition, size))
            self.removed[name] = self.removed.get(name, 0) + count
            if last is None and (table.key or count < size):
                return
            self.sleep(self.pause)

    def _next(self, name: str, key: tuple[str, ...], condition: Condition, last: Optional[tuple[Any, ...]], size: int) -> tuple[int, Optional[tuple[Any, ...]]]:
        """One batch in the order of the key: where it ends is asked first, so that no list of keys travels."""
        engine = self.plan.engine
        place, columns = engine.table(name), ", ".join(engine.name("t", column) for column in key)
        marks = ", ".join([engine.mark] * len(key))
        after = f" and ({columns}) > ({marks})" if last else ""
        start = last or ()
        text = f"select {columns} from {place} {engine.name('t')} where {condition.text}{after} order by {columns} limit 1 offset {size - 1}"
        found = engine.rows(text, (*condition.values, *start))
        end = tuple(found[0]) if found else None
        upto = f" and ({columns}) <= ({marks})" if end else ""
        bounds = (*start, *(end or ()))
        text = engine.delete(place, key, f"{condition.text}{after}{upto}")
        return engine.run(text, (*condition.values, *bounds)), end
