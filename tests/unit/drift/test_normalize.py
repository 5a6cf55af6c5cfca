# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.normalize import replaced, significant, unlike
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.versions import version_key
from hypothesis import given
from hypothesis import strategies as st

OWN = {"host": ["web1", "web1.example.com"], "address": ["10.0.0.1"], "environment": "staging", "root": "/srv/shop/"}
ALL = [{"match": "**", "values": ["host", "address", "environment", "root"]}]


def value(text, rules=ALL, own=OWN):
    return replaced({"config:x:k": {"value": text}}, rules, own)["config:x:k"]["value"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web1", "{host}"),
        ("web1.example.com:80", "{host}:80"),
        ("web11", "web11"),
        ("myweb1", "myweb1"),
        ("10.0.0.1:8001", "{address}:8001"),
        ("10.0.0.11", "10.0.0.11"),
        ("110.0.0.1", "110.0.0.1"),
        ("10.0.0.1.5", "10.0.0.1.5"),
        ("staging_db", "{environment}_db"),
        ("upstaging", "upstaging"),
        ("/srv/shop/x", "{root}/x"),
        ("/srv/shop", "{root}"),
        ("/srv/shopping", "/srv/shopping"),
        ("/old/srv/shop", "/old/srv/shop"),
        ("a=/srv/shop;b=/srv/shop/c", "a={root};b={root}/c"),
        (["web1", {"a": "web1"}, 5], ["{host}", {"a": "{host}"}, 5]),
        ({"secret": True, "fingerprint": "staging"}, {"secret": True, "fingerprint": "staging"}),
    ],
)
def test_own_values(text, said):
    assert value(text) == said


def test_without_rules_only_the_root_is_replaced_in_names_and_values():
    items = {"file:/srv/shop/web1": {"target": "/srv/shop/staging"}, "package:web1": {}}
    assert replaced(items, [], OWN) == {"file:{root}/web1": {"target": "{root}/staging"}, "package:web1": {}}


def test_attributes_limit_a_rule_to_them():
    rule = {"match": "port:*", "values": ["host"], "attributes": ["process"]}
    items = {"port:web1": {"process": "web1", "user": "web1"}, "user:web1": {}}
    assert replaced(items, [rule], OWN) == {"port:web1": {"process": "{host}", "user": "web1"}, "user:web1": {}}


def test_names_that_become_one_are_kept_apart():
    items = {"hosts:web1": {"a": 1}, "hosts:web1.example.com": {"a": 2}}
    assert replaced(items, ALL, OWN) == {"hosts:{host}": {"a": 1}, "hosts:web1.example.com": {"a": 2}}


@given(st.dictionaries(st.text(max_size=8), st.fixed_dictionaries({"value": st.text(max_size=8)})))
def test_without_own_values_nothing_changes(items):
    assert replaced(items, ALL, {"root": "", "host": []}) == items


@pytest.mark.parametrize(
    ("rule", "here", "there", "names"),
    [
        ({"ignore": "whitespace"}, "a  b ", "a b", []),
        ({"ignore": "whitespace"}, "ab", "a b", ["value"]),
        ({"ignore": "case"}, "Yes", "yes", []),
        ({"ignore": "case"}, "Yes", "no", ["value"]),
        ({"ignore": "order"}, "a, b,c", "c,b,a", []),
        ({"ignore": "order"}, "a b", "b a a", ["value"]),
        ({"ignore": "order"}, ["a", "b"], ["b", "a"], []),
        ({"ignore": "case"}, ["A"], ["a"], []),
        ({"ignore": True}, "a", "b", []),
        ({"ignore": True, "attributes": ["other"]}, "a", "b", ["value"]),
        ({"ignore": True, "match": "file:**"}, "a", "b", ["value"]),
        ({"at_least": True, "attributes": ["value"]}, "1.10", "1.9", []),
        ({"at_least": True, "attributes": ["value"]}, "1.9", "1.10", ["value"]),
        ({"at_least": True}, "1.10", "1.9", ["value"]),
        ({"ignore": "case"}, {"secret": True, "fingerprint": "A"}, {"secret": True, "fingerprint": "a"}, ["value"]),
    ],
)
def test_rules(rule, here, there, names):
    assert unlike("config:x:k", {"value": here}, {"value": there}, [{"match": "config:**", **rule}]) == names


def test_changes_that_are_none_go_and_what_is_unknown_stays():
    rules = [{"match": "file:/run/**", "ignore": True}, {"match": "file:/etc/**", "ignore": True, "attributes": ["mode"]}]
    changes = {
        "file:/run/x": {"before": None, "after": {"mode": "1"}},
        "file:/run/y": {"before": None, "after": {"unknown": "no"}},
        "file:/etc/x": {"before": {"mode": "1", "size": 1}, "after": {"mode": "2", "size": 1}},
        "file:/etc/y": {"before": {"mode": "1", "size": 1, "owner": "a"}, "after": {"mode": "2", "size": 2, "owner": "a"}},
        "file:/etc/z": {"before": None, "after": {"mode": "1"}},
    }
    left = significant(changes, rules)
    assert list(left) == ["file:/run/y", "file:/etc/y", "file:/etc/z"]
    assert left["file:/etc/y"] == {"before": {"size": 1, "owner": "a"}, "after": {"size": 2, "owner": "a"}}


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is the judge")
def test_versions_are_ordered_as_dpkg_orders_them():
    rng = random.Random(7)
    fixed = [("1", "1-0"), ("1.0", "1.0~rc1"), ("1:0.1", "9"), ("1.0-1", "1.0-1+b1"), ("2.36-9+deb12u9", "2.36-9+deb12u10"), ("1.0", "1.00")]
    made = [tuple("1" + "".join(rng.choice("0019a~+.-Zb") for _ in range(rng.randint(0, 6))) for _ in "ab") for _ in range(60)]
    for first, second in [*fixed, *made]:
        said = [subprocess.run(["dpkg", "--compare-versions", first, how, second], capture_output=True, check=False) for how in ("lt", "eq")]
        if not any(done.stderr for done in said):
            keys = version_key(first), version_key(second)
            assert (keys[0] < keys[1], keys[0] == keys[1]) == tuple(done.returncode == 0 for done in said), (first, second)
