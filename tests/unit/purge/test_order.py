# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._purge.order import Edge, arrange
from hypothesis import given
from hypothesis import strategies as st


def edge(child: str, parent: str, on_delete: str = "no action") -> Edge:
    return Edge(f"{child}_{parent}", child, ("p",), parent, ("id",), on_delete)


def test_children_go_before_their_parents() -> None:
    edges = [edge("orders", "customers"), edge("items", "orders"), edge("other", "customers")]
    assert arrange(["customers", "orders", "items"], edges) == (["items", "orders", "customers"], False)


def test_a_circle_and_a_tree_are_told() -> None:
    names, circle = arrange(["a", "b", "c"], [edge("a", "b"), edge("b", "a"), edge("a", "c")])
    assert circle
    assert sorted(names) == ["a", "b", "c"]
    assert names.index("a") < names.index("c")
    assert arrange(["a"], [edge("a", "a")]) == (["a"], True)
    assert arrange(["a"], [edge("a", "a", "cascade")]) == (["a"], False)


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])))
def test_without_circles_every_child_comes_first(pairs: set[tuple[int, int]]) -> None:
    names, circle = arrange([str(number) for number in range(8)], [edge(str(child), str(parent)) for child, parent in pairs])
    assert not circle
    assert sorted(names) == [str(number) for number in range(8)]
    assert all(names.index(str(child)) < names.index(str(parent)) for child, parent in pairs)
