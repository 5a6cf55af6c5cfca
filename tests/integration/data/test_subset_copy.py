# SPDX-License-Identifier: GPL-3.0-or-later
"""A subset on its whole way: selected, masked, copied into the shadow, proved by validated keys, swapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY
from ansible_collections.evenkeel.release.tests.integration.data.test_subset import COMPANY
from ansible_collections.evenkeel.release.tests.integration.data.test_subset_random import place

KEPT = {"keep": "a number"}
COLUMNS = {
    "dept": ["id", "head"],
    "emp": ["id", "dept", "boss"],
    "badge": ["emp", "since"],
    "gift": ["id", "emp", "since"],
    "country": ["code", "name"],
    'Odd "one': ["%s {id}", "größe"],
    "note": ["id", "owner_type", "owner_id", "line"],
    "log": ["id", "at", "emp"],
    "alone": ["id"],
}
POLICY: dict[str, Any] = {
    "name": "company",
    "version": 1,
    "tables": {f"public.{name}": {"columns": dict.fromkeys(columns, KEPT)} for name, columns in COLUMNS.items()},
}
START = {"start": [{"table": "public.dept", "where": [{"column": "id", "op": "in", "value": [3, 5]}]}], "limits": {"public.log.emp": 1}}


@pytest.fixture
def companies(pg: Any) -> Iterator[tuple[str, str]]:
    source, target = pg.create_db(), pg.create_db()
    pg.psql(source, COMPANY)
    pg.psql(target, COMPANY + "delete from gift; delete from badge; insert into alone values (99)")
    yield source, target
    for name in (source, target):
        pg.psql("postgres", f"drop database {name} with (force)")


def params(pg: Any, companies: tuple[str, str], **changes: Any) -> dict[str, Any]:
    found = {
        "engine": "postgresql",
        "source": place(pg, companies[0]),
        "target": place(pg, companies[1]),
        "target_tier": "test",
        "policy": {**POLICY, "tables": {**POLICY["tables"], "public.country": {"columns": {"code": KEPT, "name": {"mask": "city"}}}}},
        "key": KEY,
        "mode": "subset",
        "workers": 2,
        "subset": START,
    }
    return {**found, **changes}


def test_the_target_holds_the_part_and_every_key_holds(pg: Any, companies: tuple[str, str]) -> None:
    found = synchronize(params(pg, companies), check_mode=False)
    assert found["changed"] is True
    target = companies[1]
    for name, table in found["tables"].items():
        quoted = name.split(".", 1)[1].replace('"', '""')
        assert pg.psql(target, f'select count(*) from "{quoted}"') == str(table["rows"])
    assert pg.psql(target, "select count(*) from alone") == "0"
    assert 0 < int(pg.psql(target, "select count(*) from emp")) <= 400
    assert pg.psql(target, "select max(n) from (select count(*) n from log group by emp) s") == "1"
    assert pg.psql(target, "select bool_and(convalidated) from pg_constraint where contype = 'f'") == "t"
    brought = {edge["edge"]: edge["rows"] for edge in found["edges"] if edge["direction"] == "children"}
    assert brought["public.log.emp"] == found["tables"]["public.log"]["rows"]
    assert sum(edge["rows"] for edge in found["edges"]) == sum(table["rows"] for table in found["tables"].values())


def test_too_many_rows_leave_the_target_as_it_was(pg: Any, companies: tuple[str, str]) -> None:
    before = pg.psql(companies[1], "select count(*), max(id) from alone")
    with pytest.raises(SyncError, match=r"subset.max_rows allows 100\."):
        synchronize(params(pg, companies, subset={**START, "max_rows": 100}), check_mode=False)
    assert pg.psql(companies[1], "select count(*), max(id) from alone") == before
    assert pg.psql(companies[1], "select count(*) from pg_namespace where nspname like 'evenkeel_new%'") == "0"


def test_check_mode_tells_the_plan_and_touches_nothing(pg: Any, companies: tuple[str, str]) -> None:
    found = synchronize(params(pg, companies), check_mode=True)
    assert found["plan"]["subset"]["unreached"]
    assert pg.psql(companies[1], "select max(id) from alone") == "99"
