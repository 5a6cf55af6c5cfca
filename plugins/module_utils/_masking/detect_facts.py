# SPDX-License-Identifier: GPL-3.0-or-later
"""From sampled rows to numbers about them. Rows come in, and only counts go out."""

from __future__ import annotations

import datetime
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_values import ENOUGH, Profile, leaves, parsed, profile
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import ARRAY, JSON, NUMBER, TEXT, Column

PLENTY = 65536  # hashes of a column that are compared
SOME = 20  # different values from which an overlap is worth a look


Place = tuple[str, str]  # (table, column, with the path of a JSON leaf behind it)


class Seen(NamedTuple):
    profiles: dict[str, Profile]
    leaves: dict[str, dict[str, Profile]]


class Candidate(NamedTuple):
    """A column, or a leaf of its documents, whose values may be copies of others."""

    column: str
    path: str  # of a leaf, else ""
    few: bool  # so few different values that all are compared


def look(columns: Sequence[Column], values: Mapping[str, Sequence[Any]], *, today: datetime.date) -> Seen:
    """`values` holds texts; documents and arrays as JSON text."""
    seen = Seen({}, {})
    for column in columns:
        given = [value for value in values.get(column.name, ()) if value is not None]
        if column.family == ARRAY:
            elements = [one for found in leaves(parsed(given)).values() for one in found]
            seen.profiles[column.name] = profile(elements, today=today)
        else:
            seen.profiles[column.name] = profile(given, today=today)
        if column.family == JSON or (column.family == TEXT and seen.profiles[column.name].values and seen.profiles[column.name].share("json") >= 0.9):
            found = leaves(parsed(given))
            seen.leaves[column.name] = {path: profile(one, today=today) for path, one in _outermost(found).items()}
    return seen


def _outermost(found: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Where a key holds now a scalar, now an object, the object's leaves are dropped: the scalar's mask covers the place."""
    inside = {path for path in found for other in found if other != path and path.startswith(other) and path[len(other)] in ".["}
    return {path: values for path, values in found.items() if path not in inside and path != "$" and not all(value is None for value in values)}


def candidates(columns: Sequence[Column], seen: Seen) -> list[Candidate]:
    found = []
    for column in columns:
        if column.name in seen.leaves:
            found += [
                Candidate(column.name, path, few=_few(one))
                for path, one in seen.leaves[column.name].items()
                if "[*]" not in path and _worth(one) and not one.hits.get("number")
            ]
        elif not column.generated and column.name in seen.profiles and _worth(seen.profiles[column.name]):
            one = seen.profiles[column.name]
            if column.family == TEXT or (column.family == NUMBER and one.share("card") > 0.5):
                found.append(Candidate(column.name, "", few=_few(one)))
    return found


def _worth(values: Profile) -> bool:
    return values.distinct >= SOME and values.share("code") < 0.8 and values.share("prose") < 0.5


def _few(values: Profile) -> bool:
    return values.values >= ENOUGH and values.distinct < 0.5 * values.values


def thinning(rows: int) -> int:
    """A power of two: of a column of so many values, those hashes are compared that it divides."""
    found = 1
    while rows / found > PLENTY:
        found *= 2
    return found


def overlaps(hashes: Mapping[tuple[str, str], tuple[int, set[int]]]) -> list[tuple[tuple[str, str], tuple[str, str], int, int]]:
    """`hashes` holds (thinning, hashes) per place. Compared at the coarser of two: one thinning divides the other."""
    found = []
    places = sorted(hashes)
    for number, here in enumerate(places):
        for there in places[number + 1 :]:
            coarse = max(hashes[here][0], hashes[there][0])
            mine, theirs = ({one for one in hashes[place][1] if one % coarse == 0} for place in (here, there))
            shared, total = len(mine & theirs), min(len(mine), len(theirs))
            if total and shared >= max(10, 0.05 * total):
                found.append((here, there, shared, total) if len(mine) <= len(theirs) else (there, here, shared, total))
    return found


def along(
    keys: Sequence[Any], shared: Sequence[tuple[Place, Place, int, int]], tables: Container[str]
) -> Iterator[tuple[Any, Place, Place, Candidate, Candidate]]:
    """Which shared values to compare row by row: (foreign key of one column, place in its table, place in the table it points at, both places' columns)."""
    pairs = [pair for here, there, _shared, _total in shared for pair in ((here, there), (there, here))]
    for key in keys:
        for child, parent in pairs:
            apart = child[0] == key.table and parent[0] == key.references and child[0] != parent[0]
            if len(key.columns) == 1 and apart and "$" not in parent[1] and parent[0] in tables:
                column, _dollar, path = child[1].partition("$")
                yield key, child, parent, Candidate(column, f"${path}" if path else "", few=False), Candidate(parent[1], "", few=False)


def keys_of(path: str) -> list[str]:
    """`$.user['first name']` -> ["user", "first name"]"""
    keys: list[str] = []
    rest = path[1:]
    while rest:
        if rest[0] == ".":
            end = next((place for place, char in enumerate(rest[1:], 1) if char in ".["), len(rest))
            keys.append(rest[1:end])
        else:
            end = rest.index("']") + 2
            keys.append(json.loads('"' + rest[2 : end - 2].replace('"', '\\"').replace("\\'", "'") + '"'))
        rest = rest[end:]
    return keys
