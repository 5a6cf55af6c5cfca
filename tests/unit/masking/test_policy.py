# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, Rule, column_faults, guess, make_plan

CATALOG = {"public.people": [Column("id", "bigint", True), Column("mail", "character varying(40)", True)]}


def policy(**columns: Any) -> dict[str, Any]:
    return {"name": "p", "version": 1, "tables": {"public.people": {"columns": columns}}}


GOOD = {"id": {"keep": "surrogate key"}, "mail": {"mask": "email"}}


@pytest.mark.parametrize(
    ("name", "kind", "not_null", "expected"),
    [
        ("work_email", "text", True, "{mask: email}"),
        ("mobile", "character varying(30)", False, "{mask: phone}"),
        ("first_name", "text", True, "{mask: first_name}"),
        ("surname", "text", True, "{mask: last_name}"),
        ("zip", "text", True, "{mask: postcode}"),
        ("remark", "text", True, "{mask: text}"),
        ("birth_date", "date", False, "{mask: date_shift, days: 90}"),
        ("placed_at", "timestamp with time zone", True, '{keep: "REVIEW: a time of the business, no personal value"}'),
        ("external", "uuid", True, "{mask: uuid}"),
        ("customer_id", "bigint", True, '{keep: "REVIEW: surrogate key without a meaning"}'),
        ("salary", "numeric(10,2)", True, "{mask: noise, percent: 10}"),
        ("profile", "jsonb", False, '{mask: "null"}'),
        ("profile", "jsonb", True, '{mask: constant, value: "{}"}'),
        ("x", "character varying(4)", True, "{mask: postcode}"),
        ("gender", "text", False, "{mask: text}"),
        ("period", "interval", True, '{mask: constant, value: "0"}'),
        ("file", "bytea", True, '{mask: constant, value: ""}'),
    ],
)
def test_guesses_hide_what_they_do_not_know(name: str, kind: str, not_null: bool, expected: str) -> None:
    assert guess(Column(name, kind, not_null)) == expected


def test_guesses_keep_what_is_computed_and_name_all_labels() -> None:
    assert guess(Column("total", "text", True, generated=True)) == '{keep: "computed by the database from other columns"}'
    assert guess(Column("mood", "mood", True, labels=("a", "b"))) == '{keep: "REVIEW: one of a few codes", values: [a, b]}'


def test_a_complete_policy_has_a_plan() -> None:
    plan = make_plan(policy(**GOOD), CATALOG)
    assert (plan.faults, plan.additions) == ([], [])
    assert plan.tables["public.people"]["mail"].domain == "email"


def test_every_unknown_is_refused_in_one_report() -> None:
    catalog = {**CATALOG, "public.log": [Column("line", "text", False)]}
    plan = make_plan(policy(id={"keep": "key"}, gone={"mask": "email"}), catalog)
    assert plan.faults == [
        "public.log: the policy doesn't mention this table",
        "public.people.gone: the policy names it, the source has no such column",
        "public.people.mail: the policy doesn't mention this column (character varying(40))",
    ]
    assert "      mail: {mask: email}" in plan.additions
    assert "  public.log:" in plan.additions


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"mask": "emial"}, "mask: found 'emial', allowed are array, card"),
        ({"keep": " "}, "'keep' needs a reason"),
        ({}, "either 'mask' or 'keep' is needed"),
        ({"mask": "email", "keep": "x"}, "either 'mask' or 'keep' is needed"),
        ({"mask": "email", "days": 4}, "days: email has no such option"),
        ({"mask": "constant"}, "value: constant needs it: a text or a number"),
        ({"mask": "date_shift", "days": 0}, "days: found 0; a whole number from 1 to 3650"),
    ],
)
def test_entries_that_make_no_sense(entry: dict[str, Any], said: str) -> None:
    faults = make_plan(policy(id={"keep": "key"}, mail=entry), CATALOG).faults
    assert len(faults) == 1
    assert faults[0].startswith("tables.public.people.columns.mail: ")
    assert said in faults[0]


@pytest.mark.parametrize(
    ("mask", "column", "said"),
    [
        ("name", Column("n", "numeric(10,2)", True), "name can't make a numeric(10,2)"),
        ("null", Column("n", "text", True), "NOT NULL"),
        ("email", Column("n", "character varying(10)", True), "makes up to 29 characters, the column holds 10"),
        ("email", Column("n", "text", True, True), "computed by the database"),
        ("date_shift", Column("n", "text", True), "date_shift can't make a text"),
    ],
)
def test_masks_that_do_not_fit_a_column(mask: str, column: Column, said: str) -> None:
    faults = column_faults(Rule(mask, mask, {}), column)
    assert len(faults) == 1
    assert said in faults[0]
