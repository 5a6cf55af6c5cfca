# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a masking policy, said once: as a JSON schema for documents, and as a check for a module that has no validator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS

Fragment = dict[str, Any]
TABLE = r"^[^.]+[.].+$"
NAME = r"^[a-z][a-z0-9_-]*$"
# $ and then .name, ['any name'], [0] or [*]; at least one of them.
PATH = r"^[$](?:[.][A-Za-z_][A-Za-z0-9_]*|\['(?:[^'\\]|\\.)+'\]|\[(?:[0-9]+|[*])\])+$"
STRUCTURAL = ("json", "array", "shuffle")
DETECTORS = ("email", "phone", "iban", "card", "ip")

_reason: Fragment = {"type": "string", "pattern": r"\S", "description": "a reason, as text"}
_text: Fragment = {"type": "string", "minLength": 1, "description": "text that isn't empty"}
_names: Fragment = {"type": "array", "minItems": 1, "uniqueItems": True, "items": _text, "description": "a list of different names"}
_values: Fragment = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}, "description": "a list of different labels"}
_flag: Fragment = {"const": True, "description": "true"}
_above: Fragment = {"type": "number", "exclusiveMinimum": 0, "description": "a number above 0"}

OPTIONS: dict[str, Fragment] = {
    "values": _values,
    "percent": {"type": "number", "exclusiveMinimum": 0, "maximum": 100, "description": "a number above 0, up to 100"},
    "spread": _above,
    "min": {"type": "number", "description": "a number"},
    "max": {"type": "number", "description": "a number"},
    "total": _flag,
    "within": _names,
    "to": {"enum": ["year", "month"], "description": "year or month"},
    "step": _above,
    "digits": {"type": "integer", "minimum": 1, "maximum": 64, "description": "a whole number from 1 to 64"},
    "bits": {"type": "integer", "minimum": 1, "maximum": 32, "description": "a whole number from 1 to 32"},
    "find": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(DETECTORS)}, "description": "a list of " + ", ".join(DETECTORS)},
    "paths": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": PATH, "description": "paths as $.a.b, $.items[*].name, $.list[0] or $['a name']"},
        "additionalProperties": {"$ref": "#/$defs/leaf"},
        "description": "a mapping of paths to masks",
    },
    "others": {
        "oneOf": [
            {"type": "object", "required": ["keep"], "additionalProperties": False, "properties": {"keep": _reason}},
            {"type": "object", "required": ["mask"], "additionalProperties": False, "properties": {"mask": {"const": "redact"}}},
            {"type": "object", "required": ["drop"], "additionalProperties": False, "properties": {"drop": _flag}},
        ],
        "description": "{keep: reason}, {mask: redact} or {drop: true}",
    },
    "element": {"$ref": "#/$defs/element"},
}
# Masks whose options don't stand in their transformer, or not all of them.
MORE = {
    "json": ("paths", "others"),
    "array": ("element",),
    "shuffle": ("within", "values"),
    "noise": ("percent", "spread", "min", "max", "total", "within"),
    "generalise": ("to", "step", "digits", "bits"),
    "redact": ("find",),
}
NEEDED = {"json": ("paths", "others"), "array": ("element",)}
ONE_OF = {"noise": ("percent", "spread"), "generalise": ("to", "step", "digits", "bits")}
PAIRS = {"min": "max", "max": "min"}
UNHASHED = ("text", "null", "constant", "redact", "generalise")


def masks() -> list[str]:
    return sorted({*TRANSFORMERS, *MORE})


def element_masks() -> list[str]:
    return [mask for mask in masks() if mask not in STRUCTURAL]


def leaf_masks() -> list[str]:
    return [mask for mask in element_masks() if mask != "date_shift"]  # a text in JSON may be no date at all


def options_of(mask: str) -> dict[str, Fragment]:
    """What may stand beside `mask`."""
    found = {name: OPTIONS[name] for name in MORE.get(mask, ())}
    if mask in TRANSFORMERS:
        found.update({name: option.schema() for name, option in TRANSFORMERS[mask].options.items()})
    if mask not in UNHASHED and mask not in ("json", "array"):
        found["domain"] = {**_text, "description": "text; equal values of a domain get equal masks everywhere"}
        if mask != "shuffle":
            found["by"] = {"enum": ["value", "entity"], "description": "value or entity"}
    return found


def needed(mask: str) -> list[str]:
    own = TRANSFORMERS[mask].options if mask in TRANSFORMERS else {}
    return [*NEEDED.get(mask, ()), *(name for name, option in own.items() if option.default is None)]


def _mask_schema(mask: str) -> Fragment:
    wanted: Fragment = {"properties": {"mask": {"const": mask}, **options_of(mask)}, "additionalProperties": False}
    if needed(mask):
        wanted["required"] = needed(mask)
    if mask in ONE_OF:
        wanted["oneOf"] = [{"required": [name]} for name in ONE_OF[mask]]
    if mask == "noise":
        wanted["dependentRequired"] = {"min": ["max"], "max": ["min"], "within": ["total"]}
        wanted["not"] = {"required": ["total", "min"]}
    return {"if": {"required": ["mask"], "properties": {"mask": {"const": mask}}}, "then": wanted}


