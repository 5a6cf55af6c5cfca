# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.subset_plan import Edge, Table, arrange, components, implied, read
from hypothesis import given
from hypothesis import strategies as st

TABLES = {
    name: Table(name, {"id": "bigint", "n": "integer", "label": "character varying(20)", "parent": "int", **extra}, ("id",), rows)
    for name, extra, rows in (
        ("public.customers", {}, 1000),
        ("public.orders", {"customer_id": "bigint"}, 3000),
        ("public.items", {"order_id": "bigint", "product": "bigint"}, 9000),
        ("public.products", {}, 100),
        ("public.countries", {}, 30),
        ("public.alone", {}, 5),
    )
}
KEYS = [
    Edge("public.orders.customer_id", "public.orders", ("customer_id",), "public.customers", ("id",), True, True, constraint="orders_customer_fkey"),
    Edge("public.items.order_id", "public.items", ("order_id",), "public.orders", ("id",), True, True),
    Edge("public.items.product", "public.items", ("product",), "public.products", ("id",), True, True),
]
START = {"start": [{"table": "public.customers", "percent": 10}]}


def read_well(document: dict[str, Any], edges: list[Edge] = KEYS) -> subset_plan.Request:
    request, faults = read(document, TABLES, edges)
    assert faults == []
    return request


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=25))
def test_components_are_cycles_in_the_order_of_the_arcs(count: int, arcs: list[tuple[int, int]]) -> None:
    nodes = [str(number) for number in range(count)]
    used = [(str(here), str(there)) for here, there in arcs if here < count and there < count]
    found = components(nodes, used)
    assert sorted(node for component in found for node in component) == nodes
    place = {node: number for number, component in enumerate(found) for node in component}
    assert all(place[here] <= place[there] for here, there in used)
    reached = {node: subset_plan.reach([node], used) for node in nodes}
    for here in nodes:
        for there in nodes:
            assert (place[here] == place[there]) == (there in reached[here] and here in reached[there])
    assert components(nodes[::-1], used[::-1]) == found


def test_a_chain_longer_than_the_stack() -> None:
    nodes = [f"{number:05}" for number in range(5000)]
    assert len(components(nodes, list(zip(nodes, nodes[1:])))) == 5000


def test_children_go_down_and_parents_up() -> None:
    order = arrange(read_well(START))
    assert [component.tables for component in order.down] == [("public.customers",), ("public.orders",), ("public.items",)]
    up = [component.tables[0] for component in order.up]
    assert up.index("public.items") < up.index("public.orders") < up.index("public.customers")
    assert "public.products" in up
    assert order.unreached == ("public.alone", "public.countries")


def test_a_stopped_edge_brings_no_children_and_a_needed_parent_brings_none_either() -> None:
    order = arrange(read_well({**START, "stop": ["public.items.order_id"]}))
    assert [component.tables for component in order.down] == [("public.customers",), ("public.orders",)]
    assert "public.items" in order.unreached
    order = arrange(read_well({"start": [{"table": "public.products", "percent": 10}]}))
    assert [component.tables[0] for component in order.down] == ["public.products", "public.items"]
    assert {component.tables[0] for component in order.up} == {"public.products", "public.items", "public.orders", "public.customers"}


def test_none_but_the_followed_edges_bring_children() -> None:
    order = arrange(read_well({**START, "children": "none", "follow": ["public.orders.orders_customer_fkey"]}))
    assert [component.tables[0] for component in order.down] == ["public.customers", "public.orders"]


def test_reference_tables_and_the_unreached_are_whole() -> None:
    order = arrange(read_well({**START, "reference": ["public.countries"], "unreached": "all"}))
    assert order.whole == ("public.alone", "public.countries")
    assert order.unreached == ()


def test_a_cycle_is_one_component() -> None:
    back = Edge("public.customers.parent", "public.customers", ("parent",), "public.orders", ("id",), True, True)
    order = arrange(read_well(START, [*KEYS, back]))
    assert order.down[0].tables == ("public.customers", "public.orders")
    assert order.down[0].cyclic
    assert {edge.name for edge in order.down[0].inside} == {"public.customers.parent", "public.orders.customer_id"}
    _request, faults = read({**START, "limits": {"public.customers.parent": {"total": 5}}}, TABLES, [*KEYS, back])
    assert faults == ["subset.limits.public.customers.parent: total isn't possible in a cycle; use per_parent"]


