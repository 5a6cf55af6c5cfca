# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of the document and the module's own checks say the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import structure_faults
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_structure import schema
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[3] / "plugins/plugin_utils/_documents/schemas/masking.json").read_text())


def document(entry: Any, **more: Any) -> dict[str, Any]:
    return {"name": "p", "version": 1, "tables": {"public.people": {"columns": {"mail": entry}}}, **more}


CASES: list[tuple[dict[str, Any], bool]] = [
    (document({"mask": "email"}), True),
    (document({"mask": "name", "domain": "person"}), True),
    (document({"mask": "constant", "value": "x"}), True),
    (document({"mask": "date_shift", "days": 90}), True),
    (document({"keep": "no person"}, skip=[{"table": "public.log", "reason": "log"}]), True),
    (document({"mask": "emial"}), False),
    (document({"keep": ""}), False),
    (document({"mask": "constant"}), False),
    (document({"mask": "email", "value": "x"}), False),
    (document({"mask": "date_shift", "days": 0}), False),
    (document({"mask": "email", "keep": "x"}), False),
    (document({"mask": "email", "colour": "x"}), False),
    (document({"mask": "email"}, version=2), False),
    (document({"mask": "email"}, colour="x"), False),
    (document({"mask": "email"}, skip=[{"table": "public.log"}]), False),
    (document({"mask": "email"}, skip=[{"table": "log", "reason": "x"}]), False),
    (document({"mask": "email"}, skip={}), False),
    (document({"mask": "email"}, database=""), False),
    (document({"mask": "email"}, name="Shop"), False),
    (document({"mask": "email"}, tables={}), False),
    (document({"mask": "email"}, tables={"people": {"columns": {"c": {"keep": "x"}}}}), False),
    (document({"mask": "email"}, tables={"a.b": {"columns": {}}}), False),
    (document({"mask": "email", "by": "value"}), True),
    (document({"mask": "email", "by": "row"}), False),
    (document({"mask": "text", "domain": "x"}), False),
    (document({"keep": "state", "values": ["a", "b"]}), True),
    (document({"keep": "state", "values": []}), False),
    (document({"keep": "state", "values": ["a", "a"]}), False),
    (document({"mask": "email", "values": ["a"]}), False),
    (document({"mask": "noise", "percent": 10}), True),
    (document({"mask": "noise", "spread": 0.5, "min": 0, "max": 9}), True),
    (document({"mask": "noise"}), False),
    (document({"mask": "noise", "percent": 10, "spread": 3}), False),
    (document({"mask": "noise", "percent": 0}), False),
    (document({"mask": "noise", "percent": 101}), False),
    (document({"mask": "noise", "percent": True}), False),
    (document({"mask": "noise", "percent": 5, "min": 0}), False),
    (document({"mask": "noise", "percent": 5, "total": True, "within": ["country"]}), True),
    (document({"mask": "noise", "percent": 5, "within": ["country"]}), False),
    (document({"mask": "noise", "percent": 5, "total": True, "min": 0, "max": 9}), False),
    (document({"mask": "noise", "percent": 5, "total": False}), False),
    (document({"mask": "shuffle"}), True),
    (document({"mask": "shuffle", "within": ["country"], "values": ["x"]}), True),
    (document({"mask": "shuffle", "within": "country"}), False),
    (document({"mask": "shuffle", "by": "entity"}), False),
    (document({"mask": "generalise", "to": "month"}), True),
    (document({"mask": "generalise", "to": "day"}), False),
    (document({"mask": "generalise", "step": 10, "digits": 2}), False),
    (document({"mask": "generalise", "digits": 0}), False),
    (document({"mask": "redact"}), True),
    (document({"mask": "redact", "find": ["email", "iban"]}), True),
    (document({"mask": "redact", "find": ["face"]}), False),
    (document({"mask": "array", "element": {"mask": "token"}}), True),
    (document({"mask": "array"}), False),
    (document({"mask": "array", "element": {"mask": "json", "paths": {"$.a": {"mask": "token"}}, "others": {"drop": True}}}), False),
    (document({"mask": "json", "paths": {"$.a": {"mask": "token"}}, "others": {"keep": "x"}}), True),
    (document({"mask": "json", "paths": {"$.a": {"mask": "token"}}}), False),
    (document({"mask": "json", "paths": {}, "others": {"keep": "x"}}), False),
    (document({"mask": "json", "paths": {"a": {"mask": "token"}}, "others": {"keep": "x"}}), False),
    (document({"mask": "json", "paths": {"$": {"mask": "token"}}, "others": {"keep": "x"}}), False),
    (document({"mask": "json", "paths": {"$['q\\'x'][0].b[*]": {"keep": "x"}}, "others": {"mask": "redact"}}), True),
    (document({"mask": "json", "paths": {"$.a": {"mask": "date_shift"}}, "others": {"keep": "x"}}), False),
    (document({"mask": "json", "paths": {"$.a": {"mask": "token"}}, "others": {"mask": "hash"}}), False),
    (document({"mask": "json", "paths": {"$.a": {"mask": "token"}}, "others": {"keep": ""}}), False),
    (document({"mask": "json", "paths": {"$.a": {"mask": "token"}}, "others": {"drop": True, "keep": "x"}}), False),
]
TABLES: list[tuple[dict[str, Any], bool]] = [
    ({"entity": {"name": "person", "key": "id"}, "quasi_identifiers": ["postcode", "birth_date"]}, True),
    ({"entity": {"name": "Person", "key": "id"}}, False),
    ({"entity": {"name": "person"}}, False),
    ({"entity": {"name": "person", "key": "id", "by": "x"}}, False),
    ({"quasi_identifiers": []}, False),
    ({"quasi_identifiers": ["a", "a"]}, False),
    ({"colour": "blue"}, False),
]
CASES += [({"name": "p", "version": 1, "tables": {"a.b": {"columns": {"c": {"keep": "x"}}, **table}}}, good) for table, good in TABLES]


