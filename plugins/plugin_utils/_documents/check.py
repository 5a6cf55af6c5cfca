# SPDX-License-Identifier: GPL-3.0-or-later
"""One document against its schema: all faults at once, in words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import (
    Fault,
    Path,
    did_you_mean,
    listed,
    shown,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import ALLOWED, checker
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource

SCHEMAS = FilePath(__file__).parent / "schemas"
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _pattern(validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """As JSON Schema means it: `$` is the end of the text. Python's takes a line feed before it too, and that would get into names and paths."""
    if validator.is_type(value, "string") and not _compiled(pattern).search(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))


def _number(_checker: TypeChecker, value: Any) -> bool:
    """`.nan` and `.inf` pass every limit."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_TYPED = Draft202012Validator.TYPE_CHECKER.redefine("number", _number)
_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern}, type_checker=_TYPED)  # type: ignore[no-untyped-call]


@cache
def schema(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    return loaded


def _referenced(name: str) -> Resource[Any]:
    """A schema beside this one, as in `{"$ref": "services.json#/..."}`."""
    return Resource.from_contents(schema(name.removesuffix(".json")))


_REGISTRY: Registry[Any] = Registry(retrieve=_referenced)  # type: ignore[call-arg]  # attrs makes this argument


def check(kind: str, value: Any, *, today: date, source: Source) -> list[Fault]:
    """Faults of the plain value; kind is the name of one of the schemas."""
    validator = _Validator(schema(kind), format_checker=checker(today), registry=_REGISTRY)
    faults: set[Fault] = set()
    for error in validator.iter_errors(value):
        faults.update(_faults(error, source))
    return sorted(faults)


def _faults(error: ValidationError, source: Source) -> Iterator[Fault]:
    path: Path = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        yield source.fault((*path, str(error.instance)), found=f"the key {error.instance}", allowed=_names(error))
    elif error.validator == "additionalProperties":
        yield from _unknown_keys(error, path, source)
    elif error.validator == "required":
        yield from _missing_keys(error, path, source)
    elif error.validator in ("anyOf", "oneOf") and error.context:
        yield from _alternatives(error, source)
    else:
        found = shown(error.instance, path)
        yield source.fault(path, found=found, allowed=_allowed(error), hint=_hint(error))


def _unknown_keys(error: ValidationError, path: Path, source: Source) -> Iterator[Fault]:
    known = list(_subschema(error).get("properties", {}))
    written: Any = error.instance
    for key in written:
        if key not in known:
            hint = did_you_mean(key, (name for name in known if name not in written)) or "remove it"
            yield source.fault((*path, key), found=f"the unknown key {key}", allowed=listed(known), hint=hint)


def _missing_keys(error: ValidationError, path: Path, source: Source) -> Iterator[Fault]:
    properties = _subschema(error).get("properties", {})
    wanted: Any = error.validator_value
    written: Any = error.instance
    for key in wanted:
        if key not in written:
            yield source.fault(
                (*path, key),
                found="nothing",
                allowed=_described(properties.get(key, {})) or "a value",
                hint=f"add {key}",
            )


def _alternatives(error: ValidationError, source: Source) -> Iterator[Fault]:
    """The faults of the alternative that comes nearest to what is written."""
    by_branch: dict[Any, list[ValidationError]] = {}
    for nested in error.context or []:
        by_branch.setdefault(nested.relative_schema_path[0], []).append(nested)
    for nested in min(by_branch.values(), key=lambda errors: (errors[0].validator == "type" and not errors[0].path, len(errors))):
        yield from _faults(nested, source)


def _allowed(error: ValidationError) -> str:
    limit: Any = error.validator_value
    if error.validator == "enum":
        return listed(limit)
    if error.validator == "const":
        return str(limit)
    if error.validator == "format":
        return ALLOWED.get(str(limit), str(limit))
    described = _described(_subschema(error))
    if error.validator == "type":
        types = " or ".join(_TYPES[name] for name in ([limit] if isinstance(limit, str) else limit))
        return f"{types}: {described}" if described else types
    if error.validator == "uniqueItems":
        return "each entry once"
    return described or f"{error.validator} {limit}"


def _described(subschema: Any) -> str:
    if not isinstance(subschema, Mapping):
        return ""
    if "enum" in subschema:
        return listed(subschema["enum"])
    return ALLOWED.get(str(subschema.get("format")), "") or str(subschema.get("description", ""))


def _names(error: ValidationError) -> str:
    return _described(_subschema(error)) or f"{error.validator} {error.validator_value}"


def _subschema(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _hint(error: ValidationError) -> str:
    if error.validator == "enum":
        choices: Any = error.validator_value
        return did_you_mean(error.instance, choices)
    if error.validator == "not":
        return "remove it"
    if error.validator == "type" and error.validator_value == "string" and isinstance(error.instance, (int, float)):
        return "put it in quotes"
    return ""
