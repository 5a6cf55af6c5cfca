# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.choose import choose
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import delta
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, POLICY
from ansible_collections.evenkeel.release.tests.integration.data.test_delta import SIMPLE, equal_to_full, opened, pair

__all__ = ["pair"]


def decide(pg: Any, shops: tuple[str, str], *, act: bool = False, **options: Any) -> tuple[str, str]:
    with opened(pg, *shops, **options) as (job, sides, workers):
        facts = delta.facts(job, sides, workers)
        mode, why = choose(facts)
        if act:
            delta.apply(job, sides, workers, mode, found=facts["found"])
        return mode, why


def test_auto_measures_and_says_why(pg: Any, pair: tuple[str, str]) -> None:
    timed = 'update evenkeel.data_sync set state = state || \'{"seconds": 60, "bytes": 400000}\''
    pg.psql(pair[1], timed)
    assert decide(pg, pair) == ("incremental", "none of 2000 rows changed since the last run.")
    pg.psql(pair[0], "update customers set city = 'X' where id < 11; delete from orders where id < 4")
    mode, why = decide(pg, pair, act=True)
    assert mode == "incremental"
    assert why.startswith("10 of 1997 rows changed and 3 are gone (0.65 %): about ")
    equal_to_full(pg, pair, SIMPLE)
    pg.psql(pair[1], "update customers set city = 'hand' where id = 77")
    mode, why = decide(pg, pair, act=True)
    assert (mode, "1 rows of the target were written by others" in why) == ("differential", True)
    equal_to_full(pg, pair, SIMPLE)


def test_auto_takes_a_full_copy_when_nothing_else_helps(pg: Any, pair: tuple[str, str]) -> None:
    mode, why = decide(pg, pair, key="another key of more than 16 bytes")
    assert (mode, why.startswith("The key, the policy or the columns changed")) == ("full", True)
    pg.psql(pair[1], 'update evenkeel.data_sync set state = state || \'{"seconds": 0.1, "bytes": 400000}\'')
    pg.psql(pair[0], "update customers set city = 'X'; update orders set status = 'placed'")
    mode, why = decide(pg, pair)
    assert (mode, "isn't worth it" in why) == ("full", True)
    pg.psql(pair[1], "drop schema evenkeel cascade")
    mode, why = decide(pg, pair)
    assert (mode, why.startswith("no earlier full copy is recorded in the target: about ")) == ("full", True)


def test_looking_writes_nothing_and_tells_of_both_sides(pg: Any, pair: tuple[str, str]) -> None:
    def same() -> bool:
        with opened(pg, *pair) as (job, sides, workers):
            return delta.unchanged(job, sides, [workers[0].source], [workers[0].target])

    assert same() is True
    pg.psql(pair[0], "vacuum (full, freeze) customers")
    assert same() is True  # where rows stand says nothing about them
    pg.psql(pair[1], "delete from orders where id = 3")
    assert same() is False


def test_runs_of_all_modes_follow_each_other(pg: Any, shops: tuple[str, str]) -> None:
    def synced(mode: str) -> dict[str, Any]:
        place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
        words = {"source": {**place, "dbname": shops[0]}, "target": {**place, "dbname": shops[1]}, "target_tier": "staging", "policy": POLICY, "key": KEY}
        return synchronize({"engine": "postgresql", "mode": mode, "workers": 2, **words}, check_mode=False)

    first = synced("auto")
    assert (first["changed"], first["mode"]) == (True, "full")
    assert synced("incremental")["changed"] is False
    assert synced("full")["changed"] is False
    pg.psql(shops[0], "update customers set city = 'X' where id = 9; delete from orders where id = 3")
    found = synced("incremental")
    assert (found["changed"], found["tables"]["public.customers"]["updated"], found["tables"]["public.orders"]["deleted"]) == (True, 1, 1)
    equal_to_full(pg, shops, SIMPLE)
    assert synced("full")["changed"] is False
    pg.psql(shops[1], "update customers set city = 'hand' where id = 9")
    found = synced("auto")
    assert (found["changed"], found["mode"] in ("differential", "full")) == (True, True)
    equal_to_full(pg, shops, SIMPLE)
    assert synced("differential")["changed"] is False
