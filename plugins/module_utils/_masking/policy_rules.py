# SPDX-License-Identifier: GPL-3.0-or-later
"""From an entry of a policy, whose form is known to be good, to the rule of a column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import NUMBER, Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_structure import UNHASHED
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS

NOTHING = Column("", "", not_null=True)
BESIDE_OPTIONS = ("mask", "domain", "by", "keep", "paths", "element")
WHOLE = {"smallint": 15, "integer": 31, "bigint": 63, "tinyint": 7, "mediumint": 23, "int": 31}


def is_hashed(mask: str) -> bool:
    return TRANSFORMERS[mask].hashed if mask in TRANSFORMERS else mask not in UNHASHED


def limits(column: Column) -> Optional[tuple[str, str]]:
    """The least and the greatest number a column of whole or fixed numbers holds, as text."""
    kind = column.kind
    if kind in WHOLE:
        unsigned = "unsigned" in (column.base or column.type)
        top = 2 ** (WHOLE[kind] + unsigned)
        return ("0" if unsigned else str(-top)), str(top - 1)
    found = re.search(r"^(?:numeric|decimal)\((\d+)(?:,\s*(\d+))?\)", column.base or column.type)
    if not found:
        return None
    digits, scale = int(found.group(1)), int(found.group(2) or 0)
    top_text = "9" * (digits - scale) or "0"
    top_text += "." + "9" * scale if scale else ""
    return "-" + top_text, top_text


def _options(entry: Mapping[str, Any], column: Column) -> dict[str, Any]:
    found = {key: value for key, value in entry.items() if key not in BESIDE_OPTIONS}
    if entry.get("mask") == "noise" and column.family == NUMBER and "min" not in found and "total" not in found:
        both = limits(column)
        found.update({"min": both[0], "max": both[1]} if both else {})
    return found


def rule_of(entry: Mapping[str, Any], column: Column, *, entity: Optional[Mapping[str, str]], key: Optional[Column], many: bool = False) -> Rule:
    """`many`: one row holds more than one value of it, so that the entity can't tell them apart."""
    mask = entry.get("mask")
    options = _options(entry, column)
    if mask is None:
        return Rule(None, "", options)
    leaves = _leaves(entry, column, entity=entity, key=key)
    hashed = is_hashed(mask) if mask not in ("json", "array") else any(leaf.hashed for _path, leaf in leaves)
    by = entry.get("by") or ("entity" if entity and not many and not options.get("unique") else "value")
    if not is_hashed(mask) or mask in ("json", "array", "shuffle") or options.get("total"):
        by = "value"
    by_entity = by == "entity" and entity is not None
    return Rule(
        mask,
        entry.get("domain", mask),
        options,
        by=by,
        entity=entity["name"] if entity and by_entity else "",
        key=entity["key"] if entity and by_entity else "",
        fallback=by_entity and key is not None and not key.not_null,
        hashed=hashed,
        permuted=bool(options.get("unique")) and not TRANSFORMERS[mask].unique_bits,
        table_level=mask == "shuffle" or bool(options.get("total")),
        leaves=leaves,
    )


def _leaves(entry: Mapping[str, Any], column: Column, *, entity: Optional[Mapping[str, str]], key: Optional[Column]) -> tuple[tuple[str, Rule], ...]:
    if entry["mask"] == "array":
        return (("", rule_of(entry["element"], element_of(column), entity=entity, key=key, many=True)),)
    paths = entry.get("paths", {}) if entry["mask"] == "json" else {}
    inside = Column(column.name, "text", not_null=False)
    return tuple((path, rule_of(leaf, inside, entity=entity, key=key, many="[*]" in path)) for path, leaf in paths.items())


def element_of(column: Column) -> Column:
    return column._replace(type=column.element, element="", base="", unique="", not_null=False)
