# SPDX-License-Identifier: GPL-3.0-or-later
"""Transformers of identifiers, addresses of networks and dates, and those that need no hash."""

from __future__ import annotations

import re
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import Dialect, literal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_kinds import (
    ANY,
    DATE,
    IP,
    TEXT,
    TIMESTAMP,
    UUID,
    MaskingError,
    Option,
    Options,
    Transformer,
    number,
    option,
)

REDACTED = "[redacted]"
DAYS = 30
NIBBLES = "89ab"


def _uuid(h: bytes, _v: str, _options: Options) -> str:
    return f"{h[:4].hex()}-{h[4:6].hex()}-4{h[6:8].hex()[1:]}-{NIBBLES[h[8] & 3]}{h[9:11].hex()[1:]}-{h[11:17].hex()}"


def _sql_uuid(dialect: Dialect, _options: Options) -> str:
    variant = dialect.pick([f"-{nibble}" for nibble in NIBBLES], dialect.both(dialect.byte(8), 3))
    parts = [dialect.hex(0, 4), literal("-"), dialect.hex(4, 2), literal("-4"), dialect.cut(dialect.hex(6, 2), 2)]
    return dialect.concat(*parts, variant, dialect.cut(dialect.hex(9, 2), 2), literal("-"), dialect.hex(11, 6))


def _token(h: bytes, _v: str, options: Options) -> str:
    return h[: option(options, "bytes", 8)].hex()


def _sql_token(dialect: Dialect, options: Options) -> str:
    return dialect.hex(0, option(options, "bytes", 8))


def _mac(h: bytes, _v: str, _options: Options) -> str:
    return "02:" + h[:5].hex(":")  # locally administered: no maker's


def _sql_mac(dialect: Dialect, _options: Options) -> str:
    parts = [part for place in range(5) for part in (literal(":"), dialect.hex(place, 1))]
    return dialect.concat(literal("02"), *parts)


V4 = "^[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}$"
V4_LENGTH = V4[:-1] + "/[0-9]{1,2}$"
V6 = "^[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]*(/[0-9]{1,3})?$"


