# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python reference of structural masks: what holds for any value."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, Rule, make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import Row, Sources, array_of, column_of, expression, value_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import MaskingError
from hypothesis import given
from hypothesis import strategies as st

KEY = "k" * 32
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def rule(entry: dict[str, Any], kind: str = "text", **more: Any) -> Rule:
    catalog = {"public.t": [Column("id", "integer", True, key=1), Column("v", kind, False, **more)]}
    plan = make_plan({"name": "p", "version": 1, "tables": {"public.t": {"columns": {"id": {"keep": "key"}, "v": entry}}}}, catalog)
    assert plan.faults == []
    return plan.tables["public.t"]["v"]


def documents(paths: dict[str, Any], others: dict[str, Any]) -> Rule:
    return rule({"mask": "json", "paths": paths, "others": others}, "jsonb")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["email", "name", "items", "x"]), inner, max_size=3),
    max_leaves=12,
)
PATHS = {"$.email": {"mask": "email"}, "$.items[*].name": {"mask": "name"}}


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in texts(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in texts(inner)]
    return [value] if isinstance(value, str) else []


@given(JSON)
def test_a_redacted_document_holds_masks_only(value: Any) -> None:
    made = json.loads(str(value_of(documents(PATHS, {"mask": "redact"}), json.dumps(value), key=KEY)))
    assert all(one == "[redacted]" or "@" in one or " " in one for one in texts(made))


@given(JSON)
def test_what_is_kept_stays_and_what_is_named_never_does(value: Any) -> None:
    made = json.loads(str(value_of(documents({"$.email": {"mask": "token"}}, {"keep": "x"}), json.dumps(value), key=KEY)))
    if not isinstance(value, dict):
        assert made == (None if value is None else "[redacted]")
        return
    assert {key: one for key, one in made.items() if key != "email"} == {key: one for key, one in value.items() if key != "email"}
    assert ("email" in made) == ("email" in value)
    assert value.get("email") is None or made["email"] != value["email"]


@given(JSON)
def test_dropping_leaves_named_names_only(value: Any) -> None:
    made = json.loads(str(value_of(documents(PATHS, {"drop": True}), json.dumps(value), key=KEY)))
    assert not isinstance(made, dict) or set(made) <= {"email", "items"}


@pytest.mark.parametrize("text", ["", "no json", "{", "NaN", '{"a":"\\u0000"}', '{"a":"\\ud800"}', '"\x01"', "[1e400000]"])
def test_what_is_no_document_is_hidden_whole(text: str) -> None:
    assert value_of(documents(PATHS, {"keep": "x"}), text, key=KEY) == '"[redacted]"'


@pytest.mark.parametrize(
    ("document", "made"),
    [
        ('{"a": {"b": "Jane"}}', '{"a": {"b": "n"}}'),
        ('{"a": "Jane"}', '{"a": "[redacted]"}'),
        ('{"a": ["Jane"]}', '{"a": "[redacted]"}'),
        ('{"a": {"b": ["Jane"]}}', '{"a": {"b": "[redacted]"}}'),
        ('{"a": {"b": 5}}', '{"a": {"b": "n"}}'),
        ('{"a": {"b": true}}', '{"a": {"b": "n"}}'),
        ('{"a": {"b": null}}', '{"a": {"b": null}}'),
        ('{"a": null}', '{"a": null}'),
        ('{"z": 1.50, "b": 2, "aa": 3, "b": 1e2}', '{"b": 100, "z": 1.50, "aa": 3}'),
        ("{}", "{}"),
        ("null", "null"),
        ('"Jane"', '"[redacted]"'),
        ('[{"a": {"b": "Jane"}}]', '"[redacted]"'),
    ],
)
def test_values_of_another_kind_never_pass(document: str, made: str) -> None:
    assert value_of(documents({"$.a.b": {"mask": "constant", "value": "n"}}, {"keep": "x"}), document, key=KEY) == made


def test_a_leaf_masks_as_a_column_does() -> None:
    leaf = value_of(documents({"$.m": {"mask": "email"}}, {"keep": "x"}), '{"m": "a@b.c"}', key=KEY)
    assert json.loads(str(leaf))["m"] == value_of(rule({"mask": "email"}), "a@b.c", key=KEY)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12), st.sampled_from([1, 10, 99.5]))
