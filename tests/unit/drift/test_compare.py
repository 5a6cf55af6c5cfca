# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import changes, findings, merged, verdict
from hypothesis import given
from hypothesis import strategies as st

READ = {name: {"state": "read"} for name in ("files", "config", "packages")}
NAMES = [f"file:/{folder}/{name}" for folder in ("a", "b") for name in ("1", "2", "3")] + ["config:x.ini:a.b", "package:deb/vim:amd64"]
DIGESTS = st.sampled_from(["aa", "bb", "cc"])
FILES = st.fixed_dictionaries({"type": st.just("file"), "mode": st.sampled_from(["0644", "0600"]), "size": st.just(100), "sha256": DIGESTS})
ITEMS = st.dictionaries(st.sampled_from(NAMES), FILES)
TURN = {"added": "removed", "removed": "added", "changed": "changed", "renamed": "renamed", "unknown": "unknown"}


def compare(before, after, collectors=READ, now=None, **more):
    return findings(changes(before, after), collectors, collectors if now is None else now, **more)


def secret(mark="f00d", key="k1", **more):
    return {"secret": True, "fingerprint": mark, "key": key, **more}


def covered(result):
    return {path for finding in result for path in (finding["path"], finding.get("from", finding["path"]))}


@given(ITEMS, ITEMS)
def test_exactly_what_differs_is_found(before, after):
    assert covered(compare(before, after)) == {path for path in {*before, *after} if before.get(path) != after.get(path)}


@given(ITEMS, ITEMS)
def test_the_changes_make_the_second_out_of_the_first(before, after):
    assert merged(before, changes(before, after)) == after


@given(ITEMS, ITEMS)
def test_turned_round_the_same_is_found_the_other_way(before, after):
    def told(finding, old, new):
        path = finding.get("from", finding["path"]) if old == "after" else finding["path"]
        origin = finding["path"] if old == "after" else finding.get("from")
        return path, finding["kind"] if old == "before" else TURN[finding["kind"]], finding[old], finding[new], origin if finding["kind"] == "renamed" else None

    there = [told(finding, "before", "after") for finding in compare(before, after)]
    back = [told(finding, "after", "before") for finding in compare(after, before)]
    assert sorted(there, key=str) == sorted(back, key=str)


@given(ITEMS, ITEMS)
def test_a_rename_is_one_to_one_and_hides_no_content(before, after):
    moves = [finding for finding in compare(before, after) if finding["kind"] == "renamed"]
    assert len({finding["from"] for finding in moves}) == len({finding["path"] for finding in moves}) == len(moves)
    for finding in moves:
        old, new = before[finding["from"]], after[finding["path"]]
        assert finding["from"] not in after
        assert finding["path"] not in before
        assert old["sha256"] == new["sha256"]
        assert finding["after"] == {name: new[name] for name in new if old[name] != new[name]}


def test_a_rename_keeps_the_base_name_when_several_fit():
    file = {"type": "file", "size": 99, "sha256": "aa"}
    result = compare({"file:/a/x": file, "file:/a/y": file}, {"file:/b/y": file, "file:/b/z": file})
    assert [(each["from"], each["path"]) for each in result] == [("file:/a/y", "file:/b/y"), ("file:/a/x", "file:/b/z")]


@pytest.mark.parametrize("more", [{"size": 3}, {"sha256": ""}, {"type": "link", "other": 1}])
def test_what_is_alike_by_chance_is_no_rename(more):
    file = {"type": "file", "size": 99, "sha256": "aa"}
    new = {**file, **more}
    old = file if more.get("type") else new
    assert [each["kind"] for each in compare({"file:/a": old}, {"file:/b": new})] == ["removed", "added"]


def test_only_attributes_that_differ_are_shown():
    (finding,) = compare({"file:/a": {"mode": "0600", "owner": "root"}}, {"file:/a": {"mode": "0644", "owner": "root", "xattrs": {}}})
    assert (finding["before"], finding["after"]) == ({"mode": "0600"}, {"mode": "0644", "xattrs": {}})


@pytest.mark.parametrize(
    ("old", "new", "kind", "before", "after"),
    [
        (secret("f00d"), secret("beef"), "changed", {"secret": "[REDACTED]"}, {"secret": "differs"}),
        (secret(mode="0600"), secret(mode="0644"), "changed", {"mode": "0600"}, {"mode": "0644"}),
        ({"value": "plain"}, secret(), "changed", {"secret": "[REDACTED]"}, {"secret": "differs"}),
        (secret(), {"value": "plain"}, "changed", {"secret": "[REDACTED]"}, {"secret": "differs"}),
        (None, secret(mode="0600"), "added", None, {"secret": "[REDACTED]", "mode": "0600"}),
        (secret(), None, "removed", {"secret": "[REDACTED]"}, None),
        ({"uid": 0, "password": secret("f00d")}, {"uid": 0, "password": secret("beef")}, "changed", {"password": "[REDACTED]"}, {"password": "differs"}),
        ({"uid": 0}, {"uid": 0, "password": secret()}, "changed", {}, {"password": "[REDACTED]"}),
    ],
)
def test_a_secret_shows_neither_value_nor_fingerprint(old, new, kind, before, after):
    sides = [{"config:a:password": item} if item else {} for item in (old, new)]
    (finding,) = compare(*sides)
    assert (finding["kind"], finding["before"], finding["after"]) == (kind, before, after)
    assert not any(word in str(finding) for word in ("f00d", "beef", "plain"))


