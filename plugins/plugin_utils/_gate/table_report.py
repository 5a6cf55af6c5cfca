# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of table tests in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]
SHOWN = 50


def faults(rows: Sequence[Data], covered: Data, mutated: Data, *, coverage: float, score: float) -> list[str]:
    """Why the tests of the policies don't pass; coverage and score are percents that must be reached, 0 for any."""
    wrong = sum(not row["passed"] for row in rows)
    found = [f"{wrong} of {len(rows)} cases did not come out as expected"] if wrong else []
    if covered["percent"] < coverage:
        found.append(f"{covered['covered']} of {covered['rules']} rules are covered ({covered['percent']:g} %), wanted are {coverage:g} %")
    reached = percent(mutated)
    if mutated["tried"] and reached < score:
        found.append(f"{mutated['killed']} of {mutated['tried']} changed conditions were noticed ({reached:g} %), wanted are {score:g} %")
    return found


def percent(mutated: Data) -> float:
    return round(100.0 * mutated["killed"] / mutated["tried"], 1) if mutated["tried"] else 100.0


def render(rows: Sequence[Data], covered: Data, mutated: Data, why: Sequence[str]) -> str:
    head = f"The policies do not pass their tests: {'; '.join(why)}." if why else f"The policies pass their tests: {len(rows)} cases."
    return "\n".join([head, "", *_table(rows), *_coverage(covered), *_mutations(mutated)])


def _table(rows: Sequence[Data]) -> Iterator[str]:
    wide = max((len(f"{row['table']}: {row['case']}") for row in rows), default=0)
    for row in rows:
        told = "ok" if row["passed"] else "NOT AS EXPECTED"
        refusing = f"  refused by {', '.join(row['refused'])}" if row["refused"] else ""
        name = f"{row['table']}: {row['case']}"
        yield f"  {name:<{wide}}  {row['found'] or '-':<12} {told}{refusing}"
        yield from (f"      {fault}" for fault in row["faults"])


def _coverage(covered: Data) -> Iterator[str]:
    yield ""
    yield f"Covered: {covered['covered']} of {covered['rules']} rules ({covered['percent']:g} %) have a case that they refuse and one that they agree to."
    for one in covered["uncovered"][:SHOWN]:
        yield f"  {one['rule']} never {' and never '.join(one['never'])}"


def _mutations(mutated: Data) -> Iterator[str]:
    if not mutated["tried"]:
        return
    yield ""
    yield f"Changed conditions: {mutated['killed']} of {mutated['tried']} were noticed ({percent(mutated):g} %), {mutated['left_out']} were not tried."
    for one in mutated["survived"][:SHOWN]:
        yield f"  no case notices that {one['rule']} becomes {one['mutation']}"
