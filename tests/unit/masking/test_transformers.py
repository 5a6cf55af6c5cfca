# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import uuid
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import literal, placeholders
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_mysql import MySQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_postgresql import PostgreSQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import (
    KeyTooShort,
    entity_subkey,
    key_id,
    keyed,
    pads,
    permutation_subkey,
    rotated,
    rotation,
    subkey,
)
from ansible_collections.evenkeel.release.plugins.module_utils._masking.permutation import permuted
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TEXT, TRANSFORMERS, MaskingError, option_faults
from hypothesis import given
from hypothesis import strategies as st

KEY = "k" * 16
OTHER = "another-key-of-enough-bytes"
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
TEXTS = sorted(name for name, found in TRANSFORMERS.items() if TEXT in found.families)
NEEDED: dict[str, dict[str, Any]] = {"national_id": {"country": "de"}, "constant": {"value": "x"}}
SIGNS = r"[\x01-\x0f -/]*"  # a value of these alone holds nothing that a shape could hide
BY_ENTITY = {"entity": "4711", "entity_name": "customer"}


def mask(value: str, transformer: str, **words: Any) -> str:
    found = mask_value(value, transformer, key=KEY, **{**NEEDED.get(transformer, {}), **words})
    assert found is not None
    return found


@given(value=VALUES, transformer=st.sampled_from(TEXTS), words=st.sampled_from([{}, BY_ENTITY]))
def test_same_input_same_mask_and_never_the_value(value: str, transformer: str, words: dict[str, str]) -> None:
    found = mask(value, transformer, **words)
    assert found == mask(value, transformer, **words)
    if not re.fullmatch(SIGNS, value) and value != "[redacted]":
        assert found != value
    longest = TRANSFORMERS[transformer].longest
    assert len(found) <= (longest or len(value))


@given(value=VALUES, transformer=st.sampled_from(TEXTS))
def test_a_mask_that_is_masked_again_by_its_entity_moves_on(value: str, transformer: str) -> None:
    """The pick is the same for every value of an entity: a value that is the pick takes the next."""
    if not TRANSFORMERS[transformer].hashed or TRANSFORMERS[transformer].bits >= 39:
        return
    found = mask(value, transformer, **BY_ENTITY)
    if not re.fullmatch(SIGNS, found):
        assert mask(found, transformer, **BY_ENTITY) != found


@pytest.mark.parametrize("transformer", ["email", "token", "hash", "uuid", "iban", "url"])
def test_masks_of_distinct_values_are_distinct(transformer: str) -> None:
    assert len({mask(f"person{number}@mail.example", transformer) for number in range(5000)}) == 5000


@pytest.mark.parametrize("transformer", sorted(TRANSFORMERS))
def test_null_stays_null(transformer: str) -> None:
    assert mask_value(None, transformer, key=KEY, **NEEDED.get(transformer, {})) is None


@pytest.mark.parametrize("transformer", TEXTS)
def test_any_length_is_masked_at_once(transformer: str) -> None:
    for value in ("x" * 2**20, "漢😀" * 2**18, ""):
        assert isinstance(mask(value, transformer), str)


def test_key_domain_and_entity_decide() -> None:
    assert mask_value("Jane", "token", key=OTHER) != mask("Jane", "token")
    assert mask("Jane", "token", domain="person") != mask("Jane", "token")
    assert mask("Jane", "token", domain="token") == mask("Jane", "token")
    one = {"entity": "1", "entity_name": "customer"}
    assert mask("Jane", "token", **one) == mask("John", "token", **one)
    assert mask("Jane", "token", **one) != mask("Jane", "token", **{**one, "entity": "2"})
    assert mask("Jane", "token", **one) != mask("Jane", "token", **{**one, "entity_name": "employee"})
    assert mask("Jane", "token", domain="a", **one) != mask("Jane", "token", domain="b", **one)


def test_the_names_of_an_entity_agree() -> None:
    words = {"domain": "person", **BY_ENTITY}
    assert mask("Jane Doe", "name", **words) == f"{mask('Jane', 'first_name', **words)} {mask('Doe', 'last_name', **words)}"


def luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


