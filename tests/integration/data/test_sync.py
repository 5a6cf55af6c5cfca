# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, POLICY
from ansible_collections.evenkeel.release.tests.integration.data.dumps import dump


def params(pg: Any, shops: tuple[str, str], **changes: Any) -> dict[str, Any]:
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
    found = {
        "source": {**place, "dbname": shops[0]},
        "target": {**place, "dbname": shops[1]},
        "target_tier": "staging",
        "policy": POLICY,
        "key": KEY,
        "mode": "full",
        "workers": 2,
        "proof": {"enabled": False},
    }
    return {**found, **changes}


def test_all_rows_arrive_masked_and_foreign_keys_hold(pg: Any, shops: tuple[str, str]) -> None:
    source, target = shops
    pg.psql(target, "create role reader_x; grant select on customers to reader_x")
    result = synchronize(params(pg, shops), check_mode=False)
    assert result["changed"] is True
    assert result["tables"]["public.orders"]["rows"] == 1500
    assert pg.psql(target, "select count(*) from customers") == "500"
    assert pg.psql(target, "select count(*) from orders o join customers c on c.id = o.customer_id") == "1500"
    assert pg.psql(target, "select bool_and(convalidated) from pg_constraint where contype = 'f'") == "t"
    soft = "select count(*) from orders o join customers c on c.id = o.customer_id where ship_name = name and payer_email = email"
    assert pg.psql(target, soft) == "1500"
    for column in ("name", "email", "phone", "street", "city", "postcode", "birth_date", "iban", "card", "external", "shout"):
        query = f"select {column} from customers where {column} is not null"
        before, after = (set(pg.psql(name, query).splitlines()) for name in shops)
        if column not in ("birth_date", "postcode"):  # few values: a mask may be another row's value
            assert not before & after, column
    for column in ("birth_date", "postcode"):
        rows = f"select id, {column} from customers"
        assert not set(pg.psql(source, rows).splitlines()) & set(pg.psql(target, rows).splitlines()), column
    nulls = "select count(phone), count(notes) from customers"
    assert pg.psql(source, nulls) == pg.psql(target, nulls)
    objects = "select indexname from pg_indexes where schemaname = 'public' order by 1"
    assert pg.psql(source, objects) == pg.psql(target, objects)
    assert pg.psql(target, "select has_table_privilege('reader_x', 'customers', 'select')") == "t"
    assert pg.psql(target, "insert into customers (name, email, country) values ('n', 'e', 'DE') returning id") == "501"
    assert pg.psql(target, "select count(*) from pg_namespace where nspname ~ '^evenkeel_(new|old)'") == "0"
    pg.psql(target, "drop owned by reader_x; drop role reader_x")


def test_second_run_changes_nothing_and_a_hand_edit_is_found(pg: Any, shops: tuple[str, str]) -> None:
    synchronize(params(pg, shops), check_mode=False)
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is False
    pg.psql(shops[1], "update customers set city = 'X' where id = 7")
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True
    pg.psql(shops[0], "update customers set city = 'Y' where id = 7")
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is False


def refused(pg: Any, shops: tuple[str, str], **changes: Any) -> str:
    with pytest.raises(SyncError) as caught:
        synchronize(params(pg, shops, **changes), check_mode=False)
    assert pg.psql(shops[1], "select name from customers") == "Before"
    return str(caught.value)


def test_unknown_column_is_refused_with_the_yaml_to_add(pg: Any, shops: tuple[str, str]) -> None:
    for name in shops:
        pg.psql(name, "alter table customers add work_email text")
    message = refused(pg, shops)
    assert "public.customers.work_email: the policy doesn't mention this column (text)" in message
    assert "      work_email: {mask: email}" in message


def test_unknown_table_gone_column_and_wrong_type_are_refused_together(pg: Any, shops: tuple[str, str]) -> None:
    policy = copy.deepcopy(POLICY)
    policy["skip"] = []
    policy["tables"]["public.orders"]["columns"]["gone"] = {"mask": "name"}
    policy["tables"]["public.orders"]["columns"]["amount"] = {"mask": "name"}
    message = refused(pg, shops, policy=policy)
    assert "public.audit: the policy doesn't mention this table" in message
    assert "public.orders.gone: the policy names it" in message
    assert "name can't make a numeric(10,2)" in message


def test_skew_production_same_database_and_triggers_are_refused(pg: Any, shops: tuple[str, str]) -> None:
    assert "tier is production" in refused(pg, shops, target_tier="production")
    same = params(pg, shops)["target"]
    assert "same database" in refused(pg, shops, source=same)
    pg.psql(shops[1], f"comment on database {shops[1]} is 'evenkeel:tier=production'")
    assert "marks it as production" in refused(pg, shops)
    pg.psql(shops[1], f"comment on database {shops[1]} is null")
    pg.psql(shops[1], "alter table orders alter amount type numeric(12, 2)")
    assert "numeric(10,2) not null in the source, numeric(12,2) not null in the target (the target could take it: drift: accept)" in refused(pg, shops)
    pg.psql(shops[1], "alter table orders alter amount type numeric(9, 2)")
    message = refused(pg, shops, drift="accept")
    assert "numeric(10,2) not null in the source, numeric(9,2) not null in the target" in message


