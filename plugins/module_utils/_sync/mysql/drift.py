# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tables that should be alike, column by column: what fits, what could fit, what doesn't."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table

WHOLE = {"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "bigint": 20}  # type -> digits
CHARS = ("char", "varchar")
LONG = ("tinytext", "text", "mediumtext", "longtext")  # hold 2^8, 2^16, ... bytes
BYTES = 4  # of a character of utf8mb4
BLOBS = ("tinyblob", "blob", "mediumblob", "longblob")
MOMENTS = ("datetime", "timestamp", "time")
KIND = re.compile(r"(\w+)(?:\((.*)\))?([\w ]*)")


class Found(NamedTuple):
    faults: list[str]
    accepted: list[str]  # differences that the target could take
    becomes: dict[str, str]  # column -> type whose text the target shows for the same value


class Kind(NamedTuple):
    base: str
    numbers: tuple[int, ...]
    unsigned: bool


def compare(full: str, source: Table, target: Table) -> Found:
    here, there = ({column.name: column for column in table.columns} for table in (source, target))
    found = Found([], [], {})
    for name, column in here.items():
        if name in there:
            _column(f"{full}.{name}", column, there[name], found)
        elif not column.generated:
            found.faults.append(f"{full}.{name}: only the source has it")
    for name, column in there.items():
        if name not in here:
            fills = not column.not_null or column.default or column.generated
            (found.accepted if fills else found.faults).append(f"{full}.{name}: only the target has it")
    if not found.faults and source.primary != target.primary:
        keys = [", ".join(table.primary) or "no column" for table in (source, target)]
        found.faults.append(f"{full}: the primary key is {keys[0]} in the source, {keys[1]} in the target")
    if not found.faults and not found.accepted and list(here) != list(there):
        found.accepted.append(f"{full}: the columns stand in another order")
    return found


def narrowed(source: Table, target: Table) -> Table:
    """The target's table as far as the source fills it, in the order of the source."""
    there = {column.name: column for column in target.columns}
    return target._replace(columns=[there[column.name] for column in source.columns if column.name in there])


def _column(place: str, here: Column, there: Column, found: Found) -> None:
    if shown(here) == shown(there):
        return
    differs = f"{place}: {shown(here)} in the source, {shown(there)} in the target"
    becomes = "" if _same(here.type, there.type) else wider(here, there)
    if here.generated != there.generated or becomes is None or (there.not_null and not here.not_null):
        found.faults.append(differs)
        return
    found.accepted.append(differs)
    if becomes:
        found.becomes[here.name] = becomes


def shown(column: Column) -> str:
    # MySQL 8 shows no width of whole numbers, MariaDB does.
    kind = re.sub(r"^(\w*int)\(\d+\)", r"\1", column.type)
    return f"{kind}{' not null' if column.not_null else ''}{' generated' if column.generated else ''}"


def _same(here: str, there: str) -> bool:
    return re.sub(r"int\(\d+\)", "int", here) == re.sub(r"int\(\d+\)", "int", there)


def _kind(text: str) -> Kind:
    base, inside, tail = KIND.match(text.lower()).groups()  # type: ignore[union-attr]
    numbers = tuple(int(one) for one in inside.split(",")) if inside and re.fullmatch(r"[\d, ]+", inside) else ()
    return Kind(base, numbers, "unsigned" in tail)


def wider(here: Column, there: Column) -> Optional[str]:
    """None: some value of the first has no place in the second. Else the type to read it as, empty when its text stays the same."""
    if here.labels and there.labels:
        # A set is a sum of its labels' numbers: more of them behind the old ones change none.
        same = here.type.split("(")[0] == there.type.split("(")[0]
        return "" if same and there.labels[: len(here.labels)] == here.labels else None
    one, other = _kind(here.type), _kind(there.type)
    if one.base in WHOLE or one.base == "decimal":
        return _numbers(one, other)
    if one.base in MOMENTS or one.base == "date":
        return _moments(one, other)
    if (one.base, other.base) == ("float", "double") and not one.numbers + other.numbers and (one.unsigned or not other.unsigned):
        return ""
    return "" if _texts(one, other) else None


def _numbers(one: Kind, other: Kind) -> Optional[str]:
    if other.unsigned and not one.unsigned:
        return None
    if one.base in WHOLE and other.base in WHOLE:
        return "" if WHOLE[one.base] < WHOLE[other.base] else None
    if other.base != "decimal":
        return None
    digits, scale = (WHOLE[one.base], 0) if one.base in WHOLE else ((*one.numbers, 10, 0)[:2] if len(one.numbers) == 2 else (10, 0))
    more, finer = other.numbers if len(other.numbers) == 2 else (10, 0)
    if finer < scale or more - finer < digits - scale:
        return None
    return f"decimal({more},{finer})" if finer > scale else ""


def _moments(one: Kind, other: Kind) -> Optional[str]:
    finer, scale = ((*kind.numbers, 0)[0] for kind in (other, one))
    if one.base == "date":
        return f"datetime({finer})" if other.base == "datetime" else None
    if one.base != other.base or finer < scale:
        return None
    return f"{'time' if one.base == 'time' else 'datetime'}({finer})"


def _texts(one: Kind, other: Kind) -> bool:
    length, room = ((*kind.numbers, 0)[0] for kind in (one, other))
    for short, long in ((CHARS, LONG), (("binary", "varbinary"), BLOBS)):
        if one.base in short and other.base in long:
            return bool(length * (BYTES if short is CHARS else 1) < 256 ** (1 + long.index(other.base)))
        if one.base in long and other.base in long:
            return long.index(one.base) < long.index(other.base)
    # Into a CHAR of another width texts would be filled up or cut.
    return one.base in (*CHARS, "binary", "varbinary") and other.base == "var" + one.base.replace("var", "") and bool(room >= length)
