# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows masked in Python, by the reference that the servers' SQL is tested against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import masker as masker_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.catalog import Table

Row = tuple[Any, ...]


def masker(table: Table, rules: Mapping[str, Rule], *, key: str) -> Callable[[Row], Row]:
    """A function of a row (the stored columns in their order) that gives the masked row."""
    places = {column: place for place, column in enumerate(table.stored)}
    wanted = [(place, column, masker_of(rules[column], key=key), places.get(rules[column].key)) for column, place in places.items() if rules[column].mask]

    def mask(row: Row) -> Row:
        made = list(row)
        for place, column, masked, entity in wanted:
            if isinstance(row[place], bytes) and rules[column].mask not in ("null", "constant"):
                why = f"holds a BLOB, which {rules[column].mask} can't mask; use the mask null or constant"
                raise SyncError(f"{table.full}.{column}: {why}. The target is as it was.")
            made[place] = masked(_text(row[place]), None if entity is None else _text(row[entity]))
        return tuple(made)

    return mask


def _text(value: Any) -> Optional[str]:
    """Numbers as the other engines show them, so that one key masks alike everywhere."""
    return None if value is None else str(value)
