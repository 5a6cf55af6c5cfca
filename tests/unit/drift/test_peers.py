# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts among themselves: who is named, for what, and what is left out."""

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import build
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import outliers, peers
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import seen
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects
from hypothesis import given
from hypothesis import strategies as st

READ = {name: {"state": "read"} for name in ("files", "config", "packages")}
BLIND = {**READ, "config": {"state": "unknown", "reason": "denied"}}
TODAY = date(2026, 1, 1)
PATHS = st.sampled_from(["file:/a/1", "file:/a/2", "config:x.ini:a.b", "package:deb/vim"])
ITEMS = st.dictionaries(PATHS, st.fixed_dictionaries({"value": st.sampled_from("12")}))
X = "config:x.ini:a"


@pytest.fixture
def look(tmp_path):
    objects = open_objects(str(tmp_path))

    def look(hosts, *, collectors=None, declared=(), unseen=(), **rules):
        given = {
            name: {
                "root": objects.put_record(build((collectors or {}).get(name, READ), items)),
                "facts": {"root": f"/srv/{name}", "address": f"10.0.0.{name[-1]}"},
            }
            for name, items in hosts.items()
        }
        return peers.compared(given, objects, rules=rules, declared=declared, today=TODAY, unseen=unseen)

    return look


def values(*each, path=X):
    return {f"h{number}": {} if value is None else {path: value if isinstance(value, dict) else {"value": value}} for number, value in enumerate(each, 1)}


def secret(mark, key="k"):
    return {"secret": True, "fingerprint": mark, "key": key}


def told(result):
    return [(each["path"], each["kind"], each["hosts"]) for each in result["findings"]]


@pytest.mark.parametrize(
    ("hosts", "kind", "named", "value", "majority"),
    [
        (values("1", "1", "2"), "foreign", ["h3"], {"value": "2"}, {"value": "1"}),
        (values("2", "1", "1"), "foreign", ["h1"], {"value": "2"}, {"value": "1"}),
        (values("1", "1", None), "foreign", ["h3"], None, {"value": "1"}),
        (values(None, None, "1"), "foreign", ["h3"], {"value": "1"}, None),
        (values("1", "1", "2", "2"), "divided", ["h1", "h2", "h3", "h4"], None, None),
        (values("1", "2", "3"), "divided", ["h1", "h2", "h3"], None, None),
        (values("1", "1", {"unknown": "denied"}), "unknown", ["h3"], {"unknown": "denied"}, None),
        (values({"unknown": "denied"}, "1", "1"), "unknown", ["h1"], {"unknown": "denied"}, None),
        (values(secret("aa"), secret("aa"), secret("bb")), "foreign", ["h3"], {"secret": "differs"}, {"secret": "[REDACTED]"}),
        (values("seen", "seen", secret("bb")), "foreign", ["h3"], {"secret": "differs"}, {"secret": "[REDACTED]"}),
        (values(secret("aa"), secret("aa"), secret("bb", "other")), "unknown", ["h3"], None, None),
    ],
)
def test_who_is_named(look, hosts, kind, named, value, majority):
    result = look(hosts)
    (finding,) = result["findings"]
    assert (finding["path"], finding["kind"], finding["hosts"]) == (X, kind, named)
    assert result["verdict"] == ("inconclusive" if kind == "unknown" else "failed")
    if majority or value:
        assert (finding["value"], finding["majority"]) == (value, majority)
    if kind != "unknown":
        assert sum(state["count"] for state in finding["counts"]) == len(hosts)
    assert not any(word in str(result) for word in ("'aa'", "'bb'", "seen"))


def test_alike_hosts_pass(look):
    result = look(values("1", "1", "1"))
    assert (result["verdict"], result["findings"], result["score"], result["counts"]["expected"]) == ("passed", [], 0.0, 1)


def test_a_hosts_own_values_are_no_difference(look):
    hosts = {f"h{n}": {f"file:/srv/h{n}/x": {"mode": "0600"}, X: {"value": f"10.0.0.{n}:80"}} for n in (1, 2, 3)}
    assert told(look(hosts)) == [(X, "divided", ["h1", "h2", "h3"])]
    assert told(look(hosts, normalize=[{"match": "config:**", "values": ["address"]}])) == []


