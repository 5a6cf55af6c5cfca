# SPDX-License-Identifier: GPL-3.0-or-later
"""Transformers that pick words: a byte of the hash is the place in a list; a pick that equals the value takes the next."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import Dialect, literal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_kinds import (
    SQL,
    TEXT,
    Option,
    Options,
    Python,
    Transformer,
    number,
    option,
)

HOUSES = 999
FORMS = ("AG", "BV", "Co", "GmbH", "Group", "Holding", "Inc", "KG", "LLC", "Ltd", "Partners", "PLC", "SA", "SE", "SpA", "Trust")
SHORT, LONG = 4, 7  # bytes of the hash in a user's name


def _at(words: Sequence[str], byte: int, step: int = 0) -> str:
    return words[(byte + step) & (len(words) - 1)]


def _pick(dialect: Dialect, words: Sequence[str], byte: int, step: int = 0, after: str = "") -> str:
    index = dialect.byte(byte)
    index = dialect.both(dialect.add(index, step) if step else index, len(words) - 1)
    return dialect.pick([word + after for word in words], index)


def _one(words: Sequence[str], byte: int) -> tuple[Python, SQL]:
    def python(h: bytes, v: str, _options: Options) -> str:
        found = _at(words, h[byte])
        return found if found != v else _at(words, h[byte], 1)

    def text(dialect: Dialect, _options: Options) -> str:
        return dialect.unless(_pick(dialect, words, byte), _pick(dialect, words, byte, 1))

    return python, text


def _name(h: bytes, v: str, _options: Options) -> str:
    last = _at(dictionaries.LAST_NAMES, h[1])
    found = f"{_at(dictionaries.FIRST_NAMES, h[0])} {last}"
    return found if found != v else f"{_at(dictionaries.FIRST_NAMES, h[0], 1)} {last}"


def _sql_name(dialect: Dialect, _options: Options) -> str:
    last = _pick(dialect, dictionaries.LAST_NAMES, 1)
    first, second = (dialect.concat(_pick(dialect, dictionaries.FIRST_NAMES, 0, step, " "), last) for step in (0, 1))
    return dialect.unless(first, second)


def _street(h: bytes, v: str, _options: Options) -> str:
    house = number(h, 3, 3) % HOUSES
    street = _at(dictionaries.STREETS, h[2])
    found = f"{house + 1} {street}"
    return found if found != v else f"{house + 1001} {street}"


def _sql_street(dialect: Dialect, _options: Options) -> str:
    house = dialect.mod(dialect.number(3, 3), HOUSES)
    index = dialect.both(dialect.byte(2), len(dictionaries.STREETS) - 1)
    street = dialect.pick([" " + word for word in dictionaries.STREETS], index)
    first, second = (dialect.concat(dialect.text(dialect.add(house, more)), street) for more in (1, 1001))
    return dialect.unless(first, second)


def _company(h: bytes, v: str, _options: Options) -> str:
    first, second = _at(dictionaries.LAST_NAMES, h[0]), _at(dictionaries.LAST_NAMES, h[1])
    found = f"{first} & {second} {_at(FORMS, h[2])}"
    return found if found != v else f"{first} & {second} {_at(FORMS, h[2], 1)}"


def _sql_company(dialect: Dialect, _options: Options) -> str:
    first = _pick(dialect, dictionaries.LAST_NAMES, 0, after=" & ")
    second = _pick(dialect, dictionaries.LAST_NAMES, 1, after=" ")
    return dialect.unless(*(dialect.concat(first, second, _pick(dialect, FORMS, 2, step)) for step in (0, 1)))


USERS = tuple(word.lower() for word in dictionaries.FIRST_NAMES)


def _username(h: bytes, _v: str, options: Options) -> str:
    length = LONG if option(options, "unique", False) else SHORT
    return _at(USERS, h[0]) + h[1 : 1 + length].hex()


def _sql_username(dialect: Dialect, options: Options) -> str:
    length = LONG if option(options, "unique", False) else SHORT
    return dialect.concat(_pick(dialect, USERS, 0), dialect.hex(1, length))


def _email(h: bytes, _v: str, options: Options) -> str:
    return h[:8].hex() + "@" + str(option(options, "host", dictionaries.HOST))


def _sql_email(dialect: Dialect, options: Options) -> str:
    return dialect.concat(dialect.hex(0, 8), literal("@" + option(options, "host", dictionaries.HOST)))


SCHEMES = ("https://", "http://", "ftp://", "wss://", "ws://")


def _url(h: bytes, v: str, _options: Options) -> str:
    scheme = next((scheme for scheme in SCHEMES if v.startswith(scheme)), SCHEMES[0])
    return f"{scheme}{h[:4].hex()}.{dictionaries.HOST}/{h[4:12].hex()}"


def _sql_url(dialect: Dialect, _options: Options) -> str:
    cases = [(dialect.same(dialect.cut("{v}", 1, len(scheme)), literal(scheme)), literal(scheme)) for scheme in SCHEMES[1:]]
    scheme = dialect.when(cases, literal(SCHEMES[0]))
    return dialect.concat(scheme, dialect.hex(0, 4), literal(f".{dictionaries.HOST}/"), dialect.hex(4, 8))


def _longest(*lists: Sequence[str]) -> int:
    return sum(max(map(len, words)) for words in lists)


FIRST, LAST = dictionaries.FIRST_NAMES, dictionaries.LAST_NAMES
HOSTS = r"([a-z0-9-]+[.])*(example[.](com|net|org)|[a-z0-9-]+[.](test|example|invalid))"
WORDS = {
    "name": Transformer((TEXT,), _name, _sql_name, _longest(FIRST, LAST) + 1, bits=14),
    "first_name": Transformer((TEXT,), *_one(FIRST, 0), longest=_longest(FIRST), bits=7),
    "last_name": Transformer((TEXT,), *_one(LAST, 1), longest=_longest(LAST), bits=7),
    "city": Transformer((TEXT,), *_one(dictionaries.CITIES, 2), longest=_longest(dictionaries.CITIES), bits=6),
    "street": Transformer((TEXT,), _street, _sql_street, _longest(dictionaries.STREETS) + 5, bits=16),
    "company": Transformer((TEXT,), _company, _sql_company, _longest(LAST, LAST, FORMS) + 4, bits=18),
    "username": Transformer(
        (TEXT,),
        _username,
        _sql_username,
        _longest(FIRST) + 2 * SHORT,
        {"unique": Option("flag", False, about="63 bits instead of 39")},
        bits=39,
        unique_bits=63,
    ),
    "email": Transformer(
        (TEXT,),
        _email,
        _sql_email,
        17 + len(dictionaries.HOST),
        {"host": Option("text", dictionaries.HOST, high=40, pattern=HOSTS, about="the part after the @, of a domain that RFC 2606 reserves")},
        bits=64,
    ),
    "url": Transformer((TEXT,), _url, _sql_url, 8 + 8 + 1 + len(dictionaries.HOST) + 17, bits=96),
}