def test_noise_moves_within_its_width(value: Decimal, percent: float) -> None:
    text = f"{value:f}"
    made = Decimal(str(value_of(rule({"mask": "noise", "percent": percent}, "numeric"), text, key=KEY)))
    step = Decimal(1).scaleb(min(int(Decimal(text).as_tuple().exponent), 0))
    assert abs(made - value) <= max(abs(value) * Decimal(str(percent)) / 100 + step / 2, step)
    assert made != value or value == 0
    assert min(int(made.as_tuple().exponent), 0) == min(int(Decimal(text).as_tuple().exponent), 0)


@given(st.integers(-32768, 32767))
def test_noise_stays_within_a_type(value: int) -> None:
    assert -32768 <= int(str(value_of(rule({"mask": "noise", "spread": 40000}, "smallint"), str(value), key=KEY))) <= 32767


NUMBERS = ["0", "-0.00", "1", "-7", "0.1", "12345678901234567890.123456789", "1e30", "9" * 200, "-0." + "0" * 200 + "1"]


@pytest.mark.parametrize("options", [{"percent": 10}, {"spread": 0.5}, {"percent": 100, "min": -5, "max": 5}])
def test_noise_of_extremes(options: dict[str, Any]) -> None:
    found = rule({"mask": "noise", **options}, "numeric")
    for value in ("NaN", "Infinity", "-Infinity"):
        assert value_of(found, value, key=KEY) == value
    for value in NUMBERS:
        made = str(value_of(found, value, key=KEY))
        assert made == value_of(found, value, key=KEY)
        assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", made)
        assert len(made.partition(".")[2]) == len(f"{Decimal(value):f}".partition(".")[2])
        assert "min" not in options or -5 <= Decimal(made) <= 5
    for value in ("", "x", "1,5", "0x10"):
        with pytest.raises(MaskingError, match="is no number") as caught:
            value_of(found, value, key=KEY)
        assert not value or value not in str(caught.value).replace("no number", "")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=4), st.sampled_from([1, 7, 0.25, 1000]))
def test_a_step_holds_the_value_and_is_the_same_for_all_of_it(value: Decimal, step: float) -> None:
    found = rule({"mask": "generalise", "step": step}, "numeric")
    made = Decimal(str(value_of(found, f"{value:f}", key=KEY)))
    assert 0 <= value - made < Decimal(str(step))
    assert made % Decimal(str(step)) == 0
    assert Decimal(str(value_of(found, f"{made:f}", key=KEY))) == made


@given(VALUES, st.integers(1, 64))
def test_a_generalised_text_is_a_shorter_beginning(value: str, digits: int) -> None:
    made = str(value_of(rule({"mask": "generalise", "digits": digits}), value, key=KEY))
    assert value.startswith(made)
    assert len(made) == min(digits, max(len(value) - 1, 0))


@given(st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)), st.sampled_from(["year", "month"]))
def test_generalised_times_are_the_first_of_their_year_or_month(moment: datetime.datetime, to: str) -> None:
    day = rule({"mask": "generalise", "to": to}, "date")
    begin = moment.replace(day=1, month=1 if to == "year" else moment.month, hour=0, minute=0, second=0, microsecond=0)
    for tail in ("", " BC"):
        assert value_of(day, moment.date().isoformat() + tail, key=KEY) == begin.date().isoformat() + tail
    time = rule({"mask": "generalise", "to": to}, "timestamp with time zone")
    assert value_of(time, moment.isoformat(" ") + "+00", key=KEY) == begin.isoformat(" ") + "+00"
    assert value_of(time, "-infinity", key=KEY) == "-infinity"


@given(st.ip_addresses(), st.integers(1, 32))
def test_generalised_addresses_are_networks(value: Any, bits: int) -> None:
    made = ipaddress.ip_address(str(value_of(rule({"mask": "generalise", "bits": bits}, "inet"), str(value), key=KEY)))
    assert made == ipaddress.ip_network(f"{value}/{bits * (2 if value.version == 6 else 1)}", strict=False).network_address


@given(VALUES, st.sampled_from(["jane.doe@mail.example", "+49 (30) 123-4567", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "192.168.7.9"]), VALUES)
def test_what_is_looked_for_never_passes_whatever_is_around_it(before: str, secret: str, after: str) -> None:
    found = rule({"mask": "redact", "find": ["email", "phone", "iban", "card", "ip"]})
    made = str(value_of(found, f"{before} {secret} {after}", key=KEY))
    assert secret not in made
    assert made == value_of(found, f"{before} {secret} {after}", key=KEY)