def _entry_schema(names: Sequence[str], *, values: bool) -> Fragment:
    kept: Fragment = {"properties": {"keep": _reason, **({"values": _values} if values else {})}, "additionalProperties": False}
    return {
        "type": "object",
        "description": "either 'mask' or 'keep' is needed",
        "oneOf": [{"required": ["keep"]}, {"required": ["mask"]}],
        "properties": {"mask": {"enum": list(names)}},
        "allOf": [{"if": {"required": ["keep"], "not": {"required": ["mask"]}}, "then": kept}, *(_mask_schema(name) for name in names)],
    }


def schema() -> Fragment:
    """The content of schemas/masking.json."""
    entity = {
        "type": "object",
        "required": ["name", "key"],
        "additionalProperties": False,
        "properties": {"name": {"type": "string", "pattern": NAME}, "key": _text},
    }
    table = {
        "type": "object",
        "required": ["columns"],
        "additionalProperties": False,
        "properties": {
            "columns": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/column"}},
            "entity": entity,
            "quasi_identifiers": _names,
        },
    }
    skipped = {
        "type": "object",
        "required": ["table", "reason"],
        "additionalProperties": False,
        "properties": {"table": {"type": "string", "pattern": TABLE}, "reason": _reason},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "SPDX-License-Identifier: GPL-3.0-or-later",
        "title": "Masking policy",
        "type": "object",
        "required": ["name", "version", "tables"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "pattern": NAME},
            "version": {"const": 1},
            "database": {**_text, "description": "Name of the source database, checked when given"},
            "tables": {"type": "object", "minProperties": 1, "propertyNames": {"pattern": TABLE}, "additionalProperties": table},
            "skip": {"type": "array", "items": skipped},
        },
        "$defs": {
            "column": _entry_schema(masks(), values=True),
            "leaf": _entry_schema(leaf_masks(), values=False),
            "element": _entry_schema(element_masks(), values=False),
        },
    }


TYPES: dict[str, Any] = {"object": Mapping, "array": (list, tuple), "string": str}


