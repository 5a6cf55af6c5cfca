# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.parity import parity
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.roles import matched
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import seen
from hypothesis import given
from hypothesis import strategies as st

READ = {name: {"state": "read"} for name in ("files", "config", "packages", "ports")}
PATHS = st.sampled_from(["file:/a/1", "file:/a/2", "config:x.ini:a.b", "package:deb/vim", "port:tcp:0.0.0.0:80"])
ITEMS = st.dictionaries(PATHS, st.fixed_dictionaries({"value": st.sampled_from("123")}))
SIDE = st.lists(ITEMS, min_size=1, max_size=3)


def host(items, *, roles=("shop",), collectors=READ, root="", rules=(), **more):
    return seen(items, collectors, own={"root": root}, rules=rules, roles=roles, **more)


def hosts(prefix, side):
    return {f"{prefix}{number}": host(items) for number, items in enumerate(side)}


def secret(mark, key="k"):
    return {"secret": True, "fingerprint": mark, "key": key}


@given(SIDE)
def test_an_environment_is_like_itself_under_other_names_and_in_another_order(side):
    assert parity(hosts("h", side), hosts("t", reversed(side))) == []


@given(SIDE, SIDE)
def test_exactly_the_states_that_the_other_side_lacks_are_found(here, there):
    found = parity(hosts("h", here), hosts("t", there))
    for path in {path for items in [*here, *there] for path in items}:
        states = [[items.get(path) for items in side] for side in (here, there)]
        lacking = {f"h{number}" for number, state in enumerate(states[0]) if state not in states[1]}
        assert {name for each in found if each["path"] == path for name in each["hosts"]} == lacking
        lacked = {f"t{number}" for number, state in enumerate(states[1]) if state not in states[0]}
        assert lacked <= {name for each in found if each["path"] == path for name in each["hosts_there"]}
    assert all(each["path"] in {path for items in [*here, *there] for path in items} for each in found)


@given(ITEMS, ITEMS)
def test_turned_round_the_same_paths_differ(here, there):
    paths = [{each["path"] for each in parity(hosts("h", a), hosts("t", b))} for a, b in (([here], [there]), ([there], [here]))]
    assert paths[0] == paths[1]


BASE = {"file:/x": {"mode": "0600", "size": 1}}
MORE = {"file:/x": {"mode": "0644", "size": 1}}


@pytest.mark.parametrize(
    ("here", "left_here", "there", "left_there", "said"),
    [
        (MORE, BASE, BASE, BASE, "here_drifted"),
        (BASE, BASE, MORE, BASE, "there_drifted"),
        ({}, BASE, MORE, BASE, "both_drifted"),
        (MORE, MORE, BASE, BASE, "by_design"),
        ({}, {}, BASE, BASE, "by_design"),
        (MORE, None, BASE, BASE, "undecided"),
        (MORE, BASE, BASE, None, "undecided"),
    ],
)
def test_who_drifted(here, left_here, there, left_there, said):
    (finding,) = parity({"h": host(here, baseline=left_here)}, {"t": host(there, baseline=left_there)})
    assert finding["class"] == said
    if said == "here_drifted":
        assert (finding["before"], finding["after"], finding["expected"]) == (
            {"mode": "0600"},
            {"mode": "0644"},
            {"here": {"mode": "0600"}, "there": {"mode": "0600"}},
        )


def test_a_secret_that_is_not_the_one_of_the_baseline_is_drift_though_environments_may_differ_in_it():
    sides = [{"config:x:account": {"uid": uid, "password": secret(mark)}} for uid, mark in ((1, "a"), (1, "b"), (2, "c"))]
    (finding,) = parity({"h": host(sides[0], baseline=sides[1])}, {"t": host(sides[2], baseline=sides[2])})
    assert (finding["class"], finding["after"]) == ("here_drifted", {"uid": 1})


def test_hosts_are_matched_by_what_they_serve():
    here = {"a": host({"package:pg": {"version": "16"}}, roles=["db"]), "b": host({"package:web": {"version": "1"}}, roles=["web"])}
    there = {"x": host({"package:web": {"version": "1"}}, roles=["web"]), "y": host({"package:pg": {"version": "17"}}, roles=["db"])}
    (finding,) = parity(here, there)
    assert (finding["path"], finding["hosts"], finding["hosts_there"], finding["roles"]) == ("package:pg", ["a"], ["y"], ["db"])


@pytest.mark.parametrize(
    ("here", "there", "rows"),
    [
        ({"a": ["web"], "b": ["web"]}, {"x": ["web"]}, [(["web"], ["a", "b"], ["x"])]),
        ({"a": ["web", "db"]}, {"x": ["web"], "y": ["db"]}, [(["db", "web"], ["a"], ["y"]), (["web"], ["a"], ["x"])]),
        ({"a": ["web"]}, {"x": ["db"]}, [(["web"], ["a"], []), (["db"], [], ["x"])]),
        ({"a": []}, {"x": []}, [([], ["a"], ["x"])]),
        ({}, {"x": ["db"]}, [(["db"], [], ["x"])]),
    ],
)
def test_roles(here, there, rows):
    assert matched(here, there) == rows


