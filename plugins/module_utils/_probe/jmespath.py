# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JMESPath on managed nodes, which have no library for it: the expression becomes a function from a document to a value.

The whole language of https://jmespath.org/specification.html, with the answers of jmespath.py (the tests compare both).
Where that one breaks with a TypeError (a number ordered against a text), the answer here is null.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._probe import jmespath_functions as functions

Node = Callable[[Any], Any]


class JmespathError(ValueError):
    """The expression is none, or it can't be applied to the document."""


class Token(NamedTuple):
    kind: str
    value: Any
    at: int


_LEXER = re.compile(
    r"""(?P<space>\s+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>-?\d+)
    |(?P<quoted>"(?:\\.|[^"\\])*")
    |(?P<raw>'(?:\\.|[^'\\])*')
    |(?P<literal>`(?:\\.|[^`\\])*`)
    |(?P<sign>\[\?|\[\]|\|\||&&|==|!=|<=|>=|[\[\]{}().,:*@&|!<>])""",
    re.VERBOSE | re.DOTALL,
)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
POWER = {"|": 1, "||": 2, "&&": 3, **dict.fromkeys(COMPARISONS, 5), "[]": 9, "*": 20, "[?": 21, ".": 40, "!": 45, "{": 50, "[": 55, "(": 60}
PROJECTION_ENDS = 10  # what binds weaker ends a projection
LONGEST = 10_000  # characters of an expression


@functools.lru_cache(maxsize=256)
def compiled(expression: str) -> Node:
    """Raises JmespathError when it is no expression; so does the function on a document that a function of it can't take."""
    if len(expression) > LONGEST:
        raise JmespathError(f"it has {len(expression)} characters, allowed: {LONGEST}")
    try:
        node = _Parser(expression).whole()
    except RecursionError as exc:
        raise JmespathError("it is nested too deeply") from exc

    def apply(document: Any) -> Any:
        try:
            return node(document)
        except functions.FunctionError as exc:
            raise JmespathError(str(exc)) from exc
        except RecursionError as exc:
            raise JmespathError("it is nested too deeply") from exc

    return apply


def search(expression: str, document: Any) -> Any:
    return compiled(expression)(document)


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _LEXER.match(text, at)
        if match is None:
            raise JmespathError(f"character {at + 1} ({text[at]!r}) begins nothing that JMESPath knows")
        kind, lexeme = str(match.lastgroup), match.group()
        if kind != "space":
            found.append(_token(kind, lexeme, at))
        at = match.end()
    return [*found, Token("end", None, at)]


def _token(kind: str, lexeme: str, at: int) -> Token:
    if kind == "sign":
        return Token(lexeme, lexeme, at)
    if kind == "number":
        return Token(kind, int(lexeme), at)
    if kind == "quoted":
        try:
            return Token(kind, json.loads(lexeme, strict=False), at)
        except ValueError as exc:
            raise JmespathError(f"the quoted name at character {at + 1} is not JSON") from exc
    if kind == "raw":
        return Token("literal", lexeme[1:-1].replace("\\'", "'"), at)
    if kind == "literal":
        return Token(kind, _literal(lexeme[1:-1].replace("\\`", "`").lstrip(), at), at)
    return Token(kind, lexeme, at)


def _literal(text: str, at: int) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(f'"{text}"')  # text without quotes, as old expressions have it
    except ValueError as exc:
        raise JmespathError(f"the literal at character {at + 1} is not JSON") from exc


