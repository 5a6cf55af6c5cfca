# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a condition as text again, and in words."""

from __future__ import annotations

import json
import re
from typing import Any

Node = Any
SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}
# What a function asks, in words: when it must be true, and when it must not.
ASKS = {
    "younger_than": ("{0} younger than {1}", "{0} at least {1} old"),
    "older_than": ("{0} older than {1}", "{0} at most {1} old"),
    "contains": ("{0} holds {1}", "{0} does not hold {1}"),
    "contains_all": ("{0} holds all of {1}", "{0} does not hold all of {1}"),
    "contains_any": ("{0} holds one of {1}", "{0} holds none of {1}"),
    "subset": ("{0} has nothing but {1}", "{0} has more than {1}"),
    "disjoint": ("{0} has nothing of {1}", "{0} has something of {1}"),
    "same_set": ("{0} has the same as {1}", "{0} differs from {1}"),
    "semver_satisfies": ("{0} in the range {1}", "{0} outside the range {1}"),
    "before": ("{0} before {1}", "{0} not before {1}"),
    "after": ("{0} after {1}", "{0} not after {1}"),
    "between": ("{0} from {1} until {2}", "{0} not from {1} until {2}"),
    "clock_between": ("{0} from {1} to {2} in {3}", "{0} not from {1} to {2} in {3}"),
    "glob": ("{0} like {1}", "{0} not like {1}"),
    "regex": ("{0} of the form {1}", "{0} not of the form {1}"),
    "starts_with": ("{0} begins with {1}", "{0} does not begin with {1}"),
    "ends_with": ("{0} ends with {1}", "{0} does not end with {1}"),
    "exists": ("{0} is there", "{0} is not there"),
    "all": ("{0} for each of {1}", "not {0} for each of {1}"),
    "all_or_empty": ("{0} for each of {1}", "not {0} for each of {1}"),
    "none": ("{0} for none of {1}", "{0} for one of {1}"),
    "none_or_empty": ("{0} for none of {1}", "{0} for one of {1}"),
    "any": ("{0} for one of {1}", "{0} for none of {1}"),
    "within_window": ("{1} in a window", "{1} outside every window"),
    "in_freeze": ("{1} in a freeze", "{1} outside every freeze"),
}


def unparse(node: Node, *, exact: bool = False) -> str:
    """The expression of a part, as one would write it, with brackets where they may be needed; exact: as JMESPath reads it again."""
    kind, parts = node["type"], node.get("children", [])
    if kind == "field":
        name = str(node["value"])
        return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else json.dumps(name)
    if kind == "literal":
        return f"`{json.dumps(node['value'], ensure_ascii=False).replace('`', '~')}`" if exact else literal(node["value"])
    if kind in ("current", "identity"):
        return "@" if kind == "current" else ""
    if kind in ("comparator", "and_expression", "or_expression", "pipe"):
        sign = SIGNS[node["value"]] if kind == "comparator" else {"and_expression": "&&", "or_expression": "||", "pipe": "|"}[kind]
        return f" {sign} ".join(_inside(part, exact) for part in parts)
    if kind == "not_expression":
        return f"!({unparse(parts[0], exact=exact)})"
    if kind == "function_expression":
        return f"{node['value']}({', '.join(unparse(part, exact=exact) for part in parts)})"
    if kind == "expref":
        return f"&{_inside(parts[0], exact) if exact else unparse(parts[0])}"
    return _path(kind, node, parts, exact)


def _path(kind: str, node: Node, parts: list[Node], exact: bool) -> str:
    if kind == "index":
        return f"[{node['value']}]"
    if kind == "slice":
        return f"[{':'.join('' if part is None else str(part) for part in parts)}]"
    if kind == "multi_select_dict":
        return "{" + ", ".join(f"{json.dumps(part['value'])}: {unparse(part['children'][0], exact=exact)}" for part in parts) + "}"
    texts = [unparse(part, exact=exact) for part in parts]
    if kind in ("subexpression", "index_expression"):
        return "".join(_step(text, first=number == 0) for number, text in enumerate(texts))
    if kind == "multi_select_list":
        return f"[{', '.join(texts)}]"
    if kind == "flatten":
        return f"{texts[0]}[]"
    after = _step(texts[1], first=False)
    if kind == "filter_projection":
        return f"{texts[0]}[?{texts[2]}]{after}"
    if kind == "value_projection":
        return f"{texts[0]}.*{after}"
    return f"{texts[0]}{'' if texts[0].endswith(']') and parts[0]['type'] in ('flatten', 'index_expression') else '[*]'}{after}"


def _step(text: str, *, first: bool) -> str:
    return text if first or not text or text.startswith("[") else f".{text}"


def _inside(node: Node, exact: bool) -> str:
    text = unparse(node, exact=exact)
    return f"({text})" if node["type"] in ("and_expression", "or_expression", "pipe", "comparator") else text


def literal(value: Any) -> str:
    """In words rather than in the marks of JMESPath."""
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
