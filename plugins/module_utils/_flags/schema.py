# SPDX-License-Identifier: GPL-3.0-or-later
"""What flagd's schema v0 (https://flagd.dev/schema/v0/flags.json and targeting.json) says of a flag file.

Stricter in three places where the schema passes what no evaluator can answer: a default variant must be one of the variants, a rule has
one operator, and a variant that a fractional rule names must exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Callable

STATES = ("ENABLED", "DISABLED")
MAX_WEIGHT = 2**31 - 1
_KINDS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("boolean", lambda value: isinstance(value, bool)),
    ("number", lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
    ("string", lambda value: isinstance(value, str)),
    ("object", lambda value: isinstance(value, dict)),
)
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")
_RANGES = ("=", "!=", ">", "<", ">=", "<=", "~", "^")
_MANY = 10**6
# How many operands each operator takes.
_OPERANDS = {
    **dict.fromkeys(("==", "===", "!=", "!==", ">", ">=", "%", "/", "map", "filter", "all", "none", "some", "in"), (2, 2)),
    **dict.fromkeys(("substr", "<", "<="), (2, 3)),
    **dict.fromkeys(("if", "or", "and", "+", "-", "max", "min", "merge", "cat"), (1, _MANY)),
    "*": (2, _MANY),
    "reduce": (3, 3),
}
OPERATORS = ("var", "missing", "missing_some", *_OPERANDS, "!", "!!", "starts_with", "ends_with", "sem_ver", "fractional")


def document_faults(document: Any) -> list[str]:
    """What is wrong with the file as such, its flags apart."""
    if not isinstance(document, dict):
        return [f"the document is {_kind(document)}, allowed: an object"]
    if isinstance(document.get("flags"), list):
        return ["flags is a list, which only the flagd daemon reads; allowed: an object of flags by their keys"]
    if not isinstance(document.get("flags"), dict):
        return [f"flags is {_kind(document.get('flags'))}, allowed: an object of flags by their keys"]
    return []


def faults(document: Any) -> dict[str, list[str]]:
    """What is wrong by flag; under "" what concerns the whole file."""
    whole = document_faults(document)
    if whole:
        return {"": whole}
    outside = list(_metadata(document.get("metadata", {}), "metadata"))
    shared = document.get("$evaluators", {})
    outside += [fault for name in shared for fault in _top(shared[name], f"$evaluators.{name}")] if isinstance(shared, dict) else ["$evaluators is no object"]
    found = {"": outside, **{key: flag_faults(key, flag) for key, flag in document["flags"].items()}}
    return {key: list_ for key, list_ in found.items() if list_}


def flag_faults(key: str, flag: Any) -> list[str]:
    here = f"flags.{key}"
    if not key:
        return ["flags holds a flag without a name"]
    if not isinstance(flag, dict):
        return [f"{here} is {_kind(flag)}, allowed: an object"]
    found = []
    if flag.get("state") not in STATES:
        found.append(f"{here}.state is {flag.get('state')!r}, allowed: {', '.join(STATES)}")
    found += _variants(flag, here)
    found += _metadata(flag.get("metadata", {}), f"{here}.metadata")
    if "targeting" in flag:
        found += _top(flag["targeting"], f"{here}.targeting")
        if not found:
            found += [
                f"{here}.targeting names the variant {name!r}, allowed: {', '.join(flag['variants'])}"
                for name in _named(flag["targeting"])
                if name not in flag["variants"]
            ]
    return found


def _variants(flag: Mapping[str, Any], here: str) -> Iterator[str]:
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        yield f"{here}.variants is {_kind(variants)}, allowed: an object with at least one variant"
        return
    if "" in variants:
        yield f"{here}.variants holds one without a name"
    if not any(all(fits(value) for value in variants.values()) for _kind_, fits in _KINDS):
        yield f"{here}.variants are of several kinds, allowed: all of them boolean, number, string or object"
    default = flag.get("defaultVariant")
    if default is not None and (not isinstance(default, str) or default not in variants):
        yield f"{here}.defaultVariant is {default!r}, allowed: null, {', '.join(variants)}"


def _metadata(metadata: Any, here: str) -> Iterator[str]:
    if not isinstance(metadata, dict):
        yield f"{here} is {_kind(metadata)}, allowed: an object"
        return
    for key, value in metadata.items():
        if not isinstance(value, (str, int, float, bool)):
            yield f"{here}.{key} is {_kind(value)}, allowed: a string, a number or a boolean"
        if here == "metadata" and key in ("flagSetId", "version") and not isinstance(value, str):
            yield f"{here}.{key} is {_kind(value)}, allowed: a string"


def _top(rule: Any, here: str) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{here} is {_kind(rule)}, allowed: a rule, an object with one operator"
        return
    if set(rule) == {"$ref"}:
        if not isinstance(rule["$ref"], str):
            yield f"{here}.$ref is {_kind(rule['$ref'])}, allowed: the name of an evaluator"
        return
    yield from _rule(rule, here)


def _rule(rule: Mapping[str, Any], here: str) -> Iterator[str]:
    if not rule:
        return
    if len(rule) > 1:
        yield f"{here} has the operators {', '.join(rule)}, allowed: one"
        return
    ((operator, operand),) = rule.items()
    inside = f"{here}.{operator}"
    if operator not in OPERATORS:
        yield f"{inside} is no operator, allowed: {', '.join(OPERATORS)}"
        return
    yield from _CHECKS.get(operator, _operands)(operand, inside)


def _argument(value: Any, here: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    yield from _top(value, here)


def _operands(operand: Any, here: str) -> Iterator[str]:
    low, high = _OPERANDS[here.rpartition(".")[2]]
    if not isinstance(operand, list) or not low <= len(operand) <= high:
        allowed = str(low) if low == high else f"{low} or more" if high == _MANY else f"{low} to {high}"
        yield f"{here} has {len(operand) if isinstance(operand, list) else 'no list of'} operands, allowed: {allowed}"
        return
    for place, value in enumerate(operand):
        yield from _argument(value, f"{here}[{place}]")


def _unary(operand: Any, here: str) -> Iterator[str]:
    values = operand if isinstance(operand, list) else [operand]
    for place, value in enumerate(values):
        yield from _argument(value, f"{here}[{place}]")


def _var(operand: Any, here: str) -> Iterator[str]:
    if isinstance(operand, list):
        if not operand or not isinstance(operand[0], str) or any(isinstance(value, (dict, list)) for value in operand[1:]):
            yield f"{here} is a list, allowed: the name of an attribute and its default value"
    elif isinstance(operand, str) and operand.startswith("$flagd.") and operand not in ("$flagd.timestamp", "$flagd.flagKey"):
        yield f"{here} is {operand!r}, allowed: $flagd.timestamp, $flagd.flagKey, or an attribute of the context"


def _missing(operand: Any, here: str) -> Iterator[str]:
    if not isinstance(operand, list) or not all(isinstance(value, str) for value in operand):
        yield f"{here} must be a list of attributes"


def _missing_some(operand: Any, here: str) -> Iterator[str]:
    if not isinstance(operand, list) or len(operand) != 2 or isinstance(operand[0], bool) or not isinstance(operand[0], (int, float)):
        yield f"{here} must be a number and a list of attributes"
    else:
        yield from _missing(operand[1], f"{here}[1]")


def _text_operands(operand: Any, here: str) -> Iterator[str]:
    if not isinstance(operand, list) or len(operand) != 2 or not all(isinstance(value, (str, dict)) for value in operand):
        yield f"{here} must have two operands, texts or rules"
        return
    for place, value in enumerate(operand):
        if isinstance(value, dict):
            yield from _rule(value, f"{here}[{place}]")


def _sem_ver(operand: Any, here: str) -> Iterator[str]:
    if not isinstance(operand, list) or len(operand) != 3:
        yield f"{here} must have three operands: a version, one of {' '.join(_RANGES)}, a version"
        return
    if operand[1] not in _RANGES:
        yield f"{here}[1] is {operand[1]!r}, allowed: {' '.join(_RANGES)}"
    for place in (0, 2):
        value = operand[place]
        if isinstance(value, dict) and set(value) <= {"var"}:
            yield from _rule(value, f"{here}[{place}]")
        elif not isinstance(value, str) or not _VERSION.fullmatch(value):
            yield f"{here}[{place}] is {value!r}, allowed: a semantic version or a var rule"


def _fractional(operand: Any, here: str) -> Iterator[str]:
    if not isinstance(operand, list) or not operand:
        yield f"{here} must be a list: perhaps a rule to bucket by, then pairs of a variant and its weight"
        return
    begin = 0
    if isinstance(operand[0], dict):
        yield from _rule(operand[0], f"{here}[0]")
        begin = 1
    total = 0
    for place, pair in enumerate(operand[begin:], begin):
        if not isinstance(pair, list) or not 1 <= len(pair) <= 2:
            yield f"{here}[{place}] must be a pair of a variant and its weight"
            continue
        yield from _argument(pair[0], f"{here}[{place}][0]")
        weight = pair[1] if len(pair) == 2 else 1
        if isinstance(weight, dict):
            yield from _rule(weight, f"{here}[{place}][1]")
        elif isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            yield f"{here}[{place}][1] is {weight!r}, allowed: a whole number, 0 or more"
        else:
            total += weight
    if total > MAX_WEIGHT:
        yield f"{here} has weights of {total} in all, allowed: {MAX_WEIGHT}"


_CHECKS: dict[str, Callable[[Any, str], Iterator[str]]] = {
    "var": _var,
    "missing": _missing,
    "missing_some": _missing_some,
    "!": _unary,
    "!!": _unary,
    "starts_with": _text_operands,
    "ends_with": _text_operands,
    "sem_ver": _sem_ver,
    "fractional": _fractional,
}


def _named(rule: Any) -> Iterator[str]:
    """Variants that a rule may answer, as far as they are written out; a condition may hold any text."""
    if isinstance(rule, str):
        yield rule
    elif isinstance(rule, bool):
        yield str(rule).lower()
    elif isinstance(rule, dict) and "fractional" in rule:
        yield from (name for pair in rule["fractional"] if isinstance(pair, list) for name in _named(pair[0]))
    elif isinstance(rule, dict) and "if" in rule:
        branches = rule["if"]
        ends = [*branches[1::2], *(branches[-1:] if len(branches) % 2 else [])]
        yield from (name for branch in ends for name in _named(branch))


def _kind(value: Any) -> str:
    if value is None:
        return "missing or null"
    return next((kind for kind, fits in _KINDS if fits(value)), "a list")