@given(value=VALUES, network=st.sampled_from([("visa", "400000"), ("mastercard", "222300")]))
def test_cards_pass_luhn_and_are_of_test_ranges(value: str, network: tuple[str, str]) -> None:
    found = mask(value, "card", network=network[0])
    assert re.fullmatch(network[1] + r"[0-9]{10}", found)
    assert luhn(found)


LENGTHS = {"DE": 22, "AT": 20, "BE": 16, "CH": 21, "DK": 18, "ES": 24, "FI": 18, "FR": 27, "NO": 15, "PL": 28, "PT": 25, "SE": 24}


@given(country=st.sampled_from([*LENGTHS, "GB", "XX", "de", ""]), rest=VALUES)
def test_ibans_pass_modulo_97_and_keep_their_country(country: str, rest: str) -> None:
    found = mask(country + rest, "iban")
    wanted = country if country in LENGTHS else None
    assert wanted in (None, found[:2])
    assert len(found) == LENGTHS[found[:2]]
    assert int("".join(str(int(char, 36)) for char in found[4:] + found[:4])) % 97 == 1


def weighted(text: str, weights: tuple[int, ...]) -> int:
    return sum(weight * int(digit) for weight, digit in zip(weights, text))


def german(found: str) -> bool:
    product = 10
    for digit in found[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    counts = sorted(found[:10].count(digit) for digit in set(found[:10]))
    return found[0] == "0" and counts == [1] * 8 + [2] and (11 - product) % 10 == int(found[10])


NATIONAL = {
    "us": lambda found: bool(re.fullmatch(r"9\d\d-[1-4]\d-[1-9]\d{3}", found)),
    "de": lambda found: bool(re.fullmatch(r"\d{11}", found)) and german(found),
    "fr": lambda found: bool(re.fullmatch(r"[12]\d\d(0[1-9]|1[0-2])99\d{8}", found)) and 97 - int(found[:13]) % 97 == int(found[13:]),
    "es": lambda found: bool(re.fullmatch(r"9\d{7}[A-Z]", found)) and "TRWAGMYFPDXBNJZSQVHLCKE"[int(found[:8]) % 23] == found[8],
    "pl": lambda found: bool(re.fullmatch(r"\d\d(8[1-9]|9[0-2])\d{7}", found)) and weighted(found, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0,
    "gb": lambda found: bool(re.fullmatch(r"QQ\d{6}[A-D]", found)),
}


@pytest.mark.parametrize("country", TRANSFORMERS["national_id"].options["country"].choices)
def test_national_numbers_have_good_check_digits(country: str) -> None:
    found = [mask(str(number), "national_id", country=country) for number in range(3000)]
    assert all(NATIONAL[country](one) for one in found)
    assert len(set(found)) > 2900


def test_a_social_security_number_keeps_its_dashes() -> None:
    assert re.fullmatch(r"\d{9}", mask("123456789", "national_id", country="us"))
    assert re.fullmatch(r"\d{3}-\d\d-\d{4}", mask("123-45-6789", "national_id", country="us"))


@given(value=VALUES)
def test_uuids_are_of_version_4(value: str) -> None:
    found = uuid.UUID(mask(value, "uuid"))
    assert (found.version, found.variant) == (4, uuid.RFC_4122)


@given(value=st.ip_addresses(v=4), prefix=st.sampled_from([0, 8, 16, 24]))
def test_addresses_of_version_4_keep_their_prefix(value: ipaddress.IPv4Address, prefix: int) -> None:
    found = ipaddress.IPv4Address(mask(str(value), "ip", prefix=prefix))
    assert int(found) >> (32 - prefix) == int(value) >> (32 - prefix)


@given(value=st.ip_addresses(v=6), prefix=st.sampled_from([0, 16, 32]))
def test_addresses_of_version_6_keep_their_prefix(value: ipaddress.IPv6Address, prefix: int) -> None:
    found = ipaddress.IPv6Address(mask(str(value), "ip", prefix6=prefix))
    if not str(value).startswith("::"):
        assert int(found) >> (128 - prefix) == int(value) >> (128 - prefix)
    assert found != value


@pytest.mark.parametrize("value", ["10.0.0.0/8", "2001:db8::/32", "nonsense", ""])
def test_networks_and_nonsense(value: str) -> None:
    found = ipaddress.ip_interface(mask(value, "ip"))
    assert found.network.prefixlen == (int(value.partition("/")[2] or 32))


def test_links_stay_links() -> None:
    for scheme in ("https", "http", "ftp", "wss", "ws"):
        assert re.fullmatch(rf"{scheme}://[0-9a-f]{{8}}\.example\.test/[0-9a-f]{{16}}", mask(f"{scheme}://shop.example/a?b=c", "url"))
    assert mask("javascript:x", "url").startswith("https://")


def test_mail_goes_nowhere() -> None:
    assert mask("a@b.example", "email").endswith("@example.test")
    assert mask("a@b.example", "email", host="qa.example.org").endswith("@qa.example.org")
    for host in ("gmail.com", "example.test.evil.com", "x@example.test", "example.test\n", "EXAMPLE.COM"):
        assert option_faults("email", {"host": host})


@given(day=st.dates(datetime.date(11, 1, 1), datetime.date(9989, 12, 31)), days=st.integers(1, 3650))
def test_dates_move_but_never_by_nothing_and_never_too_far(day: datetime.date, days: int) -> None:
    moved = datetime.date.fromisoformat(mask(day.isoformat(), "date_shift", days=days))
    assert 1 <= abs((moved - day).days) <= days


@given(one=st.dates(datetime.date(1900, 1, 1)), other=st.dates(datetime.date(1900, 1, 1), datetime.date(9980, 1, 1)), entity=st.integers())
def test_an_entity_moves_all_its_dates_alike(one: datetime.date, other: datetime.date, entity: int) -> None:
    if one.year > 9980:
        return
    words = {"entity": str(entity), "entity_name": "customer"}
    moved = [datetime.date.fromisoformat(mask(day.isoformat(), "date_shift", **words)) for day in (one, other)]
    assert moved[1] - moved[0] == other - one


@pytest.mark.parametrize("value", ["infinity", "-infinity", "9999-12-31", "9999-12-31 23:59:59.999999+00", "0000-00-00", "2020-00-00"])
def test_what_is_no_day_stays(value: str) -> None:
    assert mask(value, "date_shift") == value


@pytest.mark.parametrize("value", ["4713-11-24 BC", "0001-12-31 BC", "0001-01-01", "9999-12-30", "10000-01-01", "5874897-12-31", "0044-03-15 12:00:00 BC"])
def test_the_ends_of_the_calendar_move_inwards(value: str) -> None:
    for number in range(50):
        found = mask(value, "date_shift", days=3650, entity=str(number), entity_name="e")
        assert re.fullmatch(r"\d{4,7}-\d\d-\d\d( 12:00:00)?( BC)?", found)
        assert not found.startswith("5874898")


@given(value=st.text("0123456789 +-()/.,", max_size=32), words=st.sampled_from([{}, {"unique": True}]))
def test_phones_keep_their_shape(value: str, words: dict[str, bool]) -> None:
    assert re.sub(r"\d", "9", mask(value, "phone", **words)) == re.sub(r"\d", "9", value)


@given(value=st.from_regex(r"\A[A-Z]{1,2}[0-9]{1,2} ?[0-9][a-z]{2}\Z"), transformer=st.sampled_from(["postcode", "digits"]))
def test_postcodes_keep_their_shape(value: str, transformer: str) -> None:
    def shape(text: str) -> str:
        return re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub(r"[0-9]", "9", text)))

    assert shape(mask(value.encode("ascii", "replace").decode(), transformer)) == shape(value)