def test_a_target_that_can_take_the_rows_is_accepted_when_asked(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(
        shops[1],
        "alter table orders alter amount type numeric(12, 2), alter customer_id type bigint, alter id type bigint, add extra text, add n int default 7",
    )
    found = synchronize(params(pg, shops, drift="accept"), check_mode=False)
    assert "public.orders.extra: only the target has it" in found["drift"]
    assert len(found["drift"]) == 4
    assert pg.psql(shops[1], "select count(*), min(n), max(n), count(extra), sum(amount) from orders") == "1500|7|7|0|" + pg.psql(
        shops[0], "select sum(amount) from orders"
    )


def test_violated_constraint_leaves_the_target_as_it_was(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[1], "alter table orders add constraint small check (amount < 2) not valid")
    message = refused(pg, shops)
    assert "orders.small" in message
    assert "Person" not in message
    assert pg.psql(shops[1], "select count(*) from pg_namespace where nspname like 'evenkeel%'") == "0"


def test_a_log_of_parameters_is_refused(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql("postgres", f"alter database {shops[0]} set log_statement = 'all'")
    assert "its log would keep bound parameters" in refused(pg, shops)


@pytest.mark.parametrize("mode", ["full", "auto", "subset", "schema_only"])
def test_check_mode_plans_and_changes_nothing(pg: Any, shops: tuple[str, str], mode: str) -> None:
    """Both databases refuse every write meanwhile."""
    pg.psql(shops[0], "analyze")
    before = dump(pg, shops[1])
    for name in shops:
        pg.psql(name, f"alter database {name} set default_transaction_read_only = on")
    subset = {"start": [{"table": "public.customers", "percent": 10}]}
    result = synchronize(params(pg, shops, mode=mode, subset=subset if mode == "subset" else None), check_mode=True)
    assert "email" in result["tables"]["public.customers"]["masked"]
    plan = {table["name"]: table for table in result["plan"]["tables"]}
    assert plan["public.customers"]["masks"]["phone"] == "phone"
    assert (plan["public.orders"]["rows"], plan["public.orders"]["bytes"] > 0) == ((0, False) if mode == "schema_only" else (1500, True))
    assert {"seconds_estimate", "bytes_estimate"} <= set(result["plan"])
    assert dump(pg, shops[1]) == before


def test_check_mode_knows_that_nothing_would_change(pg: Any, shops: tuple[str, str]) -> None:
    assert synchronize(params(pg, shops), check_mode=True)["changed"] is True
    synchronize(params(pg, shops), check_mode=False)
    assert synchronize(params(pg, shops), check_mode=True)["changed"] is False
    pg.psql(shops[0], "update customers set city = 'Y' where id = 7")
    assert synchronize(params(pg, shops), check_mode=True)["changed"] is True


def test_a_column_made_again_counts_as_a_change(pg: Any, shops: tuple[str, str]) -> None:
    synchronize(params(pg, shops), check_mode=False)
    for name in shops:
        pg.psql(name, "alter table customers drop country; alter table customers add country char(2) not null default 'FR'")
    policy = copy.deepcopy(POLICY)
    assert synchronize(params(pg, shops, policy=policy), check_mode=True)["changed"] is True


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("create publication pub for table customers", "publication pub, whose subscribers would not see it"),
        ("create table child () inherits (customers)", "inheritance from or by public.child, which is not synchronized"),
        ("create function f(customers) returns int language sql as 'select 1'", "function public.f(public.customers), which uses its row type"),
        (
            "create function g() returns bigint language sql begin atomic select count(*) from customers; end",
            "function public.g(), which holds on to it",
        ),
        ("create table late (c bigint references customers (id))", "foreign key late_c_fkey of public.late, a table that is skipped"),
        ("create table rows (whole customers)", "a column of its row type: public.rows.whole"),
    ],
)
def test_what_a_swap_would_lose_is_refused_by_name(pg: Any, shops: tuple[str, str], statement: str, said: str) -> None:
    pg.psql(shops[1], statement)
    assert f"public.customers: has {said}; the swap would lose it" in refused(pg, shops)


def test_only_the_grants_of_the_old_table_count(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[1], "create role nosy; alter default privileges grant select on tables to nosy; comment on table orders is 'what was bought'")
    synchronize(params(pg, shops), check_mode=False)
    assert pg.psql(shops[1], "select has_table_privilege('nosy', 'customers', 'select')") == "f"
    assert pg.psql(shops[1], "select obj_description('orders'::regclass)") == "what was bought"
    pg.psql(shops[1], "drop owned by nosy; drop role nosy")


def test_constraints_keep_their_kind(pg: Any, shops: tuple[str, str]) -> None:
    more = """create table tags (a int, b int, c int, constraint tags_key primary key (a) include (b),
      constraint tags_late unique (b, c) deferrable initially deferred, constraint tags_near exclude using btree (c with =));"""
    for name in shops:
        pg.psql(name, more)
    pg.psql(shops[0], "insert into tags values (1, 2, 3)")
    policy = copy.deepcopy(POLICY)
    policy["tables"]["public.tags"] = {"columns": {name: {"keep": "a number"} for name in "abc"}}
    synchronize(params(pg, shops, policy=policy), check_mode=False)
    objects = (
        "select conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) from pg_constraint"
        " where connamespace = 'public'::regnamespace order by 1, 2"
    )
    indexes = "select tablename, indexdef from pg_indexes where schemaname = 'public' order by 1, 2"
    for query in (objects, indexes):
        assert pg.psql(shops[0], query) == pg.psql(shops[1], query)
