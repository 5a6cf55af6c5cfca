# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._flags import files, jsontext, schema
from ansible_collections.evenkeel.release.plugins.module_utils._flags.decide import Wanted
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from hypothesis import given
from hypothesis import strategies as st

TEXT = """{
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {
        "checkout": {
            "state": "ENABLED",
            "variants": {"on": true,  "off": false},
            "defaultVariant": "off",
            "x-team": [ 1,2 ]
        },
        "ügly" :{"state":"ENABLED","variants":{"a":1,"b":2e3},
      "defaultVariant":"a"}
    },
    "metadata": {"flagSetId": "shop"}
}
"""
OPTIONS = files.Options(now="2026-05-01T10:00:00Z")


def plan(text: str, *keys: str, wanted: Wanted, options: files.Options = OPTIONS) -> files.Change:
    return files.plan(text, keys, wanted, options, name="flags.json")


def test_only_the_lines_of_the_flag_change() -> None:
    new = plan(TEXT, "checkout", wanted=Wanted("percentage", 25)).text
    gone = [line for line in TEXT.splitlines() if line not in new.splitlines()]
    come = [line for line in new.splitlines() if line not in TEXT.splitlines()]
    assert gone == ['            "x-team": [ 1,2 ]']
    assert come == [
        '            "x-team": [ 1,2 ],',
        '            "targeting": { "fractional": [["on", 25], ["off", 75]] },',
        '            "metadata": { "changed_at": "2026-05-01T10:00:00Z" }',
    ]


def test_a_flag_that_is_so_already_changes_not_one_byte() -> None:
    once = plan(TEXT, "checkout", wanted=Wanted("on"))
    later = OPTIONS._replace(now="2027-01-01T00:00:00Z")
    again = plan(once.text, "checkout", wanted=Wanted("on"), options=later)
    assert once.changed == ("checkout",)
    assert (again.text, again.changed) == (once.text, ())


def test_lines_may_end_as_on_windows() -> None:
    new = plan(TEXT.replace("\n", "\r\n"), "checkout", wanted=Wanted("percentage", 25)).text
    assert new == plan(TEXT, "checkout", wanted=Wanted("percentage", 25)).text.replace("\n", "\r\n")


def test_a_flag_comes_and_goes() -> None:
    more = OPTIONS._replace(create=True)
    made = plan(TEXT, "fresh", wanted=Wanted("on", metadata={"owner": "team-shop"}), options=more)
    flag = json.loads(made.text)["flags"]["fresh"]
    assert (flag["defaultVariant"], flag["metadata"]["owner"], flag["metadata"]["created_at"]) == ("on", "team-shop", OPTIONS.now)
    assert plan(made.text, "fresh", "gone", wanted=Wanted("absent")).text == TEXT
    assert json.loads(plan(TEXT, "checkout", "ügly", wanted=Wanted("absent")).text)["flags"] == {}


def test_an_empty_file_gets_its_first_flag() -> None:
    made = plan(files.EMPTY, "fresh", wanted=Wanted("off"), options=OPTIONS._replace(create=True))
    assert schema.faults(json.loads(made.text)) == {}


def test_unknown_flags_are_an_error_that_lists_the_known() -> None:
    for state in ("on", "killed"):
        with pytest.raises(FlagError, match=r"no flag chekout; it has checkout, ügly. Nothing was changed"):
            plan(TEXT, "checkout", "chekout", wanted=Wanted(state), options=OPTIONS._replace(create=state == "killed"))


