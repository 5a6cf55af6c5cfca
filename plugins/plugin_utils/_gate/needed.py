# SPDX-License-Identifier: GPL-3.0-or-later
"""What a condition found and what it needs, derived from the condition itself: for a comparison the other side. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import words
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.expression import ExpressionError, parse, value_of

Node = Any
Data = Mapping[str, Any]


class Need(NamedTuple):
    """One thing that is not as it must be. found: (expression, value), or (expression, None) where the evidence has none."""

    found: tuple[tuple[str, Any], ...]
    needed: str


def needs(condition: str, *, wanted: bool, evidence: Data) -> list[Need]:
    """What stands between the condition and `wanted`: nothing when it is so already, else every part that must change."""
    try:
        return _needs(parse(condition), wanted, evidence)
    except ExpressionError:
        return [Need((), f"the condition {condition} {'true' if wanted else 'false'}")]


def _needs(node: Node, wanted: bool, evidence: Data) -> list[Need]:
    if _holds(node, wanted, evidence):
        return []
    if node["type"] == "not_expression":
        return _needs(node["children"][0], not wanted, evidence)
    if node["type"] == ("and_expression" if wanted else "or_expression"):
        return [need for part in node["children"] for need in _needs(part, wanted, evidence)]
    if node["type"] in ("and_expression", "or_expression") and _is_condition(node):
        each = [need for part in node["children"] for need in _needs(part, wanted, evidence)]
        found = {text: value for need in each for text, value in need.found}
        return [Need(tuple(found.items()), " or ".join(need.needed for need in each))]
    return [_atom(node, wanted, evidence)]


def _holds(node: Node, wanted: bool, evidence: Data) -> bool:
    try:
        return value_of(node, evidence) is wanted
    except ExpressionError:
        return False


def _is_condition(node: Node) -> bool:
    """a == b || c, and not x || 'default' within something else."""
    return all(part["type"] != "literal" for part in node["children"])


def _atom(node: Node, wanted: bool, evidence: Data) -> Need:
    if node["type"] == "comparator":
        return _comparison(node, wanted, evidence)
    if node["type"] == "function_expression":
        return _call(node, wanted, evidence)
    text = words.unparse(node)
    return Need(((text, _value(node, evidence)),), f"{text} {'true' if wanted else 'false'}")


def _comparison(node: Node, wanted: bool, evidence: Data) -> Need:
    left, right = node["children"]
    sign = words.SIGNS[node["value"] if wanted else words.OPPOSITE[node["value"]]]
    # Read from the evidence to the limit, whichever way it is written.
    if left["type"] == "literal" and right["type"] != "literal":
        left, right, sign = right, left, {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
    limit = words.unparse(right)
    if right["type"] != "literal":
        limit = f"{limit} (now {words.literal(_value(right, evidence))})"
    return Need(_found([left], evidence), f"{words.unparse(left)} {sign} {limit}")


def _call(node: Node, wanted: bool, evidence: Data) -> Need:
    arguments = node["children"]
    asks = words.ASKS.get(node["value"])
    texts = [words.unparse(part).removeprefix("&") for part in arguments]
    text = asks[0 if wanted else 1].format(*texts) if asks else f"{words.unparse(node)} {'true' if wanted else 'false'}"
    return Need(_found([part for part in arguments if part["type"] != "expref"], evidence), text)


def _found(nodes: list[Node], evidence: Data) -> tuple[tuple[str, Any], ...]:
    return tuple((words.unparse(node), _value(node, evidence)) for node in nodes if node["type"] != "literal")


def _value(node: Node, evidence: Data) -> Any:
    try:
        return value_of(node, evidence)
    except ExpressionError:
        return None
