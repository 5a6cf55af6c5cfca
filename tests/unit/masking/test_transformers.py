# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import re
import uuid

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import KeyTooShort, key_id, keyed, pads, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TEXT, TRANSFORMERS, MaskingError
from hypothesis import given
from hypothesis import strategies as st

KEY = "k" * 16
OTHER = "another-key-of-enough-bytes"
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
TEXTS = sorted(name for name, found in TRANSFORMERS.items() if TEXT in found.families)
VECTORS = {
    "name": "Dennis Abbott",
    "email": "u_68e1026d0aea4abb@example.test",
    "phone": "+8 458-666-6289",
    "postcode": "+4 796-218-9000",
    "card": "4539212622234931",
    "token": "1b311d10efbf835b",
}


def mask(value: str, transformer: str, **words: object) -> str:
    found = mask_value(value, transformer, key=KEY, **words)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(("transformer", "expected"), VECTORS.items())
def test_published_vectors(transformer: str, expected: str) -> None:
    assert mask("+1 202-555-0123", transformer) == expected


@given(value=VALUES, transformer=st.sampled_from(TEXTS))
def test_same_input_same_mask_and_never_the_value(value: str, transformer: str) -> None:
    found = mask(value, transformer)
    assert found == mask(value, transformer)
    if re.search(r"[^ ()*+,./-]", value) and value != "[redacted]":
        assert found != value
    longest = TRANSFORMERS[transformer].longest
    assert len(found) <= (longest or len(value))


@pytest.mark.parametrize("transformer", ["email", "token", "hash", "uuid"])
def test_masks_of_distinct_values_are_distinct(transformer: str) -> None:
    assert len({mask(f"person{number}@mail.example", transformer) for number in range(5000)}) == 5000


@pytest.mark.parametrize("transformer", sorted({*TRANSFORMERS} - {"constant"}))
def test_null_stays_null(transformer: str) -> None:
    assert mask_value(None, transformer, key=KEY) is None


def test_key_and_domain_decide() -> None:
    assert mask_value("Jane", "token", key=OTHER) != mask("Jane", "token")
    assert mask("Jane", "token", domain="person") != mask("Jane", "token")
    assert mask("Jane", "token", domain="token") == mask("Jane", "token")


@given(value=VALUES)
def test_cards_pass_luhn(value: str) -> None:
    digits = [int(digit) for digit in reversed(mask(value, "card"))]
    assert len(digits) == 16
    assert (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


@given(value=VALUES)
def test_ibans_pass_modulo_97(value: str) -> None:
    found = mask(value, "iban")
    assert re.fullmatch(r"DE\d{20}", found)
    assert int(found[4:] + "1314" + found[2:4]) % 97 == 1


@given(value=VALUES)
def test_uuids_are_of_version_4(value: str) -> None:
    found = uuid.UUID(mask(value, "uuid"))
    assert (found.version, found.variant) == (4, uuid.RFC_4122)


@given(day=st.dates(datetime.date(1, 2, 1), datetime.date(9999, 11, 30)), days=st.integers(1, 30))
def test_dates_move_but_never_by_nothing_and_never_too_far(day: datetime.date, days: int) -> None:
    moved = datetime.date.fromisoformat(mask(day.isoformat(), "date_shift", days=days))
    assert 1 <= abs((moved - day).days) <= days


@given(value=st.text("0123456789 +-()/.,", max_size=24))
def test_phones_keep_their_shape(value: str) -> None:
    shape = re.compile(r"\d")
    assert shape.sub("9", mask(value, "phone")) == shape.sub("9", value) or not re.search(r"\d", value)


@given(value=st.from_regex(r"[A-Z]{1,2}[0-9]{1,2} ?[0-9][a-z]{2}", fullmatch=True))
def test_postcodes_keep_their_shape(value: str) -> None:
    def shape(text: str) -> str:
        return re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub(r"\d", "9", text)))

    assert shape(mask(value.encode("ascii", "replace").decode(), "postcode")) == shape(value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"transformer": "nmae"}, "There is no transformer 'nmae'; there are card"),
        ({"transformer": "email", "days": 3}, "email has no option 'days'; it has none"),
        ({"transformer": "constant"}, "constant needs the option 'value'"),
        ({"transformer": "date_shift", "days": 0}, "days must be a whole number from 1 to 3650"),
        ({"transformer": "date_shift"}, "the value is no ISO date"),
    ],
)
def test_faults_name_the_fault_and_never_the_value(words: dict[str, object], said: str) -> None:
    with pytest.raises(MaskingError, match=re.escape(said)) as caught:
        mask_value("01/02/1999", key=KEY, **words)  # type: ignore[arg-type]
    assert "01/02/1999" not in str(caught.value)


def test_short_keys_are_refused_without_showing_them() -> None:
    with pytest.raises(KeyTooShort, match="has 5 bytes; at least 16") as caught:
        mask_value("v", "email", key="short")
    assert "short" not in str(caught.value)


def test_pads_make_hmac() -> None:
    import hashlib

    secret = subkey(KEY, "email")
    inner, outer = pads(secret)
    assert hashlib.sha256(outer + hashlib.sha256(inner + b"value").digest()).digest() == keyed(secret, "value")
    assert key_id(KEY) not in (KEY, subkey(KEY, "key-id").hex()[:16])


@pytest.mark.parametrize("words", ["FIRST_NAMES", "LAST_NAMES", "STREETS", "CITIES"])
def test_lists_can_be_picked_from_by_bits(words: str) -> None:
    found = getattr(dictionaries, words)
    assert len(found) & (len(found) - 1) == 0
    assert len(set(found)) == len(found)