def test_every_digit_and_letter_of_a_shape_comes_up() -> None:
    seen: dict[int, set[str]] = {}
    for number in range(4000):
        for place, char in enumerate(mask(f"{number:016d}aZ", "digits")):
            seen.setdefault(place, set()).add(char)
    assert all(seen[place] == set("0123456789") for place in range(16))
    assert len(seen[16]) == 26
    assert len(seen[17]) == 26


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_permutations_reach_every_number_once_and_leave_none(digits: int) -> None:
    for domain in ("a", "b"):
        key = permutation_subkey(KEY, domain)
        found = [permuted(key, number, digits) for number in range(10**digits)]
        assert sorted(found) == list(range(10**digits))
        assert all(number != other for number, other in enumerate(found))


@given(values=st.lists(st.from_regex(r"\A[0-9 +-]{1,24}\Z"), unique=True, max_size=30))
def test_a_unique_mask_is_unique(values: list[str]) -> None:
    short = [value for value in values if len(re.sub("[^0-9]", "", value)) <= 18]
    assert len({mask(value, "phone", unique=True) for value in short}) == len(short)


@pytest.mark.parametrize("name", sorted(TRANSFORMERS))
@pytest.mark.parametrize("dialect", [PostgreSQL, MySQL])
def test_templates_ask_for_what_statements_have(name: str, dialect: Any) -> None:
    made = dialect(rotation=24)
    template = TRANSFORMERS[name].sql(made, NEEDED.get(name, {}))
    assert placeholders(template) <= {"h", "v", "s", "constant", *made.lets}
    assert "%" not in template
    for text in made.lets.values():
        assert placeholders(text) <= {"h", "v"}
    unique = "unique" in TRANSFORMERS[name].options and not TRANSFORMERS[name].unique_bits
    if unique:
        assert placeholders(TRANSFORMERS[name].sql(dialect(), {"unique": True})) == {"v", "k"}


