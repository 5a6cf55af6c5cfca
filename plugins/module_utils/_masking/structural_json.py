# SPDX-License-Identifier: GPL-3.0-or-later
"""A JSON document by paths, in Python; the text that comes out is the one PostgreSQL shows for a jsonb."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_paths import Node
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import REDACTED

# (rule, text of a scalar) -> its mask
Mask = Callable[[Rule, str], Optional[str]]
INVALID = '"' + REDACTED + '"'
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Number(str):
    """A number as its text without an exponent."""


def _number(text: str) -> Number:
    value = Decimal(text)
    if value.adjusted() > 131000 or int(value.as_tuple().exponent) < -16000:
        raise ValueError("beyond what a numeric holds")
    shown = f"{value:f}"
    return Number(shown[1:] if value.is_zero() and shown.startswith("-") else shown)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _checked(value: Any) -> Any:
    """Lone surrogates and the character zero are no text of a jsonb."""
    if isinstance(value, dict):
        return {_checked(key): _checked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_checked(one) for one in value]
    if type(value) is str and "\0" in value:  # pylint: disable=unidiomatic-typecheck
        raise ValueError("character zero")
    if isinstance(value, str):
        value.encode("utf-8")
    return value


def parse(text: str) -> Any:
    return _checked(json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_no_constant))


def _quoted(text: str) -> str:
    return '"' + re.sub(r'["\\\x00-\x1f]', lambda found: ESCAPES.get(found.group(), f"\\u{ord(found.group()):04x}"), text) + '"'


def shown(value: Any) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (len(name.encode("utf-8")), name.encode("utf-8")))
        return "{" + ", ".join(f"{_quoted(name)}: {shown(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return {None: "null", True: "true", False: "false"}[value]


def redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: redacted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [redacted(one) for one in value]
    return REDACTED if isinstance(value, str) and not isinstance(value, Number) else value


def mask_json(text: str, root: Node, others: str, mask: Mask) -> str:
    """`others` is keep, mask or drop: the key of the policy's option."""
    try:
        document = parse(text)
    except (ValueError, RecursionError):
        return INVALID
    base = redacted(document) if others == "mask" else document
    return shown(_walk(document, base, root, others, mask))


def _walk(value: Any, base: Any, node: Node, others: str, mask: Mask) -> Any:
    if value is None:
        return None
    if node.rule is not None:
        return _leaf(value, node.rule, mask)
    if node.keys and isinstance(value, dict):
        found = {} if others == "drop" else dict(base)
        found.update({name: _walk(value[name], base[name], inner, others, mask) for name, inner in node.keys.items() if name in value})
        return found
    if node.each and isinstance(value, list):
        return [_walk(one, other, node.each[0], others, mask) for one, other in zip(value, base)]
    if node.places and isinstance(value, list):
        return [_walk(one, base[place], node.places[place], others, mask) if place in node.places else base[place] for place, one in enumerate(value)]
    return REDACTED


def _leaf(value: Any, rule: Rule, mask: Mask) -> Any:
    if rule.mask is None:
        return value
    if isinstance(value, (dict, list)):
        return REDACTED
    numeric = isinstance(value, Number)
    if takes_numbers(rule):
        found = mask(rule, value) if numeric else None
        return Number(found) if found is not None else REDACTED
    return mask(rule, value if isinstance(value, str) else shown(value))


def takes_numbers(rule: Rule) -> bool:
    return rule.mask == "noise" or (rule.mask == "generalise" and "step" in rule.options)
