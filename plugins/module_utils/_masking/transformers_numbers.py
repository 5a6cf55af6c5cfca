# SPDX-License-Identifier: GPL-3.0-or-later
"""Transformers that make numbers whose check digits hold: cards, bank accounts, national numbers."""

from __future__ import annotations

from typing import Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import Dialect, literal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_kinds import (
    TEXT,
    Option,
    Options,
    Transformer,
    number,
    option,
)

ENTROPY = 7  # bytes of the hash that every number comes from


def _draw(dialect: Dialect, count: int) -> str:
    return dialect.let(dialect.mod(dialect.number(0, ENTROPY), count))


# --- cards ---

NETWORKS = {"visa": "400000", "mastercard": "222300"}  # prefixes of the networks' own test cards
CARDS = 10**9


def luhn_sum(digits: str, *, doubled: bool) -> int:
    """Of digits from the left, the first one doubled or not."""
    total = 0
    for digit in map(int, digits):
        total += digit * 2 - 9 * (digit > 4) if doubled else digit
        doubled = not doubled
    return total


# Luhn's sums of all groups of three digits that begin at a doubled place, and at another.
DOUBLED = bytes(luhn_sum(f"{group:03d}", doubled=True) for group in range(1000))
PLAIN = bytes(luhn_sum(f"{group:03d}", doubled=False) for group in range(1000))


def _card(h: bytes, v: str, options: Options) -> str:
    prefix = NETWORKS[option(options, "network", "visa")]

    def whole(drawn: int) -> str:
        digits = f"{prefix}{drawn:09d}"
        return digits + str(luhn_sum(digits, doubled=True) * 9 % 10)

    drawn = number(h, 0, ENTROPY) % CARDS
    found = whole(drawn)
    return found if found != v else whole((drawn + 1) % CARDS)


def _sql_card(dialect: Dialect, options: Options) -> str:
    prefix = NETWORKS[option(options, "network", "visa")]
    drawn = dialect.let(dialect.small(dialect.mod(dialect.number(0, ENTROPY), CARDS)))

    def whole(drawn: str) -> str:
        first = dialect.lookup(DOUBLED, dialect.div(drawn, 10**6))
        second = dialect.lookup(PLAIN, dialect.mod(dialect.div(drawn, 1000), 1000))
        third = dialect.lookup(DOUBLED, dialect.mod(drawn, 1000))
        total = dialect.add(first, second, third, luhn_sum(prefix, doubled=True))
        check = dialect.mod(dialect.mul(total, 9), 10)
        return dialect.text(dialect.add(int(prefix) * 10**10, dialect.mul(dialect.big(drawn), 10), check))

    return dialect.unless(whole(drawn), whole(dialect.mod(dialect.add(drawn, 1), CARDS)))


# --- bank accounts ---

ACCOUNTS = 10**17
ACCOUNT_DIGITS = 18
# Digits of a national account number where it has digits only; every other country becomes DE.
COUNTRIES = {"DE": 18, "AT": 16, "BE": 12, "CH": 17, "DK": 14, "ES": 20, "FI": 14, "FR": 23, "NO": 11, "PL": 24, "PT": 21, "SE": 20}


def _check_of(country: str) -> int:
    return int("".join(str(ord(letter) - 55) for letter in country) + "00")


def _account(drawn: int, digits: int) -> tuple[int, str]:
    """(the number, its text): never a zero at its begin, at most 18 digits drawn."""
    width = min(digits, ACCOUNT_DIGITS)
    account = 10 ** (width - 1) + drawn % (9 * 10 ** (width - 1))
    return account, str(account) + "0" * (digits - width)


def _iban(h: bytes, v: str, _options: Options) -> str:
    country = v[:2] if v[:2] in COUNTRIES else "DE"
    digits = COUNTRIES[country]

    def whole(drawn: int) -> str:
        account, text = _account(drawn, digits)
        zeros = digits - min(digits, ACCOUNT_DIGITS)
        # ISO 13616: the check digits make (account, country, check as digits) congruent to 1 modulo 97.
        check = 98 - (account % 97 * (10 ** (6 + zeros) % 97) + _check_of(country)) % 97
        return f"{country}{check:02d}{text}"

    drawn = number(h, 0, ENTROPY)
    found = whole(drawn)
    return found if found != v else whole(drawn + 1)