def test_literals_are_ours_alone() -> None:
    assert literal("it's {x}") == "'it''s {{x}}'"
    for text in ("\\", "é"):
        with pytest.raises(ValueError, match="plain ASCII"):
            literal(text)


@pytest.mark.parametrize(
    ("transformer", "options", "said"),
    [
        ("nmae", {}, "There is no transformer 'nmae'; there are card"),
        ("email", {"days": 3}, "email has no option 'days'; it has host"),
        ("city", {"days": 3}, "city has no option 'days'; it has none"),
        ("constant", {}, "constant needs the option 'value'"),
        ("national_id", {}, "national_id needs the option 'country': one of us, de"),
        ("national_id", {"country": "xx"}, "national_id: country must be one of us, de"),
        ("date_shift", {"days": 0}, "days must be a whole number from 1 to 3650"),
        ("date_shift", {"days": [1]}, "days must be a whole number"),
        ("date_shift", {"days": True}, "days must be a whole number from 1 to 3650"),
        ("ip", {"prefix": 12}, "ip: prefix must be one of 0, 8, 16, 24"),
        ("phone", {"unique": "yes"}, "phone: unique must be true"),
        ("date_shift", {}, "the value is no ISO date"),
        ("token", {"entity": "7"}, "entity, the text of its key, and entity_name"),
    ],
)
def test_faults_name_the_fault_and_never_the_value(transformer: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(MaskingError, match=re.escape(said)) as caught:
        mask_value("01/02/1999", transformer, key=KEY, **options)
    assert "01/02/1999" not in str(caught.value)


def test_short_keys_are_refused_without_showing_them() -> None:
    with pytest.raises(KeyTooShort, match="has 5 bytes; at least 16") as caught:
        mask_value(None, "email", key="short")
    assert "short" not in str(caught.value)


def test_pads_make_hmac() -> None:
    secret = subkey(KEY, "email")
    inner, outer = pads(secret)
    assert hashlib.sha256(outer + hashlib.sha256(inner + b"value").digest()).digest() == keyed(secret, "value")


def test_no_two_purposes_share_a_subkey() -> None:
    found = {subkey(KEY, "a"), entity_subkey(KEY, "a"), permutation_subkey(KEY, "a"), subkey(OTHER, "a"), subkey(KEY, "b")}
    assert len(found) == 5
    assert key_id(KEY) not in (KEY, subkey(KEY, "key-id").hex()[:16])
    assert key_id(KEY) != key_id(OTHER)


def test_rotations_never_split_eight_bytes() -> None:
    assert {rotation(f"domain {number}") for number in range(500)} == set(range(25))
    assert rotated(bytes(range(32)), 24)[:8] == bytes(range(24, 32))


@pytest.mark.parametrize("words", ["FIRST_NAMES", "LAST_NAMES", "STREETS", "CITIES"])
def test_lists_can_be_picked_from_by_bits(words: str) -> None:
    found = getattr(dictionaries, words)
    assert len(found) & (len(found) - 1) == 0
    assert len(set(found)) == len(found)
