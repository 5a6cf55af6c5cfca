# SPDX-License-Identifier: GPL-3.0-or-later
"""What the transformers need of an SQL: every transformer is written once over this, every server has its own.

All expressions are templates of text. Their placeholders are filled by whoever builds the statement, quoted by its driver:
{h} the keyed hash (32 bytes), {v} the value as text, {s} the value in its own type, {k} the key of a permutation,
{constant} a literal, and the names of `lets`, which are expressions to be computed once per row before the masks.
NULL never arrives: the statement keeps it. Numbers stay below 2**63 in every step.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from typing import Callable

HASH_BYTES = 32
HIGH_BITS = 0x8080808080808080
WORD = 8  # bytes of a word
FILLED = 40  # characters of the longest text whose digits are permuted


def placeholders(template: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(template) if name}


def literal(text: str) -> str:
    """Plain words of ours only: whatever a policy says goes through the driver's quoting instead."""
    if "\\" in text or not text.isascii():
        raise ValueError("a literal of a mask must be plain ASCII")
    return "'" + text.replace("'", "''").replace("{", "{{").replace("}", "}}") + "'"


class Dialect:
    """Numbers are infix in all servers; the rest is for each to say."""

    xor_sign = "^"

    def __init__(self, *, rotation: int = 0, family: str = "text") -> None:
        self.rotation = rotation
        self.family = family
        self.lets: dict[str, str] = {}

    # --- arithmetic ---
    def add(self, *terms: object) -> str:
        return "(" + "+".join(map(str, terms)) + ")"

    def sub(self, first: object, second: object) -> str:
        return f"({first}-{second})"

    def mul(self, first: object, second: object) -> str:
        return f"({first}*{second})"

    def mod(self, first: object, second: int) -> str:
        return f"mod({first},{second})"  # a driver would take % for a placeholder

    def div(self, first: object, second: int) -> str:
        return f"({first}/{second})"

    def both(self, first: object, second: object) -> str:
        return f"({first}&{second})"

    def either(self, first: object, second: object) -> str:
        return f"({first}|{second})"

    def xor(self, first: object, second: object) -> str:
        return f"({first}{self.xor_sign}{second})"

    def right(self, first: object, bits: int) -> str:
        return f"({first}>>{bits})"

    def when(self, cases: Sequence[tuple[str, str]], otherwise: str) -> str:
        return "(case " + " ".join(f"when {condition} then {found}" for condition, found in cases) + f" else {otherwise} end)"

    # --- the hash ---
    def place(self, start: int) -> int:
        return (start + self.rotation) % HASH_BYTES

    def let(self, expression: str) -> str:
        """A reference to the expression, for those that are used more than once; none of them refers to another."""
        for name, known in self.lets.items():
            expression = expression.replace("{" + name + "}", known)
        for name, known in self.lets.items():
            if known == expression:
                return "{" + name + "}"
        name = f"l{len(self.lets)}"
        self.lets[name] = expression
        return "{" + name + "}"

    def rarely(self, build: Callable[[], str]) -> str:
        """What build() makes, with nothing more computed beforehand."""
        known = len(self.lets)
        made = build()
        for name in list(self.lets)[known:]:
            made = made.replace("{" + name + "}", self.lets.pop(name))
        return made

    def byte(self, start: int) -> str:
        raise NotImplementedError

    def number(self, start: int, length: int) -> str:
        """Up to seven bytes of the hash as a big-endian number."""
        raise NotImplementedError

    def word(self, start: int) -> str:
        """Eight bytes of the hash, for use with masks that leave the highest bit out."""
        raise NotImplementedError

    def slice(self, start: int, length: int) -> str:
        """Bytes of the hash, from its beginning again after its end."""
        first = self.place(start)
        if length == HASH_BYTES and not first:
            return "{h}"
        if first + length <= HASH_BYTES:
            return f"substr({{h}},{first + 1},{length})"
        return self.concat(f"substr({{h}},{first + 1})", f"substr({{h}},1,{first + length - HASH_BYTES})")

    def hex(self, start: int, length: int) -> str:
        raise NotImplementedError

    # --- texts ---
    def concat(self, *parts: str) -> str:
        raise NotImplementedError

    def text(self, number: str) -> str:
        raise NotImplementedError

    def minus(self, number: str) -> str:
        """A dash and the digits of a number."""
        raise NotImplementedError

    def padded(self, number: str, width: int) -> str:
        """The digits of a number with leading zeros."""
        raise NotImplementedError

    def integer(self, text: str) -> str:
        """The number that a text of at most eighteen digits says."""
        raise NotImplementedError

    def big(self, number: object) -> str:
        """As a number of 64 bits, where a server would else compute with 32."""
        return str(number)

    def small(self, number: str) -> str:
        """As a number of 32 bits, for one that fits."""
        return number

    def pick(self, words: Sequence[str], index: str) -> str:
        raise NotImplementedError

    def lookup(self, table: bytes, index: str) -> str:
        """A byte of a constant table."""
        raise NotImplementedError

    def cut(self, text: str, start: int, length: int = 0) -> str:
        """Characters of a text from the one numbered `start` (the first is 1); to its end without a length."""
        return f"substr({text},{start},{length})" if length else f"substr({text},{start})"

    def unless(self, first: str, second: str) -> str:
        """The first if its bytes differ from the value's, else the second."""
        raise NotImplementedError

    def same(self, first: str, second: str) -> str:
        """Whether two texts have the same bytes."""
        raise NotImplementedError

    def octets(self, text: str = "{v}") -> str:
        raise NotImplementedError

    def ascii(self, text: str) -> str:
        """The text with a zero in place of every character that ASCII lacks."""
        raise NotImplementedError

    def load(self, text: str, words: int, place: int) -> str:
        """Word number `place` of the UTF-8 of a text that is padded with spaces to `words` words."""
        raise NotImplementedError

    def plain(self, words: Sequence[str]) -> str:
        """Whether words hold bytes of ASCII alone."""
        raise NotImplementedError

    def unload(self, words: Sequence[str], octets: str) -> str:
        """The first bytes of words as a text of ASCII."""
        raise NotImplementedError

    def matches(self, text: str, pattern: str) -> str:
        """Whether a text matches a regular expression (brackets, counts, anchors; no classes)."""
        raise NotImplementedError

    def address(self, text: str) -> str:
        """Whether a text is an IPv4 address of four plain numbers: a quick test, which may say no to one; "" where there is none."""
        del text
        return ""

    def replaced(self, text: str, pattern: str, by: str) -> str:
        raise NotImplementedError

    def field(self, text: str, separator: str, number: int) -> str:
        """The part of a text between separators, the first is 1; empty when there are fewer."""
        raise NotImplementedError

    # --- computations of several steps ---
    def remainder(self, first: str, second: str) -> str:
        return f"mod({first},{second})"

    def quotient(self, first: str, second: str) -> str:
        return f"({first}/{second})"

    def last(self, text: str, count: int) -> str:
        return f"right({text},{count})"

    def power10(self, exponent: str) -> str:
        raise NotImplementedError

    def digest(self, key: str, *parts: str) -> str:
        """The first seven bytes of the SHA-256 of a key and parts, texts or numbers in decimal digits, as a number."""
        raise NotImplementedError

    def step(self, name: str) -> str:
        """A reference to an earlier step of a chain."""
        raise NotImplementedError

    def chain(self, steps: Sequence[tuple[str, str]], result: str) -> str:
        """The result, after steps that refer to those before them."""
        raise NotImplementedError

    def filled(self, text: str, number: str, digits: str) -> str:
        """A text of at most FILLED characters whose digits, which `digits` are, give way to those of a number."""
        raise NotImplementedError

    def shift(self, days: str) -> str:
        """The value, a date or timestamp, moved by days; `days` is never 0. Endless ones and 9999-12-31 stay."""
        raise NotImplementedError


def jsonb(words: Sequence[str]) -> str:
    return json.dumps(list(words), separators=(",", ":"))
