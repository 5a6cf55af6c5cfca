# SPDX-License-Identifier: GPL-3.0-or-later
"""JMESPath that doesn't take missing evidence for an answer.

Plain JMESPath says that a missing field equals nothing and negates to true; a condition on evidence that nobody
gathered would then be decided by its absence. Here it is an error that names the field. A condition that means to
ask whether a value is there says so: x == `null`, not_null(x, default), exists(x) or x || default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jmespath
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import GateFunctionError, GateFunctions
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.limits import Budget, LimitError, check_length, check_parts
from jmespath import exceptions, visitor

Node = Any  # the parser's dictionaries: {type, children, value}
_TAKE_NULL = ("not_null", "type", "exists")


class ExpressionError(Exception):
    """Why an expression has no answer. `missing` is the part of the evidence that is not there, or empty."""

    def __init__(self, message: str, *, missing: str = "") -> None:
        super().__init__(message)
        self.missing = missing


class _Interpreter(visitor.TreeInterpreter):
    """Visits each part once: what is asked of a value is asked of the value that was found, not by finding it again."""

    def __init__(self, evidence: Mapping[str, Any]) -> None:
        now = evidence.get("now")
        self._own = GateFunctions(now if isinstance(now, str) else None)
        super().__init__(jmespath.Options(custom_functions=self._own))
        self._evidence = evidence
        self._budget = Budget()

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        self._budget.spend()
        return super().visit(node, *args, **kwargs)

    def visit_comparator(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        if _is_null(left) or _is_null(right):
            return super().visit_comparator(node, value)
        found = [self._known(side, value) for side in (left, right)]
        for one in found:
            self._budget.weigh(one)
        operator = self.COMPARATOR_FUNC[node["value"]]
        if node["value"] in ("eq", "ne"):
            return operator(*found)
        # Numbers and texts have an order, nothing else has; a number and a text together are a TypeError.
        return operator(*found) if all(_has_order(one) for one in found) else None

    def visit_not_expression(self, node: Node, value: Any) -> Any:
        return _is_false(self._known(node["children"][0], value))

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        take_null = node["value"] in _TAKE_NULL
        arguments = [self.visit(child, value) if take_null else self._known(child, value) for child in node["children"]]
        for one in arguments:
            self._budget.weigh(one)
        made = self._own.call_function(node["value"], arguments)
        self._budget.weigh(made)
        return made

    def visit_and_expression(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        decided = self._known(left, value)
        return decided if _is_false(decided) else self._known(right, value)

    def visit_filter_projection(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        chosen = [element for element in base if not _is_false(self._known(node["children"][2], element))]
        return [made for made in (self.visit(node["children"][1], element) for element in chosen) if made is not None]

    def visit_multi_select_list(self, node: Node, value: Any) -> Any:
        return self._weighed(super().visit_multi_select_list(node, value))

    def visit_multi_select_dict(self, node: Node, value: Any) -> Any:
        return self._weighed(super().visit_multi_select_dict(node, value))

    def _weighed(self, made: Any) -> Any:
        self._budget.weigh(made)
        return made

    def _known(self, node: Node, value: Any) -> Any:
        found = self.visit(node, value)
        if found is None:
            raise missing(node, value, root=value is self._evidence)
        return found


def evaluate(expression: str, evidence: Mapping[str, Any]) -> Any:
    """The value, null when the evidence has none; ExpressionError when there can't be one."""
    return _visit(expression, evidence)[1]


def decide(expression: str, evidence: Mapping[str, Any]) -> bool:
    """True or false and nothing else."""
    parsed, value = _visit(expression, evidence)
    if value is None:
        raise missing(parsed, evidence, root=True)
    if not isinstance(value, bool):
        raise ExpressionError(f"it is neither true nor false but {type(value).__name__} {value!r:.60}")
    return value


def value_of(node: Node, evidence: Mapping[str, Any]) -> Any:
    """The value of a part of an expression; ExpressionError when there can't be one."""
    try:
        return _Interpreter(evidence).visit(node, evidence)
    except exceptions.JMESPathError as exc:
        raise ExpressionError(f"it can't be evaluated: {' '.join(str(exc).split())}") from exc
    except (GateFunctionError, LimitError, TypeError, ValueError, ArithmeticError, RecursionError) as exc:
        raise ExpressionError(f"it can't be evaluated: {exc}") from exc


def parse(expression: str) -> Node:
    """The parts of an expression; ExpressionError when it has none or too many."""
    try:
        check_length(expression)
        parsed: Node = jmespath.compile(expression).parsed
        check_parts(parsed)
        return parsed
    except exceptions.JMESPathError as exc:
        raise ExpressionError(f"it can't be evaluated: {' '.join(str(exc).split())}") from exc
    except (LimitError, RecursionError) as exc:
        raise ExpressionError(f"it can't be evaluated: {exc}") from exc


def missing(node: Node, value: Any, *, root: bool) -> ExpressionError:
    path = field_path(node)
    if not path:
        return ExpressionError("it compares values that have no order, or a part of it is null", missing="")
    for number, name in enumerate(path):
        if not isinstance(value, Mapping) or value.get(name) is None:
            gone = ".".join(path[: number + 1])
            place = "the evidence" if root else "a part of the evidence"
            return ExpressionError(f"{place} has no {gone} (the condition needs {'.'.join(path)})", missing=gone)
        value = value[name]
    return ExpressionError(f"the evidence has no value for an expression over {'.'.join(path)}", missing=".".join(path))


def _visit(expression: str, evidence: Mapping[str, Any]) -> tuple[Node, Any]:
    parsed = parse(expression)
    return parsed, value_of(parsed, evidence)


def _is_false(value: Any) -> bool:
    """As JMESPath has it: 0 is true."""
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _has_order(value: Any) -> bool:
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _is_null(node: Node) -> bool:
    """The literal, and the bare word null that people write for it: strictly the name of a field that nothing has."""
    return bool(node["type"] in ("literal", "field") and node["value"] in (None, "null"))


def field_path(node: Node) -> list[str]:
    """The leading field names: a.b of a.b[?c].d."""
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] == "subexpression":
        path: list[str] = []
        for child in node["children"]:
            step = field_path(child)
            path += step
            if child["type"] not in ("field", "subexpression"):
                break
        return path
    if node["type"] in ("projection", "filter_projection", "flatten", "value_projection", "index_expression", "pipe"):
        return field_path(node["children"][0])
    return []
