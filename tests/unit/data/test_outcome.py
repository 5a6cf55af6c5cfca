# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger and the terminal get of a refresh."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._data.outcome import body, lines, weakest

TABLES = {"public.customers": {"rows": 1200, "masked": ["email", "name"]}, "public.codes": {"rows": 3, "masked": []}}
ONE: dict[str, Any] = {
    "changed": True,
    "mode": "full",
    "why": "asked for",
    "tables": TABLES,
    "proof": {"verdict": "passed"},
    "key_id": "k1",
    "seconds": 2.04,
    "invocation": {"key": "x"},
}


def test_one_database_gets_its_name_and_nothing_of_the_module_itself():
    made = body(ONE, ["shop"])
    assert made["databases"]["shop"] == {key: value for key, value in ONE.items() if key != "invocation"}
    assert (made["changed"], made["proof"], made["key_id"]) == (True, "passed", "k1")


def test_several_keep_theirs():
    made = body({"changed": True, "databases": {"a": ONE, "b": {"changed": False, "key_id": "k1"}}, "snapshots_apart": 0.002}, ["a", "b"])
    assert set(made["databases"]) == {"a", "b"}
    assert (made["proof"], made["key_id"], made["snapshots_apart"]) == ("passed", "k1", 0.002)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"a": {"changed": False}}, "unchanged"),
        ({"a": {"changed": True}}, "none"),
        ({"a": ONE, "b": {"changed": True, "proof": {"verdict": "inconclusive"}}}, "inconclusive"),
        ({"a": ONE, "b": {"changed": False}}, "passed"),
    ],
)
def test_the_weakest_proof_counts(found, expected):
    assert weakest(found) == expected


def test_lines_of_what_was_done():
    assert lines(ONE, ["shop"]) == [
        "shop: refreshed, mode full (asked for), 2.0 s, proof passed",
        "  public.customers: 1,200 rows, masked email, name",
        "  public.codes: 3 rows, masked nothing",
    ]
    [_told, *_tables, edge] = lines(
        {**ONE, "edges": [{"direction": "children", "edge": "public.orders.customer_id", "table": "public.orders", "rows": 3000}]}, ["shop"]
    )
    assert edge == "  children public.orders.customer_id: 3,000 rows"
    assert lines({"changed": False, "mode": "incremental", "seconds": 0.1}, ["shop"]) == ["shop: already up to date, mode incremental, 0.1 s"]


def test_lines_of_a_plan():
    tables = [
        {"name": "public.customers", "rows": 1200, "bytes": 2_400_000, "masks": {"email": "email", "who": "name"}},
        {"name": "public.codes", "rows": 3, "bytes": 100, "masks": {}},
    ]
    plan = {"tables": tables, "seconds_estimate": 312.3, "bytes_estimate": 2_500_000}
    assert lines(
        {"changed": True, "mode": "full", "why": "too much changed.", "plan": plan, "drift": ["public.codes.x: only the target has it"]}, ["shop"]
    ) == [
        "shop: would be refreshed, mode full (too much changed); 2 tables, about 1,203 rows, 2.5 MB, about 5 min",
        "  1. public.customers: about 1,200 rows, 2.4 MB, masks email, who (name)",
        "  2. public.codes: about 3 rows, 1 kB, masks nothing",
        "  the target differs, and would be taken as it is: public.codes.x: only the target has it",
        "  nothing was changed",
    ]
    assert lines({"changed": False, "plan": {**plan, "seconds_estimate": 0.0}}, ["shop"]) == [
        "shop: is up to date, mode full; 2 tables, about 1,203 rows, 2.5 MB, about 1 s",
        "  nothing was changed",
    ]
