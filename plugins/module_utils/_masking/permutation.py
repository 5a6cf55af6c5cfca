# SPDX-License-Identifier: GPL-3.0-or-later
"""unique: true of phone and digits: a keyed permutation of all numbers with the same count of digits, one-to-one by construction.

With F a network of three Feistel rounds over the halves (left, right) of the digits, the mask is F(F⁻¹(value) + 1): the
conjugate of a step forward. A step forward has no fixed point, so the mask has none either: no value ever stays.
"""

from __future__ import annotations

import hashlib
import re

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import FILLED, Dialect, literal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_kinds import Options

DIGITS = 18  # that are permuted, the last ones; those before become 0
HIDDEN = "[^ -/0-9]"


def _round(key: bytes, number: int, digits: int, half: int) -> int:
    return int.from_bytes(hashlib.sha256(key + f"{number}:{digits}:{half}".encode()).digest()[:7], "big")


def permuted(key: bytes, value: int, digits: int) -> int:
    """Of the numbers below 10**digits, another one."""
    if digits < 2:
        return (value + 1 + _round(key, 1, digits, 0) % 9) % 10
    low = 10 ** (digits // 2)
    high = 10 ** (digits - digits // 2)
    left, right = divmod(value, low)
    left = (left - _round(key, 3, digits, right)) % high
    right = (right - _round(key, 2, digits, left)) % low
    left = (left - _round(key, 1, digits, right)) % high
    right = (right + 1) % low
    left = (left + _round(key, 1, digits, right)) % high
    right = (right + _round(key, 2, digits, left)) % low
    left = (left + _round(key, 3, digits, right)) % high
    return int(left * low + right)


def python(key: bytes, v: str, _options: Options) -> str:
    text = re.sub(HIDDEN, "x", v[:FILLED])
    found = re.sub("[^0-9]", "", text)
    count = min(len(found), DIGITS)
    if not count:
        return text
    drawn = f"{permuted(key, int(found[-DIGITS:]), count):0{len(found)}d}"
    digits = iter(drawn)
    return "".join(next(digits) if "0" <= char <= "9" else char for char in text)


def _rounds(dialect: Dialect) -> list[tuple[str, str]]:
    """Names and expressions, each over those before it."""
    x, e, low, high = (dialect.step(name) for name in ("x", "e", "b", "a"))

    def drawn(number: int, half: str) -> str:
        return dialect.digest("{k}", literal(f"{number}:"), e, literal(":"), half)

    def back(half: str, number: int, other: str, size: str) -> str:
        return dialect.remainder(dialect.sub(dialect.add(half, size), dialect.remainder(drawn(number, other), size)), size)

    def forth(half: str, number: int, other: str, size: str) -> str:
        return dialect.remainder(dialect.add(half, dialect.remainder(drawn(number, other), size)), size)

    halves = [("l0", dialect.quotient(x, low)), ("r0", dialect.remainder(x, low))]
    names = {name: dialect.step(name) for name in ("l0", "r0", "l1", "r1", "l2", "r2", "l3", "r3", "l4")}
    return [
        *halves,
        ("l1", back(names["l0"], 3, names["r0"], high)),
        ("r1", back(names["r0"], 2, names["l1"], low)),
        ("l2", back(names["l1"], 1, names["r1"], high)),
        ("r2", dialect.remainder(dialect.add(names["r1"], 1), low)),
        ("l3", forth(names["l2"], 1, names["r2"], high)),
        ("r3", forth(names["r2"], 2, names["l3"], low)),
        ("l4", forth(names["l3"], 3, names["r3"], high)),
        ("y", dialect.add(dialect.mul(names["l4"], low), names["r3"])),
    ]


def sql(dialect: Dialect, _options: Options) -> str:
    text, digits, x, e, y = (dialect.step(name) for name in ("t", "g", "x", "e", "y"))
    first = [
        ("t", dialect.replaced(dialect.cut("{v}", 1, FILLED), HIDDEN, "x")),
        ("g", dialect.replaced(text, "[^0-9]", "")),
        ("e", f"least({dialect.octets(digits)},{DIGITS})"),
        ("x", dialect.integer(dialect.concat(literal("0"), dialect.last(digits, DIGITS)))),
        ("b", dialect.power10(dialect.div(e, 2))),
        ("a", dialect.power10(dialect.sub(e, dialect.div(e, 2)))),
    ]
    short = dialect.mod(dialect.add(x, 1, dialect.mod(dialect.digest("{k}", literal("1:1:0")), 9)), 10)
    found = dialect.when([(f"{e}=0", "0"), (f"{e}=1", short)], y)
    steps = [*first, *_rounds(dialect), ("z", found)]
    return dialect.chain(steps, dialect.filled(text, dialect.step("z"), digits))
