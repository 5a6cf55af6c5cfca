# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/reference/reservations.md, row by row."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import TABLES, clash, in_conflict
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import STATES
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import MODES, Mode, Rules

from .parts import wish

PLUTORA = [
    ("approved", "approved", False, False),
    ("approved", "refused", False, False),
    ("refused", "pending", False, False),
    ("approved", "pending", False, True),
    ("pending", "pending", True, True),
]
STRICT = [
    ("approved", "approved", True, True),
    ("approved", "refused", False, False),
    ("refused", "pending", False, False),
    ("approved", "pending", True, True),
    ("pending", "pending", True, True),
]


@pytest.mark.parametrize(("table", "first", "second", "mine", "theirs"), [("plutora", *row) for row in PLUTORA] + [("strict", *row) for row in STRICT])
def test_the_table(table, first, second, mine, theirs):
    assert in_conflict(table, first, second) == (mine, theirs)
    assert in_conflict(table, second, first) == (theirs, mine)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_what_is_over_or_waits_is_in_nobodys_way(table):
    for first, second in itertools.product(STATES, STATES):
        if not {first, second} <= {"approved", "pending"}:
            assert in_conflict(table, first, second) == (False, False)


def test_strict_sees_whatever_plutora_sees():
    for first, second in itertools.product(STATES, STATES):
        plutora, strict = (in_conflict(table, first, second) for table in ("plutora", "strict"))
        assert all(mine <= theirs for mine, theirs in zip(plutora, strict))


TOGETHER = {("regression", "regression"), ("regression", "shared"), ("shared", "regression"), ("shared", "shared")}


@pytest.mark.parametrize(("one", "other"), list(itertools.product(MODES, MODES)))
def test_modes_of_use(one, other):
    rules = Rules()
    assert rules.share(one, other) == ((one, other) in TOGETHER)
    first, second = (wish(name, 0, 2, mode=mode, state="approved") for name, mode in (("a", one), ("b", other)))
    assert (clash(rules, first, second) is None) == ((one, other) in TOGETHER)


def test_sharing_needs_both():
    rules = Rules(modes={"look": Mode(("change",), changes=False), "change": Mode((), changes=True)})
    assert not rules.share("look", "change")
    assert not rules.share("look", "no such mode")


@pytest.mark.parametrize(
    ("start", "end", "setup", "teardown", "meets"),
    [
        (2, 4, 0, 0, False),  # one ends as the other begins
        (1.99, 4, 0, 0, True),
        (2, 4, 60, 0, True),
        (2, 4, 0, 60, False),
        (-2, 0, 0, 0, False),
        (-2, 0, 0, 60, True),
        (0.5, 1, 0, 0, True),  # inside
        (-1, 3, 0, 0, True),  # around
    ],
)
def test_times_and_buffers(start, end, setup, teardown, meets):
    here = wish("a", 0, 2, state="approved")
    there = wish("b", start, end, state="approved", setup=setup, teardown=teardown)
    assert (clash(Rules(), here, there) is not None) == meets
    assert (clash(Rules(), there, here) is not None) == meets


def test_a_lane_meets_each_of_its_environments_and_nothing_meets_itself():
    lane = wish("lane", 0, 2, places=("qa", "staging"), state="approved")
    found = clash(Rules(), lane, wish("one", 1, 3, places=("staging",), state="approved"))
    assert found is not None
    assert found.environments == ("staging",)
    assert clash(Rules(), lane, wish("one", 1, 3, places=("production",), state="approved")) is None
    assert clash(Rules(), lane, replace(lane, mode="code_change")) is None
