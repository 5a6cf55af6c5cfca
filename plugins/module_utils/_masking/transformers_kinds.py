# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transformer is, and the one place where options are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import Dialect

TEXT = "text"
UUID = "uuid"
DATE = "date"
TIMESTAMP = "timestamp"
IP = "ip"
ANY = "any"

Options = Mapping[str, Any]
Python = Callable[[bytes, str, Options], Optional[str]]
SQL = Callable[[Dialect, Options], str]


class MaskingError(ValueError):
    """The value or the options don't suit the transformer; the text never holds the value."""


class Option(NamedTuple):
    kind: str  # integer, choice, flag, scalar or text
    default: Any = None  # None: the policy has to give it
    low: int = 0
    high: int = 0
    choices: tuple[Any, ...] = ()
    pattern: str = ""
    about: str = ""

    def schema(self) -> dict[str, Any]:
        """As a fragment of a JSON schema, whose description says what is allowed."""
        if self.kind == "integer":
            return {"type": "integer", "minimum": self.low, "maximum": self.high, "description": f"a whole number from {self.low} to {self.high}"}
        if self.kind == "choice":
            return {"enum": list(self.choices), "description": "one of " + ", ".join(map(str, self.choices))}
        if self.kind == "flag":
            return {"const": True, "description": "true"}
        if self.kind == "scalar":
            return {"type": ["string", "number"], "description": "a text or a number"}
        return {"type": "string", "pattern": f"^{self.pattern}$", "maxLength": self.high, "description": self.about}

    def fault(self, value: Any) -> str:
        """What is wrong with a value; nothing: ""."""
        integer = isinstance(value, int) and not isinstance(value, bool)
        good = {
            "integer": integer and self.low <= value <= self.high if integer else False,
            "choice": any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.choices),
            "flag": isinstance(value, bool),
            "scalar": isinstance(value, (str, int, float)) and not isinstance(value, bool),
            "text": isinstance(value, str) and len(value) <= self.high and bool(re.fullmatch(self.pattern, value)),
        }[self.kind]
        return "" if good else str(self.schema()["description"])


class Transformer(NamedTuple):
    """`python` gets the rotated hash (with unique: true the permutation's key), the value's text and the options."""

    families: tuple[str, ...]
    python: Python
    sql: SQL
    longest: int = 0  # characters of the longest result without options; 0: as long as the value
    options: Mapping[str, Option] = {}
    hashed: bool = True  # False: the result doesn't depend on the value
    bits: int = 0  # of what the hash gives to a result
    unique_bits: int = 0  # with unique: true; 0: one-to-one by construction

    def injective(self, rule: Any) -> bool:
        """Whether two values get two masks: by construction, or because 56 bits and more never met in a table."""
        if rule.options.get("unique"):
            return not self.unique_bits or self.unique_bits >= PRACTICALLY
        return self.bits >= PRACTICALLY


PRACTICALLY = 56  # bits: among a million values two meet with a chance of one in 140,000


def option(options: Options, name: str, default: Any) -> Any:
    found = options.get(name)
    return default if found is None else found


def number(h: bytes, start: int, length: int) -> int:
    return int.from_bytes(h[start : start + length], "big")