@pytest.mark.parametrize("text", ["x" * 2**20, "1 " * 2**19, "a@" * 2**18, "1.2.3." * 2**17, ":" * 2**18, "AB12" * 2**18])
def test_any_length_is_searched_at_once(text: str) -> None:
    assert isinstance(value_of(rule({"mask": "redact", "find": ["email", "phone", "iban", "card", "ip"]}), text, key=KEY), str)


@pytest.mark.parametrize("depth", [100, 100000])
def test_deep_and_long_documents(depth: int) -> None:
    found = documents({"$.email": {"mask": "email"}}, {"mask": "redact"})
    made = str(value_of(found, '{"a":' + "[" * depth + '"SECRET"' + "]" * depth + "}", key=KEY))
    assert "SECRET" not in made
    assert "SECRET" not in str(value_of(found, json.dumps({"a": ["SECRET" * 1000] * 200, "email": "SECRET" * 1000}), key=KEY))


@given(st.lists(st.none() | st.integers(-1000, 1000).map(str), max_size=30))
def test_totals_and_shuffles_lose_nothing(values: list[Any]) -> None:
    rows = [Row((str(place),), (), value) for place, value in enumerate(values)]
    held = sorted(value for value in values if value is not None)
    shuffled = column_of(rule({"mask": "shuffle"}), rows, key=KEY)
    assert sorted(value for value in shuffled if value is not None) == held
    moved = column_of(rule({"mask": "noise", "spread": 50, "total": True}, "integer"), rows, key=KEY)
    assert sum(map(int, held)) == sum(int(value) for value in moved if value is not None)
    assert [value is None for value in moved] == [value is None for value in values] == [value is None for value in shuffled]
    assert all(abs(int(str(one)) - int(other)) <= 50 for one, other in zip(moved, values) if other is not None)


def test_redaction_finds_what_it_is_told_to() -> None:
    text = "Call +49 (30) 123-4567 or jörg@müller.de, IBAN DE89 3704 0044 0532 0130 00, from 10.0.0.1 and 2001:db8::1; room 12"
    found = rule({"mask": "redact", "find": ["email", "phone", "iban", "card", "ip"]})
    assert value_of(found, text, key=KEY) == "Call [redacted] or [redacted], IBAN [redacted], from [redacted] and [redacted]; room 12"
    assert value_of(rule({"mask": "redact"}), text, key=KEY) == "[redacted]"


def test_arrays_keep_order_depth_and_null() -> None:
    found = rule({"mask": "array", "element": {"mask": "token"}}, "text[]", element="text")
    token = value_of(rule({"mask": "token"}), "a", key=KEY)
    assert array_of(found, [["a", None], ["a", "b"]], key=KEY)[0] == [token, None]
    with pytest.raises(MaskingError):
        value_of(found, "{a}", key=KEY)


def test_a_column_of_a_whole_table_has_no_value_of_its_own() -> None:
    with pytest.raises(MaskingError, match="needs all rows"):
        value_of(rule({"mask": "shuffle"}), "a", key=KEY)


def test_the_sql_holds_no_brace_of_its_own() -> None:
    paths = {"$.a": {"mask": "phone"}, "$.b[*].c": {"mask": "name"}, "$.d.e": {"mask": "card"}, "$.n": {"mask": "noise", "spread": 1}}
    lent = Sources(lambda purpose, text: f"hash('{purpose}',{text})", lambda _value: "LITERAL")
    for others in ({"keep": "x"}, {"mask": "redact"}, {"drop": True}):
        for kind in ("jsonb", "json"):
            found = expression(
                rule({"mask": "json", "paths": paths, "others": others}, kind),
                Column("v", kind, False),
                sources=lent,
                value=lambda storey, name: f"{storey}.{name}",
                refer=lambda name: f"s.{name}",
            )
            assert not set("{}") & set(found.outer + "".join(found.inner.values()))


def test_documents_as_text_need_a_server_that_can_try_them() -> None:
    with pytest.raises(MaskingError, match="from PostgreSQL 16 on"):
        expression(
            documents(PATHS, {"keep": "x"}),
            Column("v", "text", False),
            sources=Sources(str, str),  # type: ignore[arg-type]  # not reached
            value=lambda storey, name: f"{storey}.{name}",
            refer=str,
            version=150000,
        )
