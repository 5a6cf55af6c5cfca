# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise, coarser values and redaction of found pieces: each in Python and as SQL of PostgreSQL over any two expressions.

No SQL of these files holds a brace or a percent sign, so that it may stand in a template of the driver. Constants of a policy
are numbers that were checked, or go through `literal`. `rotation` is that of an entity's hash, by which `h` hasn't been turned yet.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import REDACTED, MaskingError

Options = Mapping[str, Any]
Literal = Callable[[Any], str]

NUMBERS = Context(prec=200000, Emax=MAX_EMAX, Emin=MIN_EMIN)
PARTS = 1000000  # noise is a whole number of millionths of its width
ENDLESS = ("NaN", "Infinity", "-Infinity", "infinity", "-infinity")


def plain(value: Any) -> str:
    """A number of a policy or of a result without an exponent, as PostgreSQL shows a numeric."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    shown = f"{number:f}"
    return shown[1:] if number.is_zero() and shown.startswith("-") else shown


def decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise MaskingError("noise, generalise: the value is no number.") from None
    # An exponent says how many digits follow the point only when it's negative.
    return number if int(number.as_tuple().exponent) <= 0 else number.quantize(Decimal(1), context=NUMBERS)


def fraction(h: bytes) -> int:
    return (h[0] << 16 | h[1] << 8 | h[2]) % (2 * PARTS + 1) - PARTS


def sql_fraction(h: str, rotation: int = 0) -> str:
    first, second, third = ((rotation + place) % 32 for place in range(3))
    number = f"((get_byte({h},{first})<<16)|(get_byte({h},{second})<<8)|get_byte({h},{third}))"
    return f"(mod({number},{2 * PARTS + 1})-{PARTS})"


def width(options: Options) -> tuple[Decimal, bool]:
    """(what a fraction of one is multiplied with, whether it's a part of the value)."""
    if "percent" in options:
        return Decimal(str(options["percent"])) / (100 * PARTS), True
    return Decimal(str(options["spread"])) / PARTS, False


def offset(value: Decimal, part: int, options: Options) -> Decimal:
    """How far a value moves: at least one step of its last digit, so that it never stays; only zero percent of nothing is nothing."""
    unit = Decimal(1).scaleb(int(value.as_tuple().exponent), context=NUMBERS)
    wide, of_value = width(options)
    moved = NUMBERS.multiply(wide, Decimal(part))
    moved = NUMBERS.multiply(moved, value) if of_value else moved
    moved = moved.quantize(unit, rounding=ROUND_HALF_UP, context=NUMBERS)
    if moved or (of_value and not value):
        return moved
    return unit if part >= 0 else -unit


def noise(h: bytes, v: str, options: Options) -> str:
    if v in ENDLESS:
        return v
    value = decimal(v)
    moved = offset(value, fraction(h), options)
    found = NUMBERS.add(value, moved)
    if "min" in options:
        low, high = Decimal(str(options["min"])), Decimal(str(options["max"]))
        found = found if low <= found <= high else NUMBERS.subtract(value, moved)
        unit = Decimal(1).scaleb(int(value.as_tuple().exponent), context=NUMBERS)
        found = min(max(found, low), high).quantize(unit, rounding=ROUND_HALF_UP, context=NUMBERS)
    return plain(found)


def sql_offset(x: str, part: str, options: Options) -> str:
    """`x` is a numeric, used several times."""
    wide, of_value = width(options)
    whole = f"({x}*({part}*{plain(wide)}))" if of_value else f"({part}*{plain(wide)})"
    least = f"((case when {part}>=0 then '1e-' else '-1e-' end)||scale({x}))::numeric"
    if of_value:
        least = f"(case when {x}=0 then 0 else {least} end)"
    return f"coalesce(nullif(round({whole},scale({x})),0),{least})"


def sql_noise(h: str, v: str, options: Options, *, literal: Literal, rotation: int = 0) -> str:  # noqa: ARG001 - one signature for all
    """Text of the number; `v` is its text."""
    x, part = "n.x", "n.p"
    found = f"({x}+n.d)"
    if "min" in options:
        low, high = (plain(options[name]) for name in ("min", "max"))
        found = f"case when {found} between ({low}) and ({high}) then {found} else {x}-n.d end"
        found = f"round(greatest(least({found},({high})),({low})),scale({x}))"
    moved = sql_offset(x, part, options)
    start = f"select ({v})::numeric as x,{sql_fraction(h, rotation)} as p"
    return (
        f"(case when ({v}) in ('NaN','Infinity','-Infinity') then ({v}) else "  # noqa: S608
        f"(select ({found})::text from (select n.x,{moved} as d from ({start} offset 0) n offset 0) n) end)"
    )


def generalise(_h: bytes, v: str, options: Options) -> str:
    if "to" in options:
        found = re.sub(r"^([0-9]+)(-[0-9][0-9])-[0-9][0-9]", r"\1-01-01" if options["to"] == "year" else r"\1\2-01", v)
        return re.sub(r" [0-9][0-9]:[0-9:.]+", " 00:00:00", found)
    if "step" in options:
        return v if v in ENDLESS else _stepped(decimal(v), Decimal(str(options["step"])))
    if "digits" in options:
        return v[: min(options["digits"], max(len(v) - 1, 0))]
    address = ipaddress.ip_interface(v)
    bits = options["bits"] * (1 if address.version == 4 else 2)
    return str(ipaddress.ip_network(f"{address.ip}/{bits}", strict=False).network_address)


def _stepped(value: Decimal, step: Decimal) -> str:
    rest = NUMBERS.remainder(NUMBERS.add(NUMBERS.remainder(value, step), step), step)
    return plain(NUMBERS.subtract(value, rest))


def sql_generalise(_h: str, v: str, options: Options, *, literal: Literal, rotation: int = 0) -> str:  # noqa: ARG001
    if "to" in options:
        to = r"\1-01-01" if options["to"] == "year" else r"\1\2-01"
        day = f"regexp_replace({v},'^([0-9]+)(-[0-9][0-9])-[0-9][0-9]',{literal(to)})"
        return f"regexp_replace({day},' [0-9][0-9]:[0-9:.]+',' 00:00:00')"
    if "step" in options:
        step = plain(options["step"])
        rest = f"mod(mod(({v})::numeric,{step})+{step},{step})"
        return f"(case when ({v}) in ('NaN','Infinity','-Infinity') then ({v}) else (({v})::numeric-{rest})::text end)"
    if "digits" in options:
        return f"left({v},least({int(options['digits'])},greatest(length({v})-1,0)))"
    bits = f"(case when family(({v})::inet)=4 then {int(options['bits'])} else {2 * int(options['bits'])} end)"
    return f"host(network(set_masklen(({v})::inet,{bits})))"


_OF_MAIL = "[^ \t\r\n<>()\"',;:@\\[\\]]"
_PART = "[0-9]" + "[0-9]?" * 8  # no braces, see above
_NEXT_DIGIT = "(?:[ ()/.-]?[ ()/.-]?[0-9])"
_NEXT_CARD = "(?:[ -]?[0-9])"
_NEXT_IBAN = "(?: ?[A-Z0-9])"
# Every class of a pattern excludes what follows it, so that the first match and the longest are the same one in every engine.
# A run of letters or digits is tried from its begin alone, or a few characters of it: else a long one would take the square of its length.
PATTERNS = {
    "email": f"(?<!{_OF_MAIL}){_OF_MAIL}+@{_OF_MAIL}+",
    "ip": "[.]".join([_PART] * 4) + "|" + "[0-9A-Fa-f]?" * 9 + ":[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*",
    "iban": "[A-Z][A-Z][0-9][0-9]" + _NEXT_IBAN * 11 + _NEXT_IBAN + "*",
    "card": "[0-9]" + _NEXT_CARD * 12 + _NEXT_CARD + "*",
    "phone": "[+(]?[0-9]" + _NEXT_DIGIT * 6 + _NEXT_DIGIT + "*",
}


def patterns(find: Any) -> list[str]:
    """Of what is looked for, always in the one order: each sees what those before have left."""
    return [pattern for name, pattern in PATTERNS.items() if name in find]


def redact(_h: bytes, v: str, options: Options) -> str:
    wanted = options.get("find")
    if not wanted:
        return REDACTED
    for pattern in patterns(wanted):
        v = re.sub(pattern, REDACTED, v)
    return v


def sql_redact(_h: str, v: str, options: Options, *, literal: Literal, rotation: int = 0) -> str:  # noqa: ARG001
    wanted = options.get("find")
    if not wanted:
        return literal(REDACTED)
    for pattern in patterns(wanted):
        v = f"regexp_replace({v},{literal(pattern)},{literal(REDACTED)},'g')"
    return v


PYTHON: dict[str, Callable[[bytes, str, Options], str]] = {"noise": noise, "generalise": generalise, "redact": redact}
SQL: dict[str, Callable[..., str]] = {"noise": sql_noise, "generalise": sql_generalise, "redact": sql_redact}
