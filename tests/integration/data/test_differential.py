# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import differential
from ansible_collections.evenkeel.release.tests.integration.data.test_delta import SIMPLE, equal_to_full, pair, run

__all__ = ["pair"]


def test_what_others_wrote_into_the_target_is_put_right(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(
        pair[1],
        "update customers set city = 'hand' where id = 7; delete from orders where id between 5 and 8;"
        "insert into customers (id, name, email, country) values (9000, 'hand', 'hand@x', 'DE')",
    )
    assert run(pg, pair, "incremental")["changed"] is False  # looks at the source alone
    found = run(pg, pair, "differential")["tables"]
    assert [found["public.customers"][name] for name in ("inserted", "updated", "deleted")] == [0, 1, 1]
    assert [found["public.orders"][name] for name in ("inserted", "updated", "deleted")] == [4, 0, 0]
    equal_to_full(pg, pair, SIMPLE)
    assert run(pg, pair, "differential")["changed"] is False


def test_drift_is_still_found_after_incremental_runs(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(pair[1], "update customers set city = 'hand' where id = 7")
    for turn in range(3):
        pg.psql(pair[0], f"update customers set phone = '{turn}' where id = 9")
        assert run(pg, pair, "incremental")["changed"] is True
    found = run(pg, pair, "differential")["tables"]["public.customers"]
    assert [found[name] for name in ("inserted", "updated", "deleted")] == [0, 1, 0]
    equal_to_full(pg, pair, SIMPLE)


def test_only_ranges_that_differ_move_when_versions_say_nothing(pg: Any, pair: tuple[str, str]) -> None:
    """As after a failover or a restore: contents are compared, and few rows travel."""
    pg.psql(pair[0], "insert into customers (name, email, country) select 'P' || i, 'p' || i || '@y', 'DE' from generate_series(1, 20000) i")
    run(pg, pair, "incremental")
    pg.psql(pair[0], "update customers set city = 'X' where id = 10000; delete from customers where id = 15000")
    restored = "update evenkeel.data_sync set state = jsonb_set(state, '{delta,%s,timeline}', '\"77\"')"
    pg.psql(pair[1], restored % "source")
    pg.psql(pair[1], restored % "target")
    found = run(pg, pair, "differential")["tables"]["public.customers"]
    assert found["how"] == "content"
    assert [found[name] for name in ("inserted", "updated", "deleted")] == [0, 1, 1]
    whole = int(pg.psql(pair[1], "select sum(pg_column_size(c.*)) from customers c"))
    assert found["bytes"] < whole / 10
    equal_to_full(pg, pair, SIMPLE)
    assert run(pg, pair, "differential")["tables"]["public.customers"]["how"] == "same"


def test_a_line_is_drawn_when_both_are_alike(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(pair[1], "update evenkeel.data_sync set state = jsonb_set(state, '{delta,source,system}', '\"other\"')")
    found = run(pg, pair, "differential")
    assert (found["changed"], found["tables"]["public.customers"]["how"]) == (False, "same")
    pg.psql(pair[0], "update customers set city = 'X' where id = 10")
    assert run(pg, pair, "incremental")["tables"]["public.customers"]["how"] == "versions"


def test_a_target_of_a_subset_needs_a_full_copy(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(pair[1], 'update evenkeel.data_sync set state = \'{"mode": "subset"}\'')
    for mode in ("differential", "incremental"):
        with pytest.raises(NeedsFull, match="needs the mark of a full copy"):
            run(pg, pair, mode)


def test_no_hash_of_a_content_is_kept_and_the_key_seeds_them(pg: Any, pair: tuple[str, str]) -> None:
    kept = json.loads(pg.psql(pair[1], "select state from evenkeel.data_sync"))["delta"]
    assert set(kept) == {"source", "target", "shape", "rows", "numbers", "watermarks", "rate", "slot", "unasked"}
    assert differential.seed_of("k" * 32) != differential.seed_of("l" * 32)
    with pytest.raises(NeedsFull, match="The key, the policy or the columns changed"):
        run(pg, pair, "differential", key="k" * 32)
