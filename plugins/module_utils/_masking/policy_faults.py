# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a rule doesn't suit its column, or doesn't suit the rules of other columns; each fault says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import (
    ARRAY,
    DATE,
    IP,
    JSON,
    NUMBER,
    TEXT,
    TIMESTAMP,
    UUID,
    Column,
    ForeignKey,
    Rule,
)
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import element_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_paths import tree
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS, MaskingError

Columns = Mapping[str, Column]
ANY = "any"
WORDS = {JSON: "json and jsonb", ARRAY: "an array", NUMBER: "a number", ANY: "anything"}
STRUCTURAL_FAMILIES = {
    "json": (JSON, TEXT),
    "array": (ARRAY,),
    "shuffle": (ANY,),
    "noise": (NUMBER,),
    "generalise": (TEXT, NUMBER, DATE, TIMESTAMP, IP),
    "redact": (TEXT,),
}
GENERALISES = {"to": (DATE, TIMESTAMP), "step": (NUMBER,), "digits": (TEXT,), "bits": (IP,)}
ENGINES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}
ONE_LENGTH = ("email", "token")
FOR_UNIQUE = "use unique: true where the mask has it, token, hash or uuid, or by: value with email"


def families(mask: str) -> tuple[str, ...]:
    return STRUCTURAL_FAMILIES[mask] if mask in STRUCTURAL_FAMILIES else TRANSFORMERS[mask].families


def injective(rule: Rule) -> bool:
    """Whether different values get different masks for all that matters."""
    mask = rule.mask or ""
    if not mask or rule.options.get("unique"):
        return True
    return mask in TRANSFORMERS and TRANSFORMERS[mask].injective(rule)


def column_faults(rule: Rule, column: Column, *, columns: Optional[Columns] = None, engine: str = "postgresql") -> list[str]:
    return list(_column_faults(rule, column, columns or {column.name: column}, engine))


def _column_faults(rule: Rule, column: Column, columns: Columns, engine: str) -> Iterator[str]:
    yield from _label_faults(rule, column)
    if not rule.mask:
        return
    if column.generated:
        yield "is computed by the database from other columns; keep it and mask those"
        return
    if column.composite and rule.mask not in ("null", "constant"):
        yield f"is of the composite type {column.type}, whose parts can't be masked one by one; keep it with a reason, or use null or constant"
        return
    misfits = list(_family_faults(rule, column, engine))
    yield from misfits
    if misfits:
        return
    if rule.mask == "null" and column.not_null:
        yield "null isn't allowed in a column that is NOT NULL; use constant, or a mask of its type"
    yield from _length_faults(rule, column)
    yield from _unique_faults(rule, column, columns)
    yield from _option_faults(rule, column, columns)


def _label_faults(rule: Rule, column: Column) -> Iterator[str]:
    values = rule.options.get("values")
    if values is not None and not column.labels:
        yield f"values: {column.type} is no enum, so its values can't be checked; drop 'values'"
    if not column.labels:
        return
    if values is None and rule.mask in (None, "shuffle"):
        yield f"is an enum; its labels must be named in values: {', '.join(column.labels)}"
    if values is not None:
        for label in column.labels:
            if label not in values:
                yield f"the policy doesn't mention the label {label!r} of {column.type}"
    if rule.mask == "constant" and str(rule.options.get("value")) not in column.labels:
        yield f"constant: found {rule.options.get('value')!r}, the labels of {column.type} are {', '.join(column.labels)}"


def _family_faults(rule: Rule, column: Column, engine: str) -> Iterator[str]:
    mask = rule.mask or ""
    allowed = families(mask)
    missing = engine in ("mysql", "mariadb") and (mask == "array" or rule.table_level)
    if missing or (engine == "sqlite" and (rule.table_level or mask == "array")):
        yield f"{mask}{' with total' if rule.options.get('total') else ''}: isn't there for {ENGINES[engine]}; use another mask"
    elif engine in ("mysql", "mariadb") and mask in ("noise", "generalise") and column.kind in ("float", "double"):
        yield f"{mask}: {ENGINES[engine]} shows a {column.type} in another way than it computes; use constant or null"
    elif engine in ("mysql", "mariadb") and mask in ("noise", "generalise") and (column.scale or 0) > 15:
        yield f"{mask}: computes with fifteen digits after the point in {ENGINES[engine]}, {column.type} has more"
    elif ANY not in allowed and column.family not in allowed:
        yield f"{mask} can't make a {column.type}; it makes {', '.join(WORDS.get(one, one) for one in allowed)}"
    elif mask == "ip" and column.kind == "cidr":
        yield "ip makes addresses, and a cidr holds a network; use generalise with bits, or null"
    elif mask == "array":
        yield from (f"element: {fault}" for fault in _inner_faults(rule.leaves[0][1], element_of(column), engine, many=True))
    elif mask == "json":
        inside = Column(column.name, "text", not_null=False)
        for path, leaf in rule.leaves:
            yield from (f"{path}: {fault}" for fault in _inner_faults(leaf, inside, engine, many="[*]" in path))
        yield from _path_faults(rule)