@pytest.mark.parametrize(("policy", "good"), CASES)
def test_both_agree(policy: dict[str, Any], good: bool) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(policy) is good
    assert (structure_faults(policy) == []) is good


def test_the_schema_is_what_the_code_says() -> None:
    """When it isn't: write json.dumps(schema(), indent=2) and a line feed into schemas/masking.json."""
    assert schema() == SCHEMA


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, one in inner for place in places(one, (*at, key)))]


def changed(value: Any, place: tuple[Any, ...], to: Any) -> Any:
    if not place:
        return to
    found = copy.copy(value)
    found[place[0]] = changed(value[place[0]], place[1:], to)
    return found


WRONG = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    2.5,
    100,
    "",
    " ",
    "x",
    "a.b",
    "$.a",
    "entity",
    [],
    ["x"],
    ["x", "x"],
    {},
    {"keep": "x"},
    {"mask": "token"},
    {"mask": "redact"},
    {"x": 1},
]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from([policy for policy, good in CASES if good]), st.randoms(use_true_random=False), st.sampled_from(WRONG))
@example(document({"mask": "email"}), None, "x")
def test_both_agree_on_documents_that_were_changed_anywhere(policy: dict[str, Any], chance: Any, to: Any) -> None:
    found = changed(policy, chance.choice(places(policy)) if chance else (), to)
    assert Draft202012Validator(SCHEMA).is_valid(found) is (structure_faults(found) == [])
    if isinstance(found, dict) and chance:
        place = chance.choice([one for one in places(found) if isinstance(_at(found, one), dict)])
        more = changed(found, place, {**_at(found, place), chance.choice(["by", "domain", "values", "percent", "min", "unique", "entity", "keep"]): to})
        assert Draft202012Validator(SCHEMA).is_valid(more) is (structure_faults(more) == [])


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


REFERENCE = (Path(__file__).parents[3] / "docs/reference/masking-policy.md").read_text()


def test_the_example_of_the_reference_is_good() -> None:
    example_of_docs = yaml.safe_load(REFERENCE.split("```yaml\n")[1].split("```")[0])
    assert structure_faults(example_of_docs) == []
    assert Draft202012Validator(SCHEMA).is_valid(example_of_docs)
