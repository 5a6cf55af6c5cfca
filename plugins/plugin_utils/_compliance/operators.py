# SPDX-License-Identifier: GPL-3.0-or-later
"""How the value of an attribute is judged. Each answers True, False, or raises ValueError when the value is nothing it can judge."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# sshd writes 2m for 120.
SPAN = re.compile(r"(\d+)([smhdwSMHDW])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
Judge = Callable[[Any, Any], bool]


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")
    span = SPAN.fullmatch(str(value))
    return float(span[1]) * SECONDS[span[2].lower()] if span else float(value)


def _words(value: Any) -> list[str]:
    """A list, or a text of words apart by commas or blanks."""
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else re.split(r"[,\s]+", str(value))


def _text(value: Any) -> str:
    return str(value).strip().lower()


OPERATORS: dict[str, Judge] = {
    "equals": lambda found, wanted: _text(found) == _text(wanted),
    "not_equals": lambda found, wanted: _text(found) != _text(wanted),
    "in": lambda found, wanted: _text(found) in [_text(one) for one in wanted],
    "not_in": lambda found, wanted: _text(found) not in [_text(one) for one in wanted],
    "matches": lambda found, wanted: re.search(str(wanted), str(found)) is not None,
    "not_matches": lambda found, wanted: re.search(str(wanted), str(found)) is None,
    "at_least": lambda found, wanted: _number(found) >= _number(wanted),
    "at_most": lambda found, wanted: _number(found) <= _number(wanted),
    "between": lambda found, wanted: _number(wanted[0]) <= _number(found) <= _number(wanted[1]),
    # No bit beyond those of the wanted mode.
    "mode_at_most": lambda found, wanted: not int(str(found), 8) & ~int(str(wanted), 8),
    "mode_has": lambda found, wanted: int(str(found), 8) & int(str(wanted), 8) == int(str(wanted), 8),
    "has": lambda found, wanted: set(_words(wanted)) <= set(_words(found)),
    "has_none_of": lambda found, wanted: not set(map(_text, _words(found))) & set(map(_text, _words(wanted))),
    "only": lambda found, wanted: set(_words(found)) - {""} <= set(_words(wanted)),
}
# These ask whether the item is there, not what it is.
EXISTENCE = ("present", "absent")