def _inner_faults(rule: Rule, column: Column, engine: str, *, many: bool) -> Iterator[str]:
    if rule.table_level:
        yield f"{rule.mask}: a total is kept over a column, not inside of values"
    elif rule.by == "entity" and many:
        yield "by: entity would give every element the same mask"
    elif rule.mask == "null" and column.not_null:
        yield "null isn't allowed here"
    elif rule.mask not in (None, "noise", "generalise") or column.family != TEXT:
        yield from _family_faults(rule, column, engine)


def _path_faults(rule: Rule) -> Iterator[str]:
    try:
        tree(rule.leaves)
    except MaskingError as exc:
        yield str(exc)
    if "drop" in rule.options["others"] and any(re.search(r"\[[0-9]+\]", path) for path, _leaf in rule.leaves):
        yield "others: drop can't keep places of a list by number; use [*]"


def _length_faults(rule: Rule, column: Column) -> Iterator[str]:
    if not column.length or column.family != TEXT:
        return
    if rule.mask == "constant":
        longest = len(str(rule.options.get("value", "")))
    elif rule.mask in ("redact", "json"):
        longest = column.length + 1  # a mask may be longer than what it replaces
    else:
        longest = _longest(rule)
    if rule.mask in ("redact", "json"):
        yield f"{rule.mask} may make a text longer, the column holds {column.length} characters; use text, token or null"
    elif longest > column.length:
        yield f"{rule.mask} makes up to {longest} characters, the column holds {column.length}"


def _longest(rule: Rule) -> int:
    transformer = TRANSFORMERS.get(rule.mask or "")
    if transformer is None:
        return 0
    if rule.mask in ONE_LENGTH:  # with other options another one, which any value shows
        return len(transformer.python(bytes(32), "x", rule.options) or "")
    return transformer.longest


def _unique_faults(rule: Rule, column: Column, columns: Columns) -> Iterator[str]:
    if not column.unique or rule.mask == "null" or (rule.mask == "shuffle" and column.unique == "alone" and not rule.options.get("within")):
        return
    index = "a unique index" if column.unique == "alone" else "a unique index over several columns"
    if rule.mask == "shuffle":
        if column.unique == "part" or rule.options.get("within"):
            yield from () if column.unique == "alone" else (f"shuffle may bring two equal rows into {index}; {FOR_UNIQUE}",)
        return
    if rule.by == "entity" and rule.options.get("unique"):
        yield "unique: true makes a mask of the value; say by: value"
        return
    if not injective(rule):
        yield f"{rule.mask} may give different values the same mask, and the column is in {index}; {FOR_UNIQUE}"
    elif rule.by == "entity":
        key = columns.get(rule.key)
        if key is not None and (key.unique != "alone" or rule.fallback) and key.name != column.name:
            why = "may be NULL" if rule.fallback and key.unique == "alone" else "isn't unique in this table"
            yield f"is in {index}, and the entity's key {rule.key} {why}, so that two rows could get the same mask; say by: value"


def _option_faults(rule: Rule, column: Column, columns: Columns) -> Iterator[str]:
    options = rule.options
    for name in options.get("within", ()):
        if name not in columns:
            yield f"within: there is no column {name}"
        elif name == column.name:
            yield "within: names the column itself"
    if rule.table_level and not any(one.key for one in columns.values()):
        yield f"{rule.mask}{' with total' if rule.mask == 'noise' else ''} orders the rows by their primary key, and the table has none"
    for name, fits in GENERALISES.items():
        if rule.mask == "generalise" and name in options and column.family not in fits:
            yield f"generalise: {name} doesn't suit a {column.type}; it suits {', '.join(fits)}"
    if rule.mask == "noise" and "min" in options and column.scale is not None:
        for name in ("min", "max"):
            if "." in str(options[name]) and len(str(options[name]).split(".")[1]) > column.scale:
                yield f"noise: {name} {options[name]} has more digits after the point than {column.type}"
    if rule.mask == "noise" and "min" in options and float(options["min"]) > float(options["max"]):
        yield f"noise: min {options['min']} is above max {options['max']}"
    if rule.mask == "constant":
        yield from _constant_faults(str(options.get("value", "")), column)


