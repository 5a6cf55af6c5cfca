# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise, coarser values and redaction as SQL of MariaDB and MySQL, over any two expressions; the same results as structural_values."""

from __future__ import annotations

from decimal import Decimal
from typing import Callable

from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_values import PARTS, Literal, Options, patterns, plain, width
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import REDACTED

EXACT = "decimal(65,15)"  # fifty digits before the point and fifteen after it: columns beyond that are refused
DECIMALS = 15


def _scale(v: str) -> str:
    return f"if(locate('.',{v})>0,char_length({v})-locate('.',{v}),0)"


def _shown(number: str, scale: str) -> str:
    """The number's text with that many digits after the point."""
    text = f"cast(cast({number} as {EXACT}) as char)"
    return f"if({scale}=0,substring_index({text},'.',1),substr({text},1,locate('.',{text})+{scale}))"


def sql_noise(h: str, v: str, options: Options, *, literal: Literal, rotation: int = 0) -> str:  # noqa: ARG001 - one signature for all
    at = [(rotation + place) % 32 + 1 for place in range(3)]
    bytes_of = "concat(" + ",".join(f"substr({h},{place},1)" for place in at) + ")"
    part = f"(mod(cast(conv(hex({bytes_of}),16,10) as signed),{2 * PARTS + 1})-{PARTS})"
    x, scale = f"cast({v} as {EXACT})", _scale(v)
    wide, of_value = width(options)
    moved = f"round({x}*({part}*{plain(wide)}),{scale})" if of_value else f"round({part}*{plain(wide)},{scale})"
    least = f"cast(concat(if({part}>=0,'1e-','-1e-'),{scale}) as {EXACT})"
    least = f"if({x}=0,0,{least})" if of_value else least
    moved = f"cast(if({moved}=0,{least},{moved}) as {EXACT})"
    found = f"({x}+{moved})"
    if "min" in options:
        low, high = (plain(options[name]) for name in ("min", "max"))
        found = f"round(greatest(least(if({found} between {low} and {high},{found},{x}-{moved}),{high}),{low}),{scale})"
    return _shown(found, scale)


def sql_generalise(_h: str, v: str, options: Options, *, literal: Literal, rotation: int = 0) -> str:  # noqa: ARG001
    if "to" in options:
        day = f"concat(left({v},4),'-01-01')" if options["to"] == "year" else f"concat(left({v},7),'-01')"
        return f"concat({day},if(char_length({v})>10,' 00:00:00',''))"
    if "step" in options:
        step = plain(options["step"])
        digits = max(-int(Decimal(step).as_tuple().exponent), 0)
        x = f"cast({v} as {EXACT})"
        return _shown(f"({x}-mod(mod({x},{step})+{step},{step}))", f"greatest({_scale(v)},{digits})")
    return f"left({v},least({int(options['digits'])},greatest(char_length({v})-1,0)))"


def sql_redact(_h: str, v: str, options: Options, *, literal: Literal, rotation: int = 0) -> str:  # noqa: ARG001
    wanted = options.get("find")
    if not wanted:
        return literal(REDACTED)
    for pattern in patterns(wanted):
        # Whatever the collation says, capital letters are capital letters.
        v = f"regexp_replace({v},{literal('(?-i)' + pattern)},{literal(REDACTED)})"
    return v


SQL: dict[str, Callable[..., str]] = {"noise": sql_noise, "generalise": sql_generalise, "redact": sql_redact}