class _Parser:
    """Top-down operator precedence: every token knows how strongly it binds to what stands left of it."""

    def __init__(self, text: str) -> None:
        self._all = _tokens(text)
        self._at = 0

    def whole(self) -> Node:
        node = self._expression(0)
        self._take("end")
        return node

    def _peek(self, ahead: int = 0) -> str:
        return self._all[min(self._at + ahead, len(self._all) - 1)].kind

    def _next(self) -> Token:
        token = self._all[self._at]
        self._at = min(self._at + 1, len(self._all) - 1)
        return token

    def _take(self, *kinds: str) -> Token:
        if self._peek() not in kinds:
            raise self._wrong(", ".join(kinds))
        return self._next()

    def _wrong(self, wanted: str) -> JmespathError:
        token = self._all[self._at]
        found = "the expression ends" if token.kind == "end" else f"{token.value!r} stands"
        return JmespathError(f"{found} at character {token.at + 1} where {wanted} is due")

    def _expression(self, power: int) -> Node:
        node = self._first()
        while power < POWER.get(self._peek(), 0):
            node = self._further(node)
        return node

    def _first(self) -> Node:
        """What begins an expression."""
        simple: dict[str, Callable[[], Node]] = {
            "name": self._name,
            "quoted": self._quoted,
            "literal": self._constant,
            "@": self._current,
            "!": self._negation,
            "(": self._group,
            "{": self._braced,
            "[": self._bracket,
            "*": self._every_value,
            "[]": lambda: self._flattened(_same),
            "[?": lambda: self._filtered(_same),
        }
        read = simple.get(self._peek())
        if read is None:
            raise self._wrong("an expression")
        return read()

    def _further(self, left: Node) -> Node:
        """What goes on with the expression on its left."""
        kind = self._peek()
        if kind == "[]":
            return self._flattened(left)
        if kind == "[?":
            return self._filtered(left)
        self._next()
        if kind == ".":
            if self._peek() == "*":
                self._next()
                return _value_projection(left, self._projected(POWER["."]))
            return _chain(left, self._after_dot(POWER["."]))
        if kind == "[":
            return self._index_or_star(left)
        if kind in ("|", "||", "&&", *COMPARISONS):
            return _BINARY[kind](left, self._expression(POWER[kind]))
        self._at -= 1
        raise self._wrong("an operator")

    def _constant(self) -> Node:
        return _constant(self._next().value)

    def _current(self) -> Node:
        self._next()
        return _same

    def _braced(self) -> Node:
        self._next()
        return self._hash()

    def _name(self) -> Node:
        name = self._next().value
        return self._call(name) if self._peek() == "(" else _field(name)

    def _quoted(self) -> Node:
        node = _field(self._next().value)
        if self._peek() == "(":
            raise self._wrong("an operator (the name of a function has no quotes)")
        return node

    def _call(self, name: str) -> Node:
        self._take("(")
        arguments: list[Node] = []
        while self._peek() != ")":
            arguments.append(self._reference() if self._peek() == "&" else self._expression(0))
            if self._peek() == ",":
                self._next()
            elif self._peek() != ")":
                raise self._wrong(", or )")
        self._take(")")
        if name not in functions.FUNCTIONS:
            raise JmespathError(f"there is no function {name}; allowed: {', '.join(sorted(functions.FUNCTIONS))}")
        return lambda value: functions.call(name, [argument(value) for argument in arguments])

    def _reference(self) -> Node:
        # It is no value: only a function's argument may be one.
        self._next()
        return _constant(functions.Reference(self._expression(0)))

    def _negation(self) -> Node:
        self._next()
        node = self._expression(POWER["!"])
        return lambda value: not _true(node(value))

    def _group(self) -> Node:
        self._next()
        node = self._expression(0)
        self._take(")")
        return node

    def _bracket(self) -> Node:
        self._next()
        if self._peek() in ("number", ":"):
            return self._index(_same)
        if self._peek() == "*" and self._peek(1) == "]":
            return self._index_or_star(_same)
        return self._list()

    def _index_or_star(self, left: Node) -> Node:
        if self._peek() in ("number", ":"):
            return self._index(left)
        self._take("*")
        self._take("]")
        return _projection(left, self._projected(POWER["*"]))

    def _index(self, left: Node) -> Node:
        if self._peek() == ":" or self._peek(1) == ":":
            return _projection(_chain(left, self._slice()), self._projected(POWER["*"]))
        place = self._take("number").value
        self._take("]")
        return _chain(left, lambda value: value[place] if isinstance(value, list) and -len(value) <= place < len(value) else None)

    def _slice(self) -> Node:
        parts: list[Optional[int]] = [None, None, None]
        position = 0
        while self._peek() != "]":
            token = self._take("number", ":", "]")
            if token.kind == ":":
                position += 1
            else:
                parts[position] = token.value
                if self._peek() not in (":", "]"):
                    raise self._wrong(": or ]")
            if position > 2:
                raise JmespathError(f"the slice at character {token.at + 1} has more than three parts")
        self._take("]")
        if parts[2] == 0:
            raise JmespathError("the step of a slice is 0; allowed: other numbers")
        return lambda value: value[slice(*parts)] if isinstance(value, list) else None

    def _every_value(self) -> Node:
        self._next()
        return _value_projection(_same, _same if self._peek() == "]" else self._projected(POWER["*"]))

    def _flattened(self, left: Node) -> Node:
        self._next()
        return _projection(_flat(left), self._projected(POWER["[]"]))

    def _filtered(self, left: Node) -> Node:
        self._next()
        condition = self._expression(0)
        self._take("]")
        right = _same if self._peek() == "[]" else self._projected(POWER["[?"])
        return _projection(left, right, lambda value: _true(condition(value)))

    def _projected(self, power: int) -> Node:
        """What is applied to each element of a projection."""
        kind = self._peek()
        if POWER.get(kind, 0) < PROJECTION_ENDS:
            return _same
        if kind in ("[", "[?"):
            return self._expression(power)
        self._take(".")
        return self._after_dot(power)

    def _after_dot(self, power: int) -> Node:
        kind = self._peek()
        if kind in ("name", "quoted", "*"):
            return self._expression(power)
        if kind == "[":
            self._next()
            return self._list()
        if kind == "{":
            self._next()
            return self._hash()
        raise self._wrong("a name, *, [ or {")

    def _list(self) -> Node:
        nodes = [self._expression(0)]
        while self._take(",", "]").kind == ",":
            nodes.append(self._expression(0))
        return lambda value: None if value is None else [node(value) for node in nodes]

    def _hash(self) -> Node:
        pairs: list[tuple[str, Node]] = []
        while True:
            key = self._take("name", "quoted").value
            self._take(":")
            pairs.append((key, self._expression(0)))
            if self._take(",", "}").kind == "}":
                return lambda value: None if value is None else {key: node(value) for key, node in pairs}