def test_which_base_rows_can_need_nothing() -> None:
    assert implied(KEYS[0], [KEYS[0]])
    assert not implied(KEYS[0], [KEYS[0], None])
    assert not implied(KEYS[0], [KEYS[1]])
    assert not implied(KEYS[0], [])


def test_relations_are_edges_with_names_of_their_own() -> None:
    relation = {"from": "public.items", "columns": ["n"], "to": "public.customers", "references": ["id"]}
    twice = [{**relation, "when": {"column": "label", "value": "customer"}}, {**relation, "to": "public.products", "when": {"column": "label", "value": "p"}}]
    request = read_well({**START, "relations": twice, "limits": {"public.items.n->public.products": 2}})
    assert [edge.name for edge in request.edges[3:]] == ["public.items.n->public.customers", "public.items.n->public.products"]
    assert [edge.per_parent for edge in request.edges[3:]] == [None, 2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": []}, "subset.start: at least one entry is needed"),
        ({"start": [{"table": "public.customers", "percent": 0}]}, "subset.start[0]: percent: a number above 0, up to 100, is needed"),
        ({"start": [{"table": "public.customers", "percent": True}]}, "subset.start[0]: percent: a number above 0"),
        ({"start": [{"table": "public.customers", "where": [{"column": "id", "op": "~", "value": 1}]}]}, "op: found '~', allowed are"),
        ({"start": [{"table": "public.customers", "where": [{"column": "id", "op": "in", "value": []}]}]}, "value: `in` needs a list"),
        ({"start": [{"table": "public.customers", "where": [{"column": "id", "value": None}]}]}, "value: = needs a text, a number or a boolean"),
        ({"start": [{"table": "public.customers", "newest": {"column": "id", "count": 0}}]}, "newest: count is needed"),
        ({"start": ["public.customers"]}, "subset.start[0]: a mapping with table is needed"),
        ({"children": "some"}, "subset.children: found 'some', allowed are ('all', 'none')"),
        ({"reference": ["public.contries"]}, "subset.reference: no synchronized table is named 'public.contries'"),
        ({"limits": {"public.orders.customer_id": 0}}, "per_parent: a number from 1 is needed"),
        ({"limits": {"public.orders.customer_id": {"newest": "n"}}}, "per_parent or total is needed"),
        ({"stop": ["public.orders.customer"]}, "no relation is named 'public.orders.customer'; there are public.items.order_id"),
        ({"relations": [{"from": "public.items", "columns": ["n", "id"], "to": "public.orders", "references": ["id"]}]}, "2 columns can't refer to 1"),
        ({"relations": [{"from": "public.items", "columns": ["label"], "to": "public.orders", "references": ["id"]}]}, "a relation needs columns of one type"),
        ({"relations": [{"from": "public.items", "columns": ["n"], "to": "public.orders"}]}, "subset.relations[0]: references is needed"),
        ({"max_rows": 0}, "subset.max_rows: a number from 1 is needed"),
        ({"depth": 3}, "subset.depth: unknown key"),
    ],
)
def test_a_fault_names_its_place(change: dict[str, Any], said: str) -> None:
    _request, faults = read({**START, **change}, TABLES, KEYS)
    assert any(said in fault for fault in faults), faults


def test_types_that_compare_without_a_loss_are_one_family() -> None:
    assert subset_plan.family("bigint") == subset_plan.family("int(10) unsigned") == subset_plan.family("integer")
    assert subset_plan.family("varchar(20)") == subset_plan.family("text") == subset_plan.family("character varying(80)")
    assert subset_plan.family("numeric(10,2)") != subset_plan.family("integer")


def test_rows_are_guessed_for_the_plan() -> None:
    request = read_well(START)
    found = subset_plan.guess_rows(request, arrange(request))
    assert found["public.customers"] == 100
    assert found["public.items"] == 900
    assert found["public.products"] == 100
    assert found["public.alone"] == 0


def test_the_choice_depends_on_the_key_and_the_share() -> None:
    assert subset_plan.seed("00" * 32) != subset_plan.seed("01" * 32)
    assert 0 < subset_plan.seed("00" * 32) < 2**63
    assert subset_plan.threshold(50) == 2**62
    assert subset_plan.threshold(100) == 2**63 - 1
