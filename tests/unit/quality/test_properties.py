# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the bytes: a result or one EvidenceError, and what comes out can be recorded."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import rfc8785
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Redactor
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import parse, read, statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.formats import vex
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import KINDS, WORST
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import NOW, SAMPLES, file
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix not in (".license", ".md"))
RAW = {name: (SAMPLES / name).read_bytes() for name in NAMES}
ODD: list[Any] = [None, True, -1, 0, 2**70, 1e308, "", "x" * 3000, "\ud800", "NaN", "1e999", [], {}, [[]], [None], {"": None}, {"id": []}, ["a", 1], "9" * 400]


def clear(exc: EvidenceError) -> None:
    if not str(exc).startswith("report") or len(str(exc)) > 2000:
        pytest.fail(f"not a clear error: {exc}")


def attempt(data: bytes | parse.Document, form: str = "auto") -> None:
    try:
        found = read.readings(data if isinstance(data, parse.Document) else parse.parse(file(data)), form=form)
    except EvidenceError as exc:
        clear(exc)
        return
    for one in found:
        assert one.kind in KINDS
        assert one.verdict in WORST
        # Exactly what the ledger does with it.
        rfc8785.dumps(Redactor()({"numbers": dict(one.numbers), "items": [dict(item) for item in one.items], "reason": one.reason}))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["auto", *read.FORMATS]))
def test_any_bytes(data: bytes, form: str) -> None:
    attempt(data, form)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_samples_cut_off_and_damaged(name: str, data: st.DataObject) -> None:
    raw = bytearray(RAW[name])
    for _number in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(NAMES), st.sampled_from(read.FORMATS))
def test_samples_read_as_another_format(name: str, form: str) -> None:
    attempt(RAW[name], form)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*path, key))
    return found


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = with_value(value[path[0]], path[1:], new)
    return changed


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".json")])
def test_any_value_of_a_json_sample_may_be_of_another_type(name: str) -> None:
    """Every place of small samples, and 80 places of large ones, with each odd value. The bytes are those of a document that was parsed once."""
    value = json.loads(RAW[name])
    where = places(value)
    own = "" if "vex" in name else read.format_of(parse.parse(file(RAW[name])))
    for path in where if len(where) <= 80 else random.Random(7).sample(where, 80):
        for odd in ODD:
            doc = parse.Document(file(b"{}"), "json", with_value(value, path, odd))
            if own:
                attempt(doc, own)
            else:
                try_vex(doc)


def try_vex(doc: parse.Document) -> None:
    try:
        for said in vex.read(doc):
            assert said.ids
    except EvidenceError as exc:
        clear(exc)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=300).map(lambda text: text.encode(errors="surrogatepass"))))
def test_any_bytes_as_a_statement(data: bytes) -> None:
    try:
        statement.read(file(data), today=NOW.date())
    except EvidenceError as exc:
        clear(exc)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    )
)
def test_any_json(value: Any) -> None:
    for form in ("auto", "sarif", "trivy", "k6", "cyclonedx", "spdx", "osv"):
        attempt(json.dumps(value).encode(), form)