def _sql_iban(dialect: Dialect, _options: Options) -> str:
    drawn = dialect.number(0, ENTROPY)

    def whole(country: str, step: int) -> str:
        digits = COUNTRIES[country]
        width = min(digits, ACCOUNT_DIGITS)
        rest = dialect.mod(dialect.add(drawn, step) if step else drawn, 9 * 10 ** (width - 1))
        account = dialect.add(10 ** (width - 1), rest)
        if country == "DE":
            account = dialect.let(account)
        factor = 10 ** (6 + digits - width) % 97
        check = dialect.mod(dialect.add(dialect.mul(dialect.mod(account, 97), factor), _check_of(country) % 97), 97)
        index = dialect.small(check)
        begin = dialect.pick([f"{country}{98 - rest:02d}" for rest in range(97)], index)
        return dialect.concat(begin, dialect.text(account), *([literal("0" * (digits - width))] if digits > width else []))

    def chosen(step: int) -> str:
        begin = dialect.cut("{v}", 1, 2)
        others = [(dialect.same(begin, literal(country)), whole(country, step)) for country in COUNTRIES if country != "DE"]
        common = (dialect.same(begin, literal("DE")), whole("DE", step))
        return dialect.when([common, *others], whole("DE", step))

    return dialect.unless(chosen(0), dialect.rarely(lambda: chosen(1)))


# --- national numbers ---


class National(NamedTuple):
    """Of a drawn number below `many`, the text in Python and in SQL."""

    many: int
    python: Callable[[int, str], str]
    sql: Callable[[Dialect, str], str]
    longest: int