def _same(value: Any) -> Any:
    return value


def _constant(value: Any) -> Node:
    return lambda _document: value


def _field(name: str) -> Node:
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _chain(left: Node, right: Node) -> Node:
    return lambda value: right(left(value))


def _projection(left: Node, right: Node, keep: Optional[Callable[[Any], bool]] = None) -> Node:
    def project(value: Any) -> Any:
        base = left(value)
        if not isinstance(base, list):
            return None
        return _present(right(element) for element in base if keep is None or keep(element))

    return project


def _value_projection(left: Node, right: Node) -> Node:
    def project(value: Any) -> Any:
        base = left(value)
        return _present(right(element) for element in base.values()) if isinstance(base, dict) else None

    return project


def _present(values: Any) -> list[Any]:
    return [value for value in values if value is not None]


def _flat(left: Node) -> Node:
    def flatten(value: Any) -> Any:
        base = left(value)
        if not isinstance(base, list):
            return None
        merged: list[Any] = []
        for element in base:
            merged.extend(element if isinstance(element, list) else [element])
        return merged

    return flatten


def _true(value: Any) -> bool:
    """0 is true, unlike in Python."""
    return not (value is None or value is False or (isinstance(value, (str, list, dict)) and not value))


def _either(left: Node, right: Node) -> Node:
    def choose(value: Any) -> Any:
        found = left(value)
        return found if _true(found) else right(value)

    return choose


def _both(left: Node, right: Node) -> Node:
    def choose(value: Any) -> Any:
        found = left(value)
        return right(value) if _true(found) else found

    return choose


def _comparison(sign: str) -> Callable[[Node, Node], Node]:
    return lambda left, right: lambda value: _compare(sign, left(value), right(value))


def _compare(sign: str, left: Any, right: Any) -> Optional[bool]:
    if sign in ("==", "!="):
        # Python takes True for 1.
        differ = isinstance(left, bool) != isinstance(right, bool)
        return (not differ and bool(left == right)) == (sign == "==")
    numbers = all(isinstance(side, (int, float)) and not isinstance(side, bool) for side in (left, right))
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        return None
    ordered: dict[str, bool] = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return ordered[sign]


_BINARY: dict[str, Callable[[Node, Node], Node]] = {
    "|": _chain,
    "||": _either,
    "&&": _both,
    **{sign: _comparison(sign) for sign in COMPARISONS},
}
