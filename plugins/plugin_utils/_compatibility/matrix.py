# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs with what: a table of all pairs of versions of components. Pure functions.

A cell is broken (a requirement between the two does not hold), tested (they ran together and that was verified), declared (the requirements between them
hold), apart (both are declared and neither asks anything of the other) or unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import state
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared, Facts
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.running import Pair

CELLS = ("broken", "tested", "declared", "apart", "unknown")
At = tuple[str, str]
MOST = 300


def make(items: Sequence[At], declared: Declared, *, tested: Mapping[Pair, Sequence[str]], hosts: state.Hosts | None = None) -> dict[str, Any]:
    """{items: [[component, version]], cells: [{row, column, state, why, where}]} of every two different components; items beyond MOST are told as left_out."""
    known = sorted(set(items))
    cells = [
        {"row": list(left), "column": list(right), **cell(left, right, declared, tested=tested, hosts=hosts)}
        for left, right in combinations(known[:MOST], 2)
        if left[0] != right[0]
    ]
    return {"items": [list(item) for item in known[:MOST]], "cells": cells, "left_out": max(0, len(known) - MOST)}


def cell(left: At, right: At, declared: Declared, *, tested: Mapping[Pair, Sequence[str]], hosts: state.Hosts | None = None) -> dict[str, Any]:
    """{state, why, where}: why says what is broken, where names the environments in which they were tested together."""
    facts = {at: state.facts_of(declared, *at) for at in (left, right)}
    where = list(tested.get((min(left, right), max(left, right)), ()))
    related = [*_needs(left, right, facts, declared), *_needs(right, left, facts, declared), *_libraries(left, right, declared, hosts)]
    if related:
        return {"state": "broken", "why": "; ".join(related), "where": where}
    if where:
        return {"state": "tested", "why": "", "where": where}
    if None in facts.values():
        return {"state": "unknown", "why": f"nothing is declared of {' and '.join(' '.join(at) for at, found in facts.items() if found is None)}", "where": []}
    return {"state": "declared" if _related(facts[left], facts[right]) else "apart", "why": "", "where": []}


def _needs(one: At, other: At, facts: Mapping[At, Facts | None], declared: Declared) -> list[str]:
    """What the one needs of a contract that any version of the other offers, and this version does not."""
    mine, theirs = facts[one], facts[other]
    if mine is None or theirs is None:
        return []
    known = {contract for _range, row in declared[other[0]].versions for contract in row.provides}
    found = []
    for need in mine.needs:
        offered = theirs.provides.get(need.contract, ())
        if need.contract not in known or need.source not in ("", other[0]) or (need.optional and not offered) or state.fits(need, offered):
            continue
        found.append(f"{' '.join(one)} requires {need.contract} {need.range}; {' '.join(other)} offers {', '.join(offered) or 'none'}")
    return found


def _libraries(left: At, right: At, declared: Declared, hosts: state.Hosts | None) -> list[str]:
    pair = {left[0]: frozenset({left[1]}), right[0]: frozenset({right[1]})}
    return [one.text for one in state.libraries(pair, declared, hosts or {}) if one.component != one.other]


def _related(left: Facts | None, right: Facts | None) -> bool:
    """Whether one needs what the other offers, or both use a library that is there only once."""
    if left is None or right is None:
        return False
    needs = any(need.contract in other.provides for one, other in ((left, right), (right, left)) for need in one.needs)
    shared = {library.name for library in left.libraries} & {library.name for library in right.libraries}
    return needs or bool(shared)