def test_a_kill_works_in_a_file_with_another_broken_flag() -> None:
    broken = TEXT.replace('"defaultVariant":"a"', '"defaultVariant":"z"')
    with pytest.raises(FlagError, match=r"flags.ügly.defaultVariant is 'z', allowed: null, a, b"):
        plan(broken, "checkout", wanted=Wanted("on"))
    killed = plan(broken.replace('"defaultVariant": "off"', '"defaultVariant": "on"'), "checkout", wanted=Wanted("killed"))
    assert killed.changed == ("checkout",)
    assert killed.warnings == ("flags.ügly.defaultVariant is 'z', allowed: null, a, b",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON"),
        ('{"flags": {"a": {}, "a": {}}}', "the key 'a' occurs twice"),
        ('{"flags": {"a": NaN}}', "NaN is no JSON value"),
        ("[]", "the document is a list"),
        ("{}", "flags is missing or null"),
        ('{"flags": []}', "only the flagd daemon reads"),
        ('{"flags": {"a": {"state": "ENABLED"}}}', "flag a has no variants"),
    ],
)
def test_what_is_no_flag_file_is_left_alone(text: str, told: str) -> None:
    with pytest.raises(FlagError, match=told):
        plan(text, "a", wanted=Wanted("killed"))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("state",), "enabled", "state is 'enabled', allowed: ENABLED, DISABLED"),
        (("variants",), {}, "at least one variant"),
        (("variants",), {"on": True, "off": 0}, "of several kinds"),
        (("variants",), {"on": [True]}, "of several kinds"),
        (("defaultVariant",), True, "defaultVariant is True"),
        (("metadata",), {"x": None}, "metadata.x is missing or null"),
        (("metadata",), {"x": {}}, "metadata.x is object"),
        (("targeting",), [], "targeting is a list"),
        (("targeting",), {"in": ["a"]}, "targeting.in has 1 operands, allowed: 2"),
        (("targeting",), {"almost": ["a"]}, "targeting.almost is no operator"),
        (("targeting",), {"==": [1, 1], "!=": [1, 1]}, "has the operators ==, !="),
        (("targeting",), {"var": "$flagd.now"}, r"targeting.var is '\$flagd.now'"),
        (("targeting",), {"fractional": [["on", 2.5], ["off", 97]]}, r"fractional\[0\]\[1\] is 2.5"),
        (("targeting",), {"fractional": [["on", -1], ["off", 97]]}, r"fractional\[0\]\[1\] is -1"),
        (("targeting",), {"fractional": ["on", "off"]}, r"fractional\[0\] must be a pair"),
        (("targeting",), {"fractional": [["on", 2**31], ["off", 0]]}, "weights of 2147483648"),
        (("targeting",), {"fractional": [["on", 1], ["of", 1]]}, "names the variant 'of', allowed: on, off"),
        (("targeting",), {"if": [True, "maybe"]}, "names the variant 'maybe'"),
        (("targeting",), {"sem_ver": ["1.0", "=", {"var": "v"}]}, r"sem_ver\[0\] is '1.0'"),
        (("targeting",), {"sem_ver": [{"var": "v"}, "~>", "1.0.0"]}, r"sem_ver\[1\] is '~>'"),
        (("targeting",), {"starts_with": [{"var": "mail"}, 4]}, "starts_with must have two operands"),
        (("targeting",), {"missing_some": ["1", ["a"]]}, "must be a number and a list"),
        (("targeting",), {"if": [{"and": [{"!": {"foo": 1}}]}, "on"]}, r"targeting.if\[0\].and\[0\].!\[0\].foo is no operator"),
    ],
)
def test_the_schema_names_every_kind_of_fault(path: tuple[str], value: Any, told: str) -> None:
    document = json.loads(TEXT)
    document["flags"]["checkout"][path[0]] = value
    found = schema.faults(document)
    assert list(found) == ["checkout"]
    assert re.search(told, "; ".join(found["checkout"]))


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"$ref": "shared"},
        {"if": [{"in": ["@example.com", {"var": ["email", ""]}]}, "on", None]},
        {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on", 50], ["off", {"-": [100, {"var": "x"}]}]]},
        {"fractional": [["on"], ["off"]]},
        {"if": [{"==": [{"fractional": [["a", 1], ["b", 1]]}, "a"]}, "on", "off"]},
        {"if": [{"sem_ver": [{"var": "v"}, "^", "1.2.3-rc.1+5"]}, "on", "off"]},
        {"if": [{"!!": {"var": "x"}}, {"if": [{"starts_with": [{"var": "a"}, "b"]}, True, "off"]}]},
    ],
)
def test_what_the_schema_allows(rule: dict[str, Any]) -> None:
    document = json.loads(TEXT)
    document["flags"]["checkout"] |= {"targeting": rule, "variants": {"on": True, "off": False, "true": True}, "defaultVariant": None}
    assert schema.faults(document) == {}


keys = st.text(min_size=1, max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, plain, max_size=4), keys, plain, st.sampled_from([None, 0, 1, 2, "\t"]), st.booleans())
def test_a_changed_member_is_what_json_says_and_the_rest_is_untouched(members: dict[str, Any], key: str, value: Any, indent: Any, escaped: bool) -> None:
    document = {"before": [1, {"x": 2}], "flags": members, "after": "}"}
    text = json.dumps(document, indent=indent, ensure_ascii=escaped)
    new = jsontext.change(text, ("flags", key), value)
    assert json.loads(new) == {**document, "flags": {**members, key: value}}
    assert jsontext.change(new, ("flags", key), value) == new
    begin, end = text.index('"flags"'), text.rindex('"after"')
    assert new.startswith(text[:begin])
    assert new.endswith(text[end:])
    gone = jsontext.remove(new, ("flags", key))
    assert json.loads(gone)["flags"] == {name: part for name, part in members.items() if name != key}