def _is(value: Any, kind: str) -> bool:
    if kind in ("number", "integer"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and (kind == "number" or isinstance(value, int) or value.is_integer())
    return isinstance(value, TYPES[kind])


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def fragment_faults(value: Any, fragment: Fragment) -> bool:
    """Whether a value breaks a fragment of OPTIONS: no more of JSON schema than they use, without references."""
    kinds = fragment.get("type", [])
    if kinds and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return True
    if "const" in fragment and not _equal(value, fragment["const"]):
        return True
    if "enum" in fragment and not any(_equal(value, one) for one in fragment["enum"]):
        return True
    if isinstance(value, str):
        return not fragment.get("minLength", 0) <= len(value) <= fragment.get("maxLength", len(value)) or not re.search(fragment.get("pattern", ""), value)
    if _is(value, "number"):
        low, above, high = (fragment.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
        return (low is not None and value < low) or (above is not None and value <= above) or (high is not None and value > high)
    if isinstance(value, (list, tuple)):
        twice = "uniqueItems" in fragment and len({json.dumps(one, sort_keys=True, default=str) for one in value}) < len(value)
        return len(value) < fragment.get("minItems", 0) or twice or any(fragment_faults(one, fragment.get("items", {})) for one in value)
    return False


def _unknown(value: Mapping[str, Any], allowed: Sequence[str], where: str = "") -> Iterator[str]:
    for key in value:
        if key not in allowed:
            yield f"{where}{key}: unknown key, allowed are {', '.join(allowed)}"


def structure_faults(policy: Any) -> list[str]:
    """What the schema says too: a module may be handed a policy that nobody validated."""
    return list(_document(policy))


def _document(policy: Any) -> Iterator[str]:
    if not isinstance(policy, Mapping):
        yield "a mapping is needed"
        return
    yield from _unknown(policy, ("name", "version", "database", "tables", "skip"))
    if fragment_faults(policy.get("name"), {"type": "string", "pattern": NAME}):
        yield "name: a text of a-z, 0-9, _ and - is needed, a letter first"
    if fragment_faults(policy.get("version"), {"const": 1}):
        yield f"version: found {policy.get('version')!r}, allowed is 1"
    if "database" in policy and fragment_faults(policy["database"], _text):
        yield "database: text that isn't empty is needed"
    tables = policy.get("tables")
    if not isinstance(tables, Mapping) or not tables:
        yield "tables: a mapping of schema.table is needed"
        return
    for name, table in tables.items():
        yield from _table(name, table)
    yield from _skip(policy.get("skip", []))


def _skip(entries: Any) -> Iterator[str]:
    if not isinstance(entries, (list, tuple)):
        yield "skip: a list is needed"
        return
    for place, entry in enumerate(entries):
        good = isinstance(entry, Mapping) and set(entry) == {"table", "reason"}
        if not good or fragment_faults(entry["table"], {"type": "string", "pattern": TABLE}) or fragment_faults(entry["reason"], _reason):
            yield f"skip[{place}]: a mapping of 'table' (schema.table) and 'reason' is needed"


def _table(name: Any, table: Any) -> Iterator[str]:
    if fragment_faults(name, {"type": "string", "pattern": TABLE}):
        yield f"tables.{name}: a table is named schema.table"
    if not isinstance(table, Mapping) or not isinstance(table.get("columns"), Mapping) or not table["columns"]:
        yield f"tables.{name}: a mapping with the key 'columns' is needed, itself a mapping of columns"
        return
    yield from _unknown(table, ("columns", "entity", "quasi_identifiers"), f"tables.{name}.")
    if "entity" in table and not _is_entity(table["entity"]):
        yield f"tables.{name}.entity: a mapping of 'name' (a-z, 0-9, _ and -) and 'key' (a column) is needed"
    if "quasi_identifiers" in table and fragment_faults(table["quasi_identifiers"], _names):
        yield f"tables.{name}.quasi_identifiers: {_names['description']} is needed"
    for column, entry in table["columns"].items():
        for fault in entry_faults(entry, masks(), values=True):
            yield f"tables.{name}.columns.{column}: {fault}"


def _is_entity(entity: Any) -> bool:
    good = isinstance(entity, Mapping) and set(entity) == {"name", "key"}
    return good and not fragment_faults(entity["name"], {"type": "string", "pattern": NAME}) and not fragment_faults(entity["key"], _text)


def entry_faults(entry: Any, names: Sequence[str], *, values: bool) -> Iterator[str]:
    if not isinstance(entry, Mapping) or ("mask" in entry) == ("keep" in entry):
        yield "either 'mask' or 'keep' is needed"
    elif "keep" in entry:
        allowed = ("keep", "values") if values else ("keep",)
        if set(entry) - set(allowed) or fragment_faults(entry["keep"], _reason):
            yield f"'keep' needs a reason as text, and nothing beside it{' but values' if values else ''}"
        if values and "values" in entry and fragment_faults(entry["values"], _values):
            yield f"values: {_values['description']} is needed"
    elif not isinstance(entry["mask"], str) or entry["mask"] not in names:
        yield f"mask: found {entry['mask']!r}, allowed are {', '.join(names)}"
    else:
        yield from _mask_faults(entry, entry["mask"])


def _mask_faults(entry: Mapping[str, Any], mask: str) -> Iterator[str]:
    allowed = options_of(mask)
    for key in entry:
        if key != "mask" and key not in allowed:
            yield f"{key}: {mask} has no such option; it has {', '.join(allowed) or 'none'}"
    for name in needed(mask):
        if name not in entry:
            yield f"{name}: {mask} needs it: {allowed[name].get('description', 'a mask or keep')}"
    if mask in ONE_OF and sum(name in entry for name in ONE_OF[mask]) != 1:
        yield f"{mask} needs exactly one of {', '.join(ONE_OF[mask])}"
    if mask == "noise":
        yield from _noise_faults(entry)
    for name, fragment in allowed.items():
        if name in entry:
            yield from (f"{name}: {fault}" for fault in _option_faults(name, entry[name], fragment))


def _noise_faults(entry: Mapping[str, Any]) -> Iterator[str]:
    if ("min" in entry) != ("max" in entry):
        yield "min, max: one needs the other"
    if "within" in entry and "total" not in entry:
        yield "within: only a total is kept within groups; add total: true"
    if "total" in entry and "min" in entry:
        yield "total, min, max: a total can't be kept exactly within limits; drop one of them"


def _option_faults(name: str, value: Any, fragment: Fragment) -> Iterator[str]:
    if name == "element":
        yield from entry_faults(value, element_masks(), values=False)
    elif name == "paths":
        if not isinstance(value, Mapping) or not value:
            yield f"{fragment['description']} is needed"
            return
        for path, leaf in value.items():
            if fragment_faults(path, {"type": "string", "pattern": PATH}):
                yield f"{path}: found no path; allowed are {fragment['propertyNames']['description']}"
            yield from (f"{path}: {fault}" for fault in entry_faults(leaf, leaf_masks(), values=False))
    elif name == "others":
        one = isinstance(value, Mapping) and len(value) == 1
        wanted = {"keep": _reason, "mask": {"const": "redact"}, "drop": _flag}
        if not one or any(key not in wanted or fragment_faults(value[key], wanted[key]) for key in value):
            yield f"{fragment['description']} is needed"
    elif fragment_faults(value, fragment):
        yield f"found {value!r}; {fragment['description']}"
