# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tables that should be alike, column by column: what fits, what could fit, what doesn't."""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table

WHOLE_NUMBERS = ("smallint", "integer", "bigint")
TEXTS = ("character varying", "text")


class Found(NamedTuple):
    faults: list[str]
    accepted: list[str]  # differences that the target could take
    converts: bool  # values go through their text, because a type differs


def compare(source: Table, target: Table) -> Found:
    here, there = ({column.name: column for column in table.columns} for table in (source, target))
    found = Found([], [], any(name in there and there[name].type != column.type for name, column in here.items()))
    for name, column in here.items():
        place = f"{source.full}.{name}"
        if name not in there:
            if not column.generated:
                found.faults.append(f"{place}: only the source has it")
            continue
        other = there[name]
        differs = f"{place}: {_shown(column)} in the source, {_shown(other)} in the target"
        if column.generated != other.generated or not (column.type == other.type or wider(column.type, other.type)) or _narrower(column, other):
            found.faults.append(differs)
        elif (column.type, column.not_null) != (other.type, other.not_null):
            found.accepted.append(differs)
        if column.labels != other.labels:
            lost = [label for label in column.labels if label not in other.labels]
            line = f"{place}: the source's {column.type} knows {', '.join(column.labels)}, the target's {', '.join(other.labels)}"
            (found.faults if lost else found.accepted).append(line)
    for name, column in there.items():
        if name not in here:
            fills = not column.not_null or column.default or column.identity or column.generated
            (found.accepted if fills else found.faults).append(f"{source.full}.{name}: only the target has it")
    if not found.faults and not found.accepted and list(here) != list(there):
        found.accepted.append(f"{source.full}: the columns stand in another order")
    return found


def _shown(column: Column) -> str:
    return f"{column.type}{' not null' if column.not_null else ''}{' generated' if column.generated else ''}"


def _narrower(here: Column, there: Column) -> bool:
    return there.not_null and not here.not_null


def _numbers(kind: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", kind)]


def wider(here: str, there: str) -> bool:
    """Whether every value of the first type has a place in the second."""
    if here in WHOLE_NUMBERS and there in WHOLE_NUMBERS:
        return WHOLE_NUMBERS.index(here) < WHOLE_NUMBERS.index(there)
    if here in WHOLE_NUMBERS and there == "numeric":
        return True
    if here.startswith("character varying") and there in TEXTS:
        return True
    if here.startswith("character varying(") and there.startswith("character varying("):
        return _numbers(here) < _numbers(there)
    if here.startswith("numeric(") and there == "numeric":
        return True
    if here.startswith("numeric(") and there.startswith("numeric("):
        (digits, scale), (more, finer) = ([*_numbers(kind), 0][:2] for kind in (here, there))
        return finer >= scale and more - finer >= digits - scale
    return (here, there) in (("real", "double precision"), ("json", "jsonb"), ("date", "timestamp without time zone"))