def test_several_hosts_are_shown_against_the_most_usual_state():
    odd, usual = ({"file:/x": {"size": size}} for size in (1, 2))
    finding, lone = reversed(parity(hosts("h", [{}, {}, usual]), hosts("t", [usual, usual, odd])))
    assert (finding["hosts"], finding["hosts_there"], finding["kind"], finding["before"]) == (["h0", "h1"], ["t0", "t1"], "removed", {"size": 2})
    assert (lone["hosts"], lone["hosts_there"], lone["before"], lone["after"]) == ([], ["t2"], {"size": 1}, None)


def test_one_odd_host_over_there_is_told_too():
    (finding,) = parity(hosts("h", [MORE]), hosts("t", [MORE, BASE]))
    assert (finding["hosts"], finding["hosts_there"], finding["before"], finding["after"]) == ([], ["t1"], {"mode": "0600"}, {"mode": "0644"})


@pytest.mark.parametrize(
    ("ways", "here", "there", "kinds"),
    [
        ("presence", secret("a"), secret("b"), []),
        ("presence", secret("a"), secret("a", "other"), []),
        ("presence", secret("a"), None, ["added"]),
        ("presence", secret("a"), {"value": "x"}, ["changed"]),
        ("equal", secret("a"), secret("a"), []),
        ("equal", secret("a"), secret("b"), ["changed"]),
        ("equal", secret("a"), secret("b", "other"), ["unknown"]),
        ("different", secret("a"), secret("b"), []),
        ("different", secret("a"), secret("a"), ["changed"]),
        ("different", secret("a"), secret("b", "other"), ["unknown"]),
    ],
)
def test_secrets(ways, here, there, kinds):
    sides = [{"s": host({"config:x:pw": item} if item else {})} for item in (here, there)]
    found = parity(*sides, rules={"parity": {"secrets": ways}})
    assert [each["kind"] for each in found] == kinds
    assert "'a'" not in str(found)


def test_the_folder_of_a_service_and_rules_make_things_equal():
    rules = ({"match": "config:**", "values": ["environment"]}, {"match": "package:**", "at_least": True})
    sides = []
    for name, version in (("staging", "1.10"), ("production", "1.9")):
        items = {f"file:/srv/{name}/x": {"size": 1}, "config:x:db": {"value": f"{name}_db"}, "package:vim": {"version": version}}
        sides.append({"h": seen(items, READ, own={"root": f"/srv/{name}", "environment": name}, rules=rules)})
    assert parity(*sides, rules={"normalize": rules}) == []
    assert [each["path"] for each in parity(sides[1], sides[0], rules={"normalize": rules})] == ["package:vim"]


@pytest.mark.parametrize("collectors", [{**READ, "files": {"state": "unknown", "reason": "no"}}, {"config": {"state": "read"}}, {}])
def test_a_blind_host_is_unknown_and_its_items_are_not_compared(collectors):
    found = parity({"h": host(BASE, collectors=collectors)}, {"t": host(MORE)})
    assert {each["kind"] for each in found} == {"unknown"}
    assert "collector:files" in [each["path"] for each in found]
    assert parity({"h": host(BASE, collectors={})}, {"t": host(BASE, collectors={})})[0]["path"] == "collector:files"


def test_unreadable_things_are_unknown_and_what_lies_below_is_neither_there_nor_gone():
    closed = {"file:/a": {"type": "folder", "unknown": "denied"}}
    found = parity({"h": host(closed)}, {"t": host({"file:/a": {"type": "folder"}, "file:/a/b": {"size": 1}})})
    assert [(each["path"], each["kind"], each["hosts"]) for each in found] == [("file:/a", "unknown", ["h"])]


@pytest.mark.parametrize(("here", "there"), [({}, {}), ({"h": host({})}, {}), ({}, {"t": host({})})])
def test_no_host_on_one_side_is_unknown(here, there):
    assert verdict(parity(here, there)) == "inconclusive"


def test_own_severities_count():
    (finding,) = parity({"h": host(BASE)}, {"t": host(MORE)}, rules={"severities": [{"match": "file:/x", "severity": "cosmetic"}]})
    assert finding["severity"] == "cosmetic"


def test_many_files_take_little():
    items = {f"file:/srv/x/{number // 100}/{number}": {"type": "file", "mode": "0644", "owner": "root", "sha256": "ab" * 32} for number in range(6_000)}
    began = time.process_time()
    here, there = ({f"{side}{number}": host(items, root="/srv/x") for number in range(3)} for side in "ht")
    assert parity(here, there) == []
    assert time.process_time() - began < 3
