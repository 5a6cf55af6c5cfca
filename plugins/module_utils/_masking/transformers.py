# SPDX-License-Identifier: GPL-3.0-or-later
"""Version 1 of every transformer, twice: in Python and as SQL of built-in functions. Tests prove the two equal.

A SQL text is a template: {h} is the keyed hash (bytea), {v} the value (text) and {b} the value's bytes in UTF-8, all NULL when
the value is NULL. Each costs a step of the server per row and per mention, so a text mentions them no more often than it must.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries

TEXT = "text"
UUID = "uuid"
DATE = "date"
TIMESTAMP = "timestamp"
ANY = "any"

PHONE_POSITIONS = 24
POSTCODE_POSITIONS = 12
REDACTED = "[redacted]"
MASK_DOMAIN = "example.test"  # RFC 2606: never a real mailbox

DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
FROM = DIGITS + UPPER + LOWER
# Each digit and letter becomes the next one: the way out when a mask happens to equal its value.
TO = DIGITS[1:] + DIGITS[0] + UPPER[1:] + UPPER[0] + LOWER[1:] + LOWER[0]
NEXT = str.maketrans(FROM, TO)

Options = Mapping[str, Any]


class MaskingError(ValueError):
    """The value or the options don't suit the transformer; the text never holds the value."""


class Transformer(NamedTuple):
    families: tuple[str, ...]
    python: Callable[[bytes, str, Options], Optional[str]]
    sql: Callable[[Options], str]
    longest: int = 0  # characters of the longest result; 0: as long as the value
    options: tuple[str, ...] = ()
    hashed: bool = True  # False: the result doesn't depend on the value


def _number(h: bytes, start: int) -> int:
    return h[start] << 16 | h[start + 1] << 8 | h[start + 2]


def _sql_number(start: int) -> str:
    # Shifts and ors have one precedence in PostgreSQL: every step needs its parentheses.
    return f"((get_byte({{h}},{start})<<16)|(get_byte({{h}},{start + 1})<<8)|get_byte({{h}},{start + 2}))"


def _words(words: Sequence[str]) -> str:
    return f"('{json.dumps(list(words), separators=(',', ':'))}'::jsonb)"


def _sql_pick(words: Sequence[str], byte: int, step: int = 0) -> str:
    index = f"get_byte({{h}},{byte})" + (f"+{step}" if step else "")
    return f"({_words(words)}->>(({index})&{len(words) - 1}))"


def _pick(words: Sequence[str], byte: int, step: int = 0) -> str:
    return words[(byte + step) & (len(words) - 1)]


def _sql_unless_equal(first: str, second: str) -> str:
    # COLLATE "C": two texts are the same only when their bytes are, whatever the column's collation says.
    # NULLIF computes the first once, COALESCE the second only when it's needed.
    return f'coalesce(nullif({first}, {{v}} collate "C"), {second})'


def _one_word(words: Sequence[str], byte: int) -> tuple[Callable[..., str], Callable[..., str]]:
    def python(h: bytes, v: str, _options: Options) -> str:
        found = _pick(words, h[byte])
        return found if found != v else _pick(words, h[byte], 1)

    def text(_options: Options) -> str:
        return _sql_unless_equal(_sql_pick(words, byte), _sql_pick(words, byte, 1))

    return python, text


def _name(h: bytes, v: str, _options: Options) -> str:
    last = _pick(dictionaries.LAST_NAMES, h[1])
    found = f"{_pick(dictionaries.FIRST_NAMES, h[0])} {last}"
    return found if found != v else f"{_pick(dictionaries.FIRST_NAMES, h[0], 1)} {last}"


def _sql_name(_options: Options) -> str:
    last = _sql_pick(dictionaries.LAST_NAMES, 1)
    first, second = (f"({_sql_pick(dictionaries.FIRST_NAMES, 0, step)}||' '||{last})" for step in (0, 1))
    return _sql_unless_equal(first, second)


def _street(h: bytes, v: str, _options: Options) -> str:
    number = _number(h, 3) % 999
    street = _pick(dictionaries.STREETS, h[2])
    found = f"{number + 1} {street}"
    return found if found != v else f"{(number + 1) % 999 + 1} {street}"


def _sql_street(_options: Options) -> str:
    street = _sql_pick(dictionaries.STREETS, 2)
    number = f"{_sql_number(3)}%999"
    return _sql_unless_equal(f"(({number}+1)::text||' '||{street})", f"((({number}+1)%999+1)::text||' '||{street})")


