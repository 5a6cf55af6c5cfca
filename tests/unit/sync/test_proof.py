# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import (
    WORDS,
    Finding,
    Options,
    ProofError,
    anonymity_findings,
    by_chance,
    conclude,
    count_findings,
    form,
    read_options,
    simple_path,
    tolerate,
)
from hypothesis import given
from hypothesis import strategies as st

KEY = "00112233445566778899aabbccddeeff" * 2


def test_options_have_defaults_and_unknown_ones_are_refused() -> None:
    assert read_options({}) == Options()
    assert read_options({"proof": {"minimum_k": 5, "leak_scan": None}}) == Options(minimum_k=5)
    for wrong in ({"colour": 1}, {"remask_percent": 101}, {"leak_min_length": 0}):
        with pytest.raises(SyncError, match="proof"):
            read_options({"proof": wrong})


@pytest.mark.parametrize(
    ("transformer", "options"), [("email", {}), ("email", {"host": "mail.test"}), ("url", {}), ("card", {}), ("card", {"network": "mastercard"})]
)
@given(value=st.text(max_size=40))
def test_every_mask_is_of_its_form(transformer: str, options: dict[str, str], value: str) -> None:
    pattern = re.escape(form(transformer, options)).replace("%", ".*")
    masked = mask_value(value, transformer, key=KEY, **options)
    assert masked is not None
    assert re.fullmatch(pattern, masked, re.DOTALL)


def test_what_has_no_reserved_form() -> None:
    assert form("name", {}) == form("iban", {}) == form("email", {"unique": True}) == ""


@pytest.mark.parametrize("transformer", sorted(WORDS))
def test_the_words_of_a_transformer_are_all_it_gives(transformer: str) -> None:
    for number in range(300):
        masked = mask_value(f"value {number}", transformer, key=KEY)
        assert masked is not None
        parts = masked.split(" ", 1) if len(WORDS[transformer]) == 2 else [masked]
        assert all(part in words for part, words in zip(parts, WORDS[transformer]))


def test_chance_is_allowed_where_results_are_few() -> None:
    assert by_chance("email", 10**6, 10**6) == 0
    assert by_chance("iban", 10**6, 10**6) > 0
    assert by_chance("iban", 1000, 1000) == 0


def test_counts_and_checksums() -> None:
    assert count_findings("t", sent=3, arrived=3, checksum_sent="1", checksum="1") == []
    assert count_findings("t", sent=None, arrived=3, checksum_sent=None, checksum="1") == []
    assert count_findings("t", sent=4, arrived=3, checksum_sent="1", checksum="2")[0].check == "counts"
    assert count_findings("t", sent=3, arrived=3, checksum_sent="1", checksum="2")[0].check == "checksum"


def test_frequent_values_and_words_of_the_masks_are_excused_but_a_copy_is_not() -> None:
    assert tolerate({1: 1, 2: 50, 3: 1}, words={3}, values=1000) == (1, 2)
    assert tolerate({1: 50, 2: 50, 3: 50}, words=set(), values=4) == (3, 0)
    assert tolerate({}, words={1}, values=4) == (0, 0)


def test_small_groups() -> None:
    found = {"a": {"smallest": 2}, "b": {"smallest": None}, "c": {"smallest": 9}}
    assert [finding.place for finding in anonymity_findings(found, 3)] == ["a"]
    assert anonymity_findings(found, 0) == []


def test_the_record_of_a_failure_travels_with_the_error() -> None:
    assert conclude({}, []) == {"findings": [], "verdict": "passed"}
    with pytest.raises(ProofError, match=re.escape("t.c: holds 2 values")) as caught:
        conclude({"tables": {}}, [Finding("leaks", "t.c", 2, "holds 2 values")])
    assert caught.value.record["verdict"] == "failed"
    assert caught.value.record["findings"][0]["values"] == 2


def test_paths_without_wildcards() -> None:
    assert simple_path("$.user.name") == ["user", "name"]
    assert [simple_path(path) for path in ("$", "$.items[*].name", "$.*", '$."a b"')] == [None] * 4
