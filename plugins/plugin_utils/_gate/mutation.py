# SPDX-License-Identifier: GPL-3.0-or-later
"""Small changes of a condition, one at a time: what a good table of cases must notice. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import words
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.expression import ExpressionError, parse

Node = Any
# The nearest mistake of each comparison: the border, and the direction.
COMPARISONS = {"eq": ["ne"], "ne": ["eq"], "lt": ["lte", "gte"], "lte": ["lt", "gt"], "gt": ["gte", "lte"], "gte": ["gt", "lt"]}
JOINS = {"and_expression": "or_expression", "or_expression": "and_expression"}
CALLS = {
    "younger_than": "older_than",
    "older_than": "younger_than",
    "contains_all": "contains_any",
    "contains_any": "contains_all",
    "all": "any",
    "any": "all",
    "none": "all",
    "all_or_empty": "any",
    "none_or_empty": "any",
    "before": "after",
    "after": "before",
    "subset": "contains_all",
}


def of(rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rule with each changed condition; those that read the same as another, or can't be read back, are left out."""
    try:
        node = parse(rule["condition"])
    except ExpressionError:
        return []
    seen, found = {words.unparse(node)}, []
    for changed in _changed(node):
        text = _written(changed)
        if text and text not in seen:
            seen.add(text)
            found.append({**rule, "condition": text})
    return found


def _changed(node: Node) -> Iterator[Node]:
    yield from _here(node)
    for number, child in enumerate(node.get("children", [])):
        if isinstance(child, Mapping):
            for changed in _changed(child):
                children = [*node["children"]]
                children[number] = changed
                yield {**node, "children": children}


def _here(node: Node) -> Iterator[Node]:
    kind = node["type"]
    if kind == "comparator":
        yield from ({**node, "value": other} for other in COMPARISONS[node["value"]])
    elif kind in JOINS:
        yield {**node, "type": JOINS[kind]}
        # Each side alone: a part that could be left out is a part that no case needs.
        yield from (copy.deepcopy(child) for child in node["children"])
    elif kind == "not_expression":
        yield node["children"][0]
    elif kind == "function_expression" and node["value"] in CALLS:
        yield {**node, "value": CALLS[node["value"]]}
    elif kind == "literal":
        yield from ({**node, "value": value} for value in _constants(node["value"]))


def _constants(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value + 1, value - 1]
    return [f"{value}-mutated"] if isinstance(value, str) and value else []


def _written(node: Node) -> str:
    """As JMESPath, and only when it reads back as the same parts."""
    text = _source(node)
    try:
        return text if _same(parse(text), node) else ""
    except ExpressionError:
        return ""


def _source(node: Node) -> str:
    return words.unparse(node, exact=True)


def _same(one: Node, other: Node) -> bool:
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return bool(one == other)
    kept = one["type"] == other["type"] and one.get("value") == other.get("value") and len(one.get("children", [])) == len(other.get("children", []))
    return kept and all(_same(left, right) for left, right in zip(one.get("children", []), other.get("children", [])))