@pytest.mark.parametrize(
    ("hosts", "rule", "named"),
    [
        (values("a  b", "a b", "a b "), {"ignore": "whitespace"}, []),
        (values("a b", "a  b", "c", "a   b"), {"ignore": "whitespace"}, ["h3"]),
        (values("1", "2", "3"), {"ignore": True}, []),
        (values("1", None, "1"), {"ignore": True}, []),
        (values("1.2", "1.10", "1.2"), {"at_least": True, "attributes": ["value"]}, []),
        (values("1.2", "1.1", "1.2"), {"at_least": True, "attributes": ["value"]}, ["h2"]),
    ],
)
def test_what_rules_call_equal(look, hosts, rule, named):
    assert [host for each in look(hosts, normalize=[{"match": "config:**", **rule}])["findings"] for host in each["hosts"]] == named


def test_who_could_not_look_has_no_vote_and_is_told_once(look):
    hosts = {"h1": {}, "h2": {X: {"value": "1"}}, "h3": {X: {"value": "1"}}}
    result = look(hosts, collectors={"h1": BLIND})
    assert (told(result), result["verdict"]) == ([("collector:config", "unknown", ["h1"])], "inconclusive")
    folder = {"file:/a": {"type": "folder"}, "file:/a/b": {"type": "file"}}
    closed = {"h1": {"file:/a": {"type": "folder", "unknown": "denied"}}, "h2": folder, "h3": folder}
    assert told(look(closed)) == [("file:/a", "unknown", ["h1"])]
    assert told(look({"h1": {}, "h2": {}, "h3": {}}, unseen=["h4"])) == [("collector:hosts", "unknown", ["h4"])]


@pytest.mark.parametrize(("seen_hosts", "unseen", "compared", "found"), [(2, 0, False, 0), (1, 1, False, 0), (2, 1, True, 1), (0, 3, True, 1)])
def test_fewer_than_three_hosts_never_pass(look, seen_hosts, unseen, compared, found):
    result = look(values(*"123"[:seen_hosts]), unseen=[f"u{n}" for n in range(unseen)])
    assert (result["compared"], result["verdict"], len(result["findings"])) == (compared, "inconclusive", found)
    assert len(outliers.lines("production/shop", result, seen_hosts + unseen)) == (2 if compared else 1)


def test_severities_and_declarations_apply(look):
    hosts = values("1", "1", "2")
    rule = {"match": X, "severity": "cosmetic", "attributes": ["value"], "kinds": ["changed"], "reason": "no matter"}
    mild = look(hosts, severities=[rule])["findings"]
    assert mild[0]["severity"] == "cosmetic"
    assert (outliers.failing(mild, "low"), outliers.failing(mild, "cosmetic")) == ([], [f"{X} on h3"])
    declared = {"path": X, "reason": "larger", "owner": "team", "expires": "2027-01-01", "hosts": ["h3"], "attributes": ["value"]}
    result = look(hosts, declared=[declared])
    assert (result["verdict"], result["allowed"][0]["kind"], result["unused"]) == ("passed", "foreign", [])
    assert look(hosts, declared=[{**declared, "hosts": ["h1"]}])["verdict"] == "failed"


def test_lines_name_hosts_and_stay_few(look):
    hosts = {f"h{n}": {f"config:x.ini:{key}": {"value": "1"} for key in range(60)} for n in (1, 2, 3)}
    hosts["h3"] = {path: {"value": "2"} for path in hosts["h3"]}
    lines = outliers.lines("production/shop", look(hosts), 3)
    assert lines[0].startswith("production/shop: failed, 3 hosts, score ")
    assert lines[1].endswith("(value 1 -> 2) [high] - on h3, unlike 2 of 3 hosts")
    assert (len(lines), lines[-1]) == (22, "and 40 more")
    assert outliers.lines("p/s", look(values("1", "1", None)), 3)[1].endswith(" - missing on h3, there on 2 of 3 hosts")
    assert outliers.lines("p/s", look(values("1", "2", "3", "1")), 4)[1].endswith(" - 2 on h1, h4; 1 on h2; 1 on h3")


@given(st.lists(ITEMS, min_size=3, max_size=5))
def test_nobody_is_named_for_what_all_share(each):
    seers = {f"h{n}": seen(items, READ, own={}) for n, items in enumerate(each)}
    named = {finding["path"] for finding in peers.among(seers, rules={})["findings"]}
    assert named == {path for items in each for path in items if any(other.get(path) != items[path] for other in each)}
