# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.cohort import cohort
from hypothesis import given
from hypothesis import strategies as st

ITEMS = st.dictionaries(st.sampled_from("abcd"), st.fixed_dictionaries({"value": st.sampled_from("12")}), max_size=4)
HOSTS = st.lists(ITEMS, min_size=1, max_size=6).map(lambda made: {f"h{number}": items for number, items in enumerate(made)})


def delta(base, items):
    return {"items": {path: item for path, item in items.items() if base.get(path) != item}, "gone": [path for path in base if path not in items]}


def look(base, hosts, **more):
    return cohort(base, {host: delta(base, items) for host, items in hosts.items()}, **more)


def naive(hosts, path):
    """All states of all hosts, counted one by one."""
    states = Counter(str(items.get(path)) for items in hosts.values())
    if len(states) == 1:
        return "expected"
    return "foreign" if states.most_common(1)[0][1] >= 2 / 3 * len(hosts) else "divided"


@given(ITEMS, HOSTS)
def test_it_says_what_counting_every_host_says(base, hosts):
    result = look(base, hosts)
    kinds = {path: naive(hosts, path) for path in {*base, *(path for items in hosts.values() for path in items)}}
    for kind in ("foreign", "divided"):
        assert {row["path"] for row in result[kind]} == {path for path, said in kinds.items() if said == kind}
    assert result["counts"]["expected"] == list(kinds.values()).count("expected")
    for row in result["foreign"]:
        for other in row["others"]:
            assert all(hosts[host].get(row["path"]) == other["state"] != row["expected"] for host in other["hosts"])
        assert row["agree"] + sum(len(other["hosts"]) for other in row["others"]) == len(hosts)


@given(ITEMS, ITEMS, HOSTS)
def test_the_base_is_no_judge(base, other, hosts):
    first, second = look(base, hosts), look(other, hosts)
    for kind in ("foreign", "divided"):
        assert {row["path"] for row in first[kind]} == {row["path"] for row in second[kind]}


def test_a_base_against_which_all_agree_is_stale():
    result = look({"a": {"value": "1"}}, {"x": {"a": {"value": "2"}}, "y": {"a": {"value": "2"}}})
    assert result["stale"] == [{"path": "a", "state": {"value": "2"}, "hosts": 2}]
    assert result["counts"] == {"expected": 1, "foreign": 0, "divided": 0, "unknown": 0}


@pytest.mark.parametrize(("quorum", "kind"), [(0.5, "foreign"), (0.75, "foreign"), (0.8, "divided")])
def test_quorum(quorum, kind):
    hosts = {"a": {}, "b": {}, "c": {}, "d": {"x": {"value": "1"}}}
    assert [row["path"] for row in look({}, hosts, quorum=quorum)[kind]] == ["x"]


def test_who_cannot_read_has_no_vote():
    deltas = {host: {"items": {"x": {"unknown": "denied"}}, "gone": []} for host in "ab"}
    result = cohort({"x": {"value": "1"}}, {**deltas, "c": {"items": {}, "gone": []}, "d": {"items": {"x": {"value": "2"}}, "gone": []}})
    assert [state["hosts"] for state in result["divided"][0]["states"]] == [["c"], ["d"]]
    assert result["unknown"] == [{"path": "x", "hosts": ["a", "b"]}]
    assert cohort({"x": {}}, deltas)["counts"] == {"expected": 0, "foreign": 0, "divided": 0, "unknown": 1}


def test_no_fingerprint_is_shown():
    hosts = {name: {"x": {"secret": True, "fingerprint": mark, "key": "k"}} for name, mark in (("a", "f00d"), ("b", "f00d"), ("c", "beef"))}
    result = look({}, hosts)
    assert result["foreign"][0]["others"][0]["hosts"] == ["c"]
    assert "f00d" not in str(result)
    assert "beef" not in str(result)


def test_hundreds_of_hosts_take_little():
    rng = random.Random(3)
    base = {f"package:deb/p{number}": {"version": "1.0", "arch": "amd64", "status": "installed"} for number in range(5000)}
    paths = list(base)
    deltas = {
        f"h{number}": {"items": {path: {**base[path], "version": str(rng.random())} for path in rng.sample(paths, 48)}, "gone": rng.sample(paths, 2)}
        for number in range(300)
    }
    began = time.process_time()
    result = cohort(base, deltas)
    spent = time.process_time() - began
    assert result["counts"]["foreign"] > 4000
    assert spent < 2, spent
