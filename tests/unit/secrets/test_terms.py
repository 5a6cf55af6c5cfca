# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import SecretsError
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import (
    Ref,
    Want,
    fill,
    parse_terms,
    wants_of,
)


@pytest.mark.parametrize(
    ("text", "path", "key", "version"),
    [
        ("shop/db#password", "shop/db", "password", None),
        ("/shop/db/", "shop/db", None, None),
        ("shop/db@3", "shop/db", None, 3),
        ("shop/db#password@12", "shop/db", "password", 12),
        ("shop/db#a#b", "shop/db", "a#b", None),
        ("shop/me@example.com#key", "shop/me@example.com", "key", None),
        ("shop/db#key with space", "shop/db", "key with space", None),
    ],
)
def test_a_term(text: str, path: str, key: str | None, version: int | None) -> None:
    assert parse_terms([text], mount="kv") == [Want(text, Ref("kv", path, version), key)]


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("", "'' is not a path"),
        ("#key", "'' is not a path"),
        ("a/../sys/raw#key", "'a/../sys/raw' is not a path"),
        ("a//b", "'a//b' is not a path"),
        ("a?version=1", "is not a path"),
        ("a%2fb", "is not a path"),
        ("a b", "is not a path"),
        ("a\nb", "is not a path"),
        ("a#", "no key after '#'"),
        ("a@0", "versions start at 1"),
        (3, "A term is a int"),
        (["a"], "A term is a list"),
        ({"name": {"path": "a"}}, "Secret 'name' is a dict"),
        ({"name": "a#"}, "Secret name = 'a#': no key"),
    ],
)
def test_a_bad_term(term: Any, expected: str) -> None:
    with pytest.raises(SecretsError) as caught:
        parse_terms([term], mount="kv")
    assert expected in str(caught.value)


def test_all_bad_terms_in_one_report() -> None:
    with pytest.raises(SecretsError) as caught:
        parse_terms(["a#", {"x": "b#", "y": "c#good", "z": 1}], mount="kv")
    assert len(caught.value.faults) == 3
    assert str(caught.value).startswith("3 faults:\n- ")


def test_values_go_back_into_the_shapes() -> None:
    shapes = parse_terms([{"x": "a#k", "y": "b"}, "c#k", {}], mount="kv")
    assert [want.name for want in wants_of(shapes)] == ["x", "y", "c#k"]
    assert fill(shapes, [1, {"k": 2}, 3]) == [{"x": 1, "y": {"k": 2}}, 3, {}]
