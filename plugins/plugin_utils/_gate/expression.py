# SPDX-License-Identifier: GPL-3.0-or-later
"""JMESPath that doesn't take missing evidence for an answer.

Plain JMESPath says that a missing field equals nothing and negates to true; a condition on evidence that nobody
gathered would then be decided by its absence. Here it is an error that names the field. A condition that means to
ask whether a value is there says so: x == `null`, not_null(x, default) or x || default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jmespath
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import GateFunctionError, GateFunctions
from jmespath import exceptions, visitor

Node = Any  # the parser's dictionaries: {type, children, value}
_TAKE_NULL = ("not_null", "type")


class ExpressionError(Exception):
    """Why an expression has no answer. `missing` is the part of the evidence that is not there, or empty."""

    def __init__(self, message: str, *, missing: str = "") -> None:
        super().__init__(message)
        self.missing = missing


class _Interpreter(visitor.TreeInterpreter):
    def __init__(self, evidence: Mapping[str, Any]) -> None:
        now = evidence.get("now")
        super().__init__(jmespath.Options(custom_functions=GateFunctions(now if isinstance(now, str) else None)))
        self._evidence = evidence

    def visit_comparator(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        if not (_is_null(left) or _is_null(right)):
            for side in (left, right):
                self._known(side, value)
        return super().visit_comparator(node, value)

    def visit_not_expression(self, node: Node, value: Any) -> Any:
        self._known(node["children"][0], value)
        return super().visit_not_expression(node, value)

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        if node["value"] not in _TAKE_NULL:
            for argument in node["children"]:
                self._known(argument, value)
        return super().visit_function_expression(node, value)

    def visit_and_expression(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        decided = self._known(left, value)
        return decided if decided in (False, "", [], {}) else self._known(right, value)

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


def missing(node: Node, value: Any, *, root: bool) -> ExpressionError:
    path = _path(node)
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
    try:
        parsed: Node = jmespath.compile(expression).parsed
        return parsed, _Interpreter(evidence).visit(parsed, evidence)
    except exceptions.JMESPathError as exc:
        raise ExpressionError(f"it can't be evaluated: {' '.join(str(exc).split())}") from exc
    except (GateFunctionError, TypeError, OverflowError) as exc:
        raise ExpressionError(f"it can't be evaluated: {exc}") from exc


def _is_null(node: Node) -> bool:
    """The literal, and the bare word null that people write for it: strictly the name of a field that nothing has."""
    return bool(node["type"] in ("literal", "field") and node["value"] in (None, "null"))


def _path(node: Node) -> list[str]:
    """The leading field names: a.b of a.b[?c].d."""
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] == "subexpression":
        path: list[str] = []
        for child in node["children"]:
            step = _path(child)
            path += step
            if child["type"] not in ("field", "subexpression"):
                break
        return path
    if node["type"] in ("projection", "filter_projection", "flatten", "value_projection", "index_expression", "pipe"):
        return _path(node["children"][0])
    return []