def _shape(positions: int, *, letters: bool) -> tuple[Callable[..., str], Callable[..., str]]:
    """Each digit (and letter) gives way to one of the hash; punctuation stays; everything else is hidden."""

    def character(byte: int, code: int) -> str:
        if 48 <= code <= 57:
            return chr(48 + byte % 10)
        if letters and 65 <= code <= 90:
            return chr(65 + byte % 26)
        if letters and 97 <= code <= 122:
            return chr(97 + byte % 26)
        return chr(code) if code == 32 or 40 <= code <= 47 else "x"

    def python(h: bytes, v: str, _options: Options) -> str:
        found = "".join(character(h[place], ord(code)) for place, code in enumerate(v[:positions]))
        found += "0" * (len(v) - positions)
        return found if found != v else found.translate(NEXT)

    def kind(code: str, char: str, byte: str) -> str:
        cases = f"when {code}<48 then case when {code}>=40 or {code}=32 then {char} else 'x' end when {code}<58 then chr(48+{byte}%10)"
        if letters:
            cases += f" when {code} between 65 and 90 then chr(65+{byte}%26) when {code} between 97 and 122 then chr(97+{byte}%26)"
        return f"(case {cases} else 'x' end)"

    def text(_options: Options) -> str:
        plain, wide = "''", "''"
        for place in reversed(range(positions)):
            byte, code, char = f"get_byte({{h}},{place})", f"get_byte({{b}},{place})", f"substr({{v}},{place + 1},1)"
            plain = f"case when octet_length({{b}})<={place} then '' else {kind(code, f'chr({code})', byte)}||{plain} end"
            wide = f"case when length({{v}})<={place} then '' else {kind(f'ascii({char})', char, byte)}||{wide} end"
        # Where a character is a byte, its place is known; otherwise the server must count from the start each time.
        found = f"(case when octet_length({{b}})=length({{v}}) then {plain} else {wide} end||repeat('0',length({{v}})-{positions}))"
        return _sql_unless_equal(found, f"translate({{v}},'{FROM}','{TO}')")

    return python, text


def _hex(length: int, *, before: str = "", after: str = "") -> tuple[Callable[..., str], Callable[..., str]]:
    def python(h: bytes, _v: str, _options: Options) -> str:
        return before + h[:length].hex() + after

    def text(_options: Options) -> str:
        return f"('{before}'||encode(substr({{h}},1,{length}),'hex')||'{after}')"

    return python, text


def _uuid(h: bytes, _v: str, _options: Options) -> str:
    text = h[:16].hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[h[8] & 3]}{text[17:20]}-{text[20:32]}"


def _sql_uuid(_options: Options) -> str:
    def part(start: int, length: int) -> str:
        return f"substr(encode({{h}},'hex'),{start + 1},{length})"

    variant = "substr('89ab',(get_byte({h},8)&3)+1,1)"
    return f"({part(0, 8)}||'-'||{part(8, 4)}||'-4'||{part(13, 3)}||'-'||{variant}||{part(17, 3)}||'-'||{part(20, 12)})"


CARD_PREFIX = "4539"
CARD_PREFIX_SUM = 28  # Luhn: 4 and 3 are doubled, 5 and 9 are not
CARD_DIGITS = 11


def _luhn_double(digit: int) -> int:
    return digit * 2 // 10 + digit * 2 % 10


def _card(h: bytes, _v: str, _options: Options) -> str:
    digits = [h[place] % 10 for place in range(CARD_DIGITS)]
    total = CARD_PREFIX_SUM + sum(d if place % 2 else _luhn_double(d) for place, d in enumerate(digits))
    return CARD_PREFIX + "".join(map(str, digits)) + str((10 - total % 10) % 10)


def _sql_card(_options: Options) -> str:
    digits = [f"(get_byte({{h}},{place})%10)" for place in range(CARD_DIGITS)]
    summed = [d if place % 2 else f"({d}*2/10+{d}*2%10)" for place, d in enumerate(digits)]
    total = f"({CARD_PREFIX_SUM}+{'+'.join(summed)})"
    return f"('{CARD_PREFIX}'||{'||'.join(f'{d}::text' for d in digits)}||((10-{total}%10)%10)::text)"