def _constant_faults(value: str, column: Column) -> Iterator[str]:
    try:
        if column.family == NUMBER:
            float(value)
        elif column.family == UUID:
            int(value.replace("-", ""), 16)
        elif column.family == JSON:
            json.loads(value)
        elif column.kind == "boolean" and value.lower() not in ("true", "false", "t", "f", "1", "0"):
            raise ValueError(value)
        elif column.family in (DATE, TIMESTAMP) and value not in ("infinity", "-infinity"):
            [int(part) for part in value[:10].split("-", 2)]
    except ValueError:
        yield f"constant: {value!r} is no {column.type}"


def entity_faults(entity: Mapping[str, str], columns: Columns, entries: Mapping[str, Any]) -> Iterator[str]:
    key = columns.get(entity["key"])
    if key is None:
        yield f"entity: there is no column {entity['key']}"
        return
    if key.family in (JSON, ARRAY) or key.composite:
        yield f"entity: {key.name} is a {key.type}, which has no text of its own; name a column of numbers, text or uuid"
    entry = entries.get(key.name) or {}
    if "mask" in entry and not injective(Rule(entry["mask"], entry["mask"], entry)):
        yield f"entity: its key {key.name} is masked by {entry['mask']}, so that the copy couldn't tell entities apart; keep it, or {FOR_UNIQUE}"


def way_faults(policy: Mapping[str, Any], tables: Mapping[str, Mapping[str, Rule]]) -> Iterator[str]:
    """A domain is masked in one way everywhere, unless every entry says itself which."""
    ways: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, rules in tables.items():
        for column, rule in rules.items():
            entry = policy["tables"].get(table, {}).get("columns", {}).get(column, {})
            for where, one, said in _entries(f"{table}.{column}", rule, entry):
                if one.hashed and one.mask != "shuffle" and not one.table_level:
                    way = f"by entity {one.entity}" if one.by == "entity" else "by value"
                    first, all_say = ways.setdefault(one.domain, {}).get(way, (where, True))
                    ways[one.domain][way] = (first, all_say and said)
    for domain, found in sorted(ways.items()):
        if len(found) > 1 and not all(said for _where, said in found.values()):
            places = " and ".join(f"{way} in {where}" for way, (where, _said) in sorted(found.items()))
            yield f"domain {domain}: is masked {places}, so that equal values would differ; use one way, or say 'by' in each entry when that is meant"


def _entries(where: str, rule: Rule, entry: Mapping[str, Any]) -> Iterator[tuple[str, Rule, bool]]:
    if not rule.leaves:
        yield where, rule, "by" in entry
    for path, leaf in rule.leaves:
        inner = entry["element"] if rule.mask == "array" else entry["paths"][path]
        yield f"{where} {path or 'element'}", leaf, "by" in inner


def reference_faults(tables: Mapping[str, Mapping[str, Rule]], foreign_keys: Sequence[ForeignKey]) -> Iterator[str]:
    """A masked reference has to point at what its row's mask became."""
    kept = Rule(None, "", {})
    for reference in foreign_keys:
        if reference.table not in tables:
            continue
        for name, other in zip(reference.columns, reference.keys):
            here = tables[reference.table].get(name, kept)
            there = tables.get(reference.references, {}).get(other, kept)
            both = f"{reference.table}.{name} and {reference.references}.{other} are the ends of foreign key {reference.name}"
            if here.mask == "null" or (here.mask == "shuffle" and not there.mask and len(reference.columns) == 1):
                continue
            if (here.mask, here.mask and here.domain) != (there.mask, there.mask and there.domain) or _matter(here) != _matter(there):
                yield f"{both} and masked differently ({_said(here)}, {_said(there)}); give both the same mask, domain and options, or keep both"
            elif here.hashed and "entity" in (here.by, there.by):
                yield f"{both} and masked by entity; say by: value in both, so that a reference finds its row"


def _matter(rule: Rule) -> dict[str, Any]:
    return {key: value for key, value in rule.options.items() if key != "values"} if rule.mask else {}


def _said(rule: Rule) -> str:
    return f"{rule.mask} of domain {rule.domain}" if rule.mask and rule.hashed else rule.mask or "kept"