def _us(drawn: int, v: str) -> str:
    # 900-999 was never an area of a social security number, and 10-49 never a group of the tax numbers that use these areas.
    parts = (str(900 + drawn // 360000), str(10 + drawn // 9000 % 40), str(1000 + drawn % 9000))
    return ("" if len(v.encode()) == 9 else "-").join(parts)


def _sql_us(dialect: Dialect, drawn: str) -> str:
    area = dialect.add(900, dialect.div(drawn, 360000))
    group = dialect.add(10, dialect.mod(dialect.div(drawn, 9000), 40))
    serial = dialect.add(1000, dialect.mod(drawn, 9000))
    bare = dialect.text(dialect.add(dialect.mul(area, 10**6), dialect.mul(group, 10**4), serial))
    dashed = dialect.concat(dialect.text(area), dialect.minus(group), dialect.minus(serial))
    return dialect.when([(f"{dialect.octets()}=9", bare)], dashed)


def _fr(drawn: int, _v: str) -> str:
    # Born abroad (99): sex, year, month, 99, country, order.
    order, rest = drawn % 10**6, drawn // 10**6
    month, rest = rest % 12 + 1, rest // 12
    number13 = (rest // 100 + 1) * 10**12 + rest % 100 * 10**10 + month * 10**8 + 99 * 10**6 + order
    return f"{number13}{97 - number13 % 97:02d}"


def _sql_fr(dialect: Dialect, drawn: str) -> str:
    order, months = dialect.mod(drawn, 10**6), dialect.div(drawn, 10**6)
    month = dialect.add(dialect.mod(months, 12), 1)
    rest = dialect.div(months, 12)
    parts = [dialect.mul(dialect.add(dialect.div(rest, 100), 1), 10**12), dialect.mul(dialect.mod(rest, 100), 10**10)]
    number13 = dialect.add(*parts, dialect.mul(month, 10**8), 99 * 10**6, order)
    return dialect.concat(dialect.text(number13), dialect.padded(dialect.sub(97, dialect.mod(number13, 97)), 2))


SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"


def _es(drawn: int, _v: str) -> str:
    return f"{90000000 + drawn}{SPANISH[(90000000 + drawn) % 23]}"


def _sql_es(dialect: Dialect, drawn: str) -> str:
    found = dialect.add(90000000, drawn)
    return dialect.concat(dialect.text(found), dialect.pick(SPANISH, dialect.small(dialect.mod(found, 23))))


POLISH = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
# The weighted sums of two digits.
PAIR_13, PAIR_79 = (bytes(first * (pair // 10) + second * (pair % 10) for pair in range(100)) for first, second in ((1, 3), (7, 9)))


def _pesel(drawn: int) -> int:
    serial, rest = drawn % 10**4, drawn // 10**4
    day, rest = rest % 28 + 1, rest // 28
    # Months 81 to 92 are those of the nineteenth century: nobody of then lived when the register began.
    return rest // 12 * 10**8 + (81 + rest % 12) * 10**6 + day * 10**4 + serial


def _pl(drawn: int, _v: str) -> str:
    found = f"{_pesel(drawn):010d}"
    return found + str(-sum(weight * int(digit) for weight, digit in zip(POLISH, found)) % 10)


def _sql_pl(dialect: Dialect, drawn: str) -> str:
    days = dialect.div(drawn, 10**4)
    months = dialect.div(days, 28)
    year, month, day = dialect.div(months, 12), dialect.mod(months, 12), dialect.add(dialect.mod(days, 28), 1)
    serial = dialect.mod(drawn, 10**4)
    pairs = ((PAIR_13, year), (PAIR_79[81:93], month), (PAIR_13, day), (PAIR_79, dialect.div(serial, 100)), (PAIR_13, dialect.mod(drawn, 100)))
    total = dialect.add(*(dialect.lookup(table, dialect.small(pair)) for table, pair in pairs))
    check = dialect.mod(dialect.mul(total, 9), 10)
    parts = [dialect.mul(dialect.big(year), 10**9), dialect.mul(dialect.big(dialect.add(81, month)), 10**7)]
    parts += [dialect.mul(day, 10**5), dialect.mul(serial, 10), check]
    return dialect.padded(dialect.add(*parts), 11)


def _tax_id(drawn: int) -> str:
    first, rest = drawn % 1920, drawn // 1920
    second, swap = rest % 144, rest // 144
    split = first // 120
    halves = (dictionaries.TAX_FIVES[first], dictionaries.TAX_FOURS[split * 144 + second])
    return "0" + "".join(halves[::-1] if swap else halves)


def _de(drawn: int, _v: str) -> str:
    found = _tax_id(drawn)
    product = 10
    for digit in map(int, found):
        product = ((digit + product - 1) % 10 + 1) * 2 % 11
    return found + str((11 - product) % 10)


def _sql_de(dialect: Dialect, drawn: str) -> str:
    first, rest = dialect.mod(drawn, 1920), dialect.div(drawn, 1920)
    place = dialect.add(dialect.mul(dialect.div(first, 120), 144), dialect.mod(rest, 144))
    fives = dialect.pick(dictionaries.TAX_FIVES, dialect.small(first))
    fours = dialect.pick(dictionaries.TAX_FOURS, dialect.small(place))
    swapped = dialect.div(rest, 144)
    digits = dialect.let(dialect.integer(dialect.when([(f"{swapped}=1", dialect.concat(fours, fives))], dialect.concat(fives, fours))))
    product = "9"  # after the leading zero
    for power in reversed(range(9)):
        digit = dialect.mod(dialect.div(digits, 10**power), 10)
        product = dialect.mod(dialect.mul(dialect.add(dialect.mod(dialect.add(digit, product, -1), 10), 1), 2), 11)
    check = dialect.mod(dialect.sub(11, product), 10)
    return dialect.padded(dialect.add(dialect.mul(digits, 10), check), 11)


def _gb(drawn: int, _v: str) -> str:
    return f"QQ{100000 + drawn // 4}{'ABCD'[drawn % 4]}"


def _sql_gb(dialect: Dialect, drawn: str) -> str:
    digits = dialect.text(dialect.add(100000, dialect.div(drawn, 4)))
    return dialect.concat(literal("QQ"), digits, dialect.pick("ABCD", dialect.small(dialect.mod(drawn, 4))))


NATIONAL = {
    "us": National(100 * 40 * 9000, _us, _sql_us, 11),
    "de": National(1920 * 144 * 2, _de, _sql_de, 11),
    "fr": National(2 * 100 * 12 * 10**6, _fr, _sql_fr, 15),
    "es": National(10**7, _es, _sql_es, 9),
    "pl": National(70 * 12 * 28 * 10**4, _pl, _sql_pl, 11),
    "gb": National(900000 * 4, _gb, _sql_gb, 9),
}


def _national(h: bytes, v: str, options: Options) -> str:
    kind = NATIONAL[options["country"]]
    drawn = number(h, 0, ENTROPY) % kind.many
    found = kind.python(drawn, v)
    return found if found != v else kind.python((drawn + 1) % kind.many, v)


def _sql_national(dialect: Dialect, options: Options) -> str:
    kind = NATIONAL[options["country"]]
    drawn = _draw(dialect, kind.many)
    following = dialect.mod(dialect.add(drawn, 1), kind.many)
    return dialect.unless(kind.sql(dialect, drawn), dialect.rarely(lambda: kind.sql(dialect, following)))


NUMBERS = {
    "card": Transformer((TEXT,), _card, _sql_card, 16, {"network": Option("choice", "visa", choices=tuple(NETWORKS), about="whose test cards")}, bits=29),
    "iban": Transformer((TEXT,), _iban, _sql_iban, 28, bits=56),
    "national_id": Transformer(
        (TEXT,),
        _national,
        _sql_national,
        15,
        {"country": Option("choice", choices=tuple(NATIONAL), about="whose numbers")},
        bits=22,
    ),
}