def _iban(h: bytes, _v: str, _options: Options) -> str:
    account = (_number(h, 0) % 10**6) * 10**12 + (_number(h, 3) % 10**6) * 10**6 + _number(h, 6) % 10**6
    # ISO 13616: the check digits make (account, then DE00 as digits) congruent to 1 modulo 97.
    check = 98 - (account % 97 * 10**6 + 131400) % 97
    return f"DE{check:02d}{account:018d}"


def _sql_iban(_options: Options) -> str:
    parts = [f"({_sql_number(start)}%1000000)" for start in (0, 3, 6)]
    account = f"({parts[0]}*1000000000000::bigint+{parts[1]}*1000000::bigint+{parts[2]})"
    check = f"(98-({account}%97*1000000+131400)%97)"
    return f"('DE'||lpad({check}::text,2,'0')||lpad({account}::text,18,'0'))"


def _days(options: Options) -> int:
    days = options.get("days", 30)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 3650:
        raise MaskingError("date_shift: days must be a whole number from 1 to 3650.")
    return days


def _date_shift(h: bytes, v: str, options: Options) -> str:
    if v in ("infinity", "-infinity"):
        return v
    days = _days(options)
    shift = _number(h, 0) % (2 * days) - days
    shift += shift >= 0
    try:
        moved = datetime.date(int(v[:4]), int(v[5:7]), int(v[8:10])) + datetime.timedelta(days=shift)
    except (ValueError, OverflowError):
        raise MaskingError("date_shift: the value is no ISO date or timestamp of the years 1 to 9999.") from None
    if v[4:5] + v[7:8] != "--" or v[10:11] not in ("", " "):
        raise MaskingError("date_shift: the value isn't written as PostgreSQL does with DateStyle ISO.")
    return moved.isoformat() + v[10:]


def _sql_date_shift(options: Options) -> str:
    days = _days(options)
    shift = f"({_sql_number(0)}%{2 * days}-{days})"
    return f"({shift}+case when {shift}>=0 then 1 else 0 end)"


def _constant(_h: bytes, _v: str, options: Options) -> str:
    return str(options["value"])


FIRST = _one_word(dictionaries.FIRST_NAMES, 0)
LAST = _one_word(dictionaries.LAST_NAMES, 1)
CITY = _one_word(dictionaries.CITIES, 2)
PHONE = _shape(PHONE_POSITIONS, letters=False)
POSTCODE = _shape(POSTCODE_POSITIONS, letters=True)


def _longest(*lists: Sequence[str]) -> int:
    return sum(max(map(len, words)) for words in lists)


TRANSFORMERS: dict[str, Transformer] = {
    "name": Transformer((TEXT,), _name, _sql_name, _longest(dictionaries.FIRST_NAMES, dictionaries.LAST_NAMES) + 1),
    "first_name": Transformer((TEXT,), *FIRST, longest=_longest(dictionaries.FIRST_NAMES)),
    "last_name": Transformer((TEXT,), *LAST, longest=_longest(dictionaries.LAST_NAMES)),
    "email": Transformer((TEXT,), *_hex(8, before="u_", after="@" + MASK_DOMAIN), longest=19 + len(MASK_DOMAIN)),
    "phone": Transformer((TEXT,), *PHONE),
    "street": Transformer((TEXT,), _street, _sql_street, _longest(dictionaries.STREETS) + 4),
    "city": Transformer((TEXT,), *CITY, longest=_longest(dictionaries.CITIES)),
    "postcode": Transformer((TEXT,), *POSTCODE),
    "date_shift": Transformer((DATE, TIMESTAMP), _date_shift, _sql_date_shift, options=("days",)),
    "card": Transformer((TEXT,), _card, _sql_card, 16),
    "iban": Transformer((TEXT,), _iban, _sql_iban, 22),
    "uuid": Transformer((TEXT, UUID), _uuid, _sql_uuid, 36),
    "token": Transformer((TEXT,), *_hex(8), longest=16),
    "hash": Transformer((TEXT,), *_hex(32), longest=64),
    "text": Transformer((TEXT,), lambda _h, _v, _o: REDACTED, lambda _o: f"'{REDACTED}'", len(REDACTED), hashed=False),
    "null": Transformer((ANY,), lambda _h, _v, _o: None, lambda _o: "null", hashed=False),
    "constant": Transformer((ANY,), _constant, lambda _o: "{constant}", options=("value",), hashed=False),
}