def test_secrets_under_two_keys_cannot_be_compared():
    (finding,) = compare({"file:/a": secret(key="k1", mode="0600")}, {"file:/a": secret(key="k2", mode="0644")})
    assert (finding["kind"], finding["before"]) == ("unknown", {"mode": "0600"})
    assert "different keys" in finding["after"]["unknown"]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (READ, {**READ, "config": {"state": "unknown", "reason": "permission denied"}}, "permission denied"),
        ({**READ, "config": {"state": "unknown", "reason": "permission denied"}}, READ, "permission denied"),
        (READ, {name: READ[name] for name in ("files", "packages")}, "only one of the two"),
    ],
)
def test_a_collector_that_could_not_look_is_unknown_and_its_items_are_not_compared(before, now, said):
    items = {"config:x:a": {"value": "1"}, "file:/a": {"mode": "0600"}}
    result = findings(changes(items, {}), before, now)
    assert [(each["path"], each["kind"]) for each in result] == [("collector:config", "unknown"), ("file:/a", "removed")]
    assert said in str(result[0])


def test_without_the_states_of_the_baseline_only_those_of_now_count():
    assert findings({}, None, READ) == []
    assert verdict(findings({}, None, {"files": {"state": "unknown"}})) == "inconclusive"


def test_what_cannot_be_read_is_unknown_though_it_was_so_before():
    item = {"type": "file", "unknown": "permission denied"}
    (finding,) = compare({"file:/a": item}, {"file:/a": item})
    assert (finding["kind"], finding["after"]) == ("unknown", {"unknown": "permission denied"})


@pytest.mark.parametrize("folder", ["/a", "/"])
def test_what_lies_below_a_closed_folder_is_not_gone(folder):
    below = {f"file:{folder.rstrip('/')}/{name}": {"size": 1} for name in ("1", "deep/2")}
    before = {f"file:{folder}": {"type": "folder"}, **below}
    after = {f"file:{folder}": {"type": "folder", "unknown": "permission denied"}}
    result = compare({**before, "package:x": {}}, {**after, "package:x": {}})
    assert [(finding["path"], finding["kind"]) for finding in result] == [(f"file:{folder}", "unknown")]
    assert verdict(result) == "inconclusive"


@pytest.mark.parametrize(
    ("closed", "below", "beside"),
    [
        ("config:x.ini", "config:x.ini:a.b", "config:x.in:a"),
        ("container:podman", "container:podman/web", "container:docker/web"),
        ("certificate:/etc/x.pem", "certificate:/etc/x.pem#2", "certificate:/etc/x.pem2"),
        ("file:/a", "file:/a/b", "file:/a:b"),
    ],
)
def test_what_belongs_to_an_unreadable_whole_is_not_gone(closed, below, beside):
    result = compare({below: {"value": 1}, beside: {"value": 1}}, {closed: {"unknown": "denied"}}, {}, {})
    assert [(each["path"], each["kind"]) for each in result] == sorted([(closed, "unknown"), (beside, "removed")])


def test_a_neighbour_whose_name_begins_alike_is_not_below():
    result = compare({"file:/ab": {"size": 1}}, {"file:/a": {"type": "folder", "unknown": "no"}})
    assert [(each["path"], each["kind"]) for each in result] == [("file:/a", "unknown"), ("file:/ab", "removed")]


def test_contents_become_a_diff_without_secrets():
    before, after = ({"file:/etc/x.ini": {"sha256": digest}} for digest in ("aa", "bb"))
    texts = {"file:/etc/x.ini": (b"a = 1\npassword = one\n", b"a = 2\npassword = two\n")}
    (finding,) = compare(before, after, texts=texts)
    assert "-a = 1\n" in finding["diff"]
    assert "+password = [REDACTED]" in finding["diff"]
    assert "two" not in finding["diff"]


def test_text_of_several_lines_is_shown_as_a_diff():
    (finding,) = compare({"custom:x:y": {"value": "one\ntwo"}}, {"custom:x:y": {"value": "one\n2"}})
    assert "-two" in finding["diff"]
    (finding,) = compare({"custom:x:y": {"value": "two"}}, {"custom:x:y": {"value": "2"}})
    assert "diff" not in finding


@pytest.mark.parametrize(("kinds", "said"), [([], "passed"), (["unknown"], "inconclusive"), (["unknown", "added"], "failed")])
def test_verdict(kinds, said):
    assert verdict([{"kind": kind} for kind in kinds]) == said