def _ip(h: bytes, v: str, options: Options) -> str:
    head, slash, length = v.partition("/")
    if re.match(V4[:-1] + "(/[0-9]{1,2})?$", v, re.ASCII) and not v.endswith("\n"):
        kept = head.split(".")[: option(options, "prefix", 16) // 8]
        drawn = [str(h[place]) for place in range(len(kept), 3)]
        last = h[3] % 254 + 1
        found = ".".join([*kept, *drawn, str(last)]) + slash + length
        return found if found != v else ".".join([*kept, *drawn, str(last % 254 + 1)]) + slash + length
    if re.match(V6, v, re.ASCII) and not v.endswith("\n"):
        groups = [*head.split(":"), ""]
        first = groups[0] or "fd00"
        kept = [first, groups[1] or "0"][: option(options, "prefix6", 32) // 16]
        drawn = ["f" + h[2 * place : 2 * place + 2].hex()[1:] for place in range(len(kept), 8)]
        return ":".join([*kept, *drawn]) + slash + length
    return f"10.{h[1]}.{h[2]}.{h[3] % 254 + 1}"


def _sql_four(dialect: Dialect, prefix: int, length: list[str]) -> str:
    dot = literal(".")
    last = dialect.mod(dialect.byte(3), 254)
    kept = [part for place in range(prefix // 8) for part in (dialect.field("{v}", ".", place + 1), dot)]
    drawn = [part for place in range(prefix // 8, 3) for part in (dialect.text(dialect.byte(place)), dot)]
    ends = (dialect.add(last, 1), dialect.add(dialect.mod(dialect.add(last, 1), 254), 1))
    return dialect.unless(*(dialect.concat(*kept, *drawn, dialect.text(end), *length) for end in ends))


def _sql_six(dialect: Dialect, prefix: int, length: list[str]) -> str:
    head = dialect.field("{v}", "/", 1)

    def group(place: int, empty: str) -> str:
        found = dialect.field(head, ":", place)
        return dialect.when([(dialect.same(found, literal("")), literal(empty))], found)

    groups = [group(1, "fd00"), group(2, "0")][: prefix // 16]
    groups += [dialect.concat(literal("f"), dialect.cut(dialect.hex(2 * place, 2), 2)) for place in range(len(groups), 8)]
    return dialect.concat(groups[0], *[part for piece in groups[1:] for part in (literal(":"), piece)], *length)


def _sql_ip(dialect: Dialect, options: Options) -> str:
    prefix, prefix6 = option(options, "prefix", 16), option(options, "prefix6", 32)
    part = dialect.field("{v}", "/", 2)
    length = [dialect.when([(dialect.same(part, literal("")), literal(""))], dialect.concat(literal("/"), part))]
    numbers = [dialect.text(dialect.byte(1)), dialect.text(dialect.byte(2)), dialect.text(dialect.add(dialect.mod(dialect.byte(3), 254), 1))]
    other = dialect.concat(literal("10"), *[piece for one in numbers for piece in (literal("."), one)])
    quick = dialect.address("{v}")
    cases = [
        *([(quick, _sql_four(dialect, prefix, []))] if quick else []),
        (dialect.matches("{v}", V4), _sql_four(dialect, prefix, [])),  # the usual one first, at half the price
        (dialect.matches("{v}", V4_LENGTH), _sql_four(dialect, prefix, length)),
        (dialect.matches("{v}", V6), _sql_six(dialect, prefix6, length)),
    ]
    return dialect.when(cases, other)


# --- dates ---


def _day_number(year: int, month: int, day: int) -> int:
    """Days of the proleptic Gregorian calendar since 1970-01-01; year 0 is 1 BC."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468


def _calendar(days: int) -> tuple[int, int, int]:
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day


STAMP = re.compile(r"^(\d{4,7})-(\d\d)-(\d\d)( \d\d:\d\d:\d\d(?:[.]\d+)?(?:[+-]\d\d(?::\d\d){0,2})?)?( BC)?\Z", re.ASCII)


def _date_shift(h: bytes, v: str, options: Options) -> str:
    if v in ("infinity", "-infinity"):
        return v
    found = STAMP.match(v)
    if not found:
        raise MaskingError("date_shift: the value is no ISO date or timestamp.")
    year, month, day = (int(part) for part in found.group(1, 2, 3))
    zero = not year  # MariaDB has a year 0, PostgreSQL has none and writes BC
    if not month or not day or ((year, month, day) == (9999, 12, 31) and not found.group(5)):
        return v
    if month > 12 or day > 31:
        raise MaskingError("date_shift: the value is no ISO date or timestamp.")
    year = 1 - year if found.group(5) else year
    days = (number(h, 0, 3) % option(options, "days", DAYS) + 1) * ((h[3] & 1) * 2 - 1)
    if year >= 9990:
        days = -abs(days)
    if year < 11:
        days = abs(days)
    year, month, day = _calendar(_day_number(year, month, day) + days)
    text = f"{year if year > 0 or zero else 1 - year:04d}-{month:02d}-{day:02d}"
    return text + (found.group(4) or "") + (" BC" if year <= 0 and not zero else "")


def _sql_date_shift(dialect: Dialect, options: Options) -> str:
    sign = dialect.sub(dialect.mul(dialect.mod(dialect.byte(3), 2), 2), 1)
    days = dialect.add(dialect.mod(dialect.number(0, 3), option(options, "days", DAYS)), 1)
    return dialect.shift(dialect.mul(days, sign))


# --- without the hash ---


def _constant(_h: bytes, _v: str, options: Options) -> Optional[str]:
    return str(options["value"])


def _redacted(_h: bytes, _v: str, _options: Options) -> Optional[str]:
    return REDACTED


def _null(_h: bytes, _v: str, _options: Options) -> Optional[str]:
    return None


PLAIN = {
    "uuid": Transformer((TEXT, UUID), _uuid, _sql_uuid, 36, bits=122),
    "token": Transformer(
        (TEXT,),
        _token,
        _sql_token,
        16,
        {"bytes": Option("integer", 8, low=8, high=32, about="half the number of hexadecimal digits")},
        bits=64,
    ),
    "hash": Transformer((TEXT,), lambda h, _v, _o: h.hex(), lambda dialect, _o: dialect.hex(0, 32), 64, bits=256),
    "mac": Transformer((TEXT,), _mac, _sql_mac, 17, bits=40),
    "ip": Transformer(
        (TEXT, IP),
        _ip,
        _sql_ip,
        43,
        {
            "prefix": Option("choice", 16, choices=(0, 8, 16, 24), about="bits of an IPv4 address that stay"),
            "prefix6": Option("choice", 32, choices=(0, 16, 32), about="bits of an IPv6 address that stay"),
        },
        bits=16,
    ),
    "date_shift": Transformer(
        (DATE, TIMESTAMP), _date_shift, _sql_date_shift, options={"days": Option("integer", DAYS, low=1, high=3650, about="the most days")}
    ),
    "text": Transformer((TEXT,), _redacted, lambda _d, _o: literal(REDACTED), len(REDACTED), hashed=False),
    "null": Transformer((ANY,), _null, lambda _d, _o: "null", hashed=False),
    "constant": Transformer((ANY,), _constant, lambda _d, _o: "{constant}", options={"value": Option("scalar", about="the value")}, hashed=False),
}
