# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.digest import groups, narrow
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import compare, verdict, whole
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.parity import comparable, parity
from hypothesis import given
from hypothesis import strategies as st

PATHS = st.sampled_from(["file:/a/1", "file:/a/2", "file:/b/1", "config:x.ini:a.b", "config:x.ini:pw", "package:vim", "port:tcp:0.0.0.0:80"])
ITEMS = st.dictionaries(PATHS, st.fixed_dictionaries({"value": st.sampled_from("123")}))
READ = {name: {"state": "read"} for name in ("files", "config", "packages", "ports")}


def snapshot(items):
    return {"collectors": READ, "items": items}


@given(ITEMS)
def test_nothing_differs_from_itself(items):
    assert compare(snapshot(items), snapshot(items)) == []
    assert parity({"a": snapshot(items)}, {"b": snapshot(items)}) == []


@given(ITEMS, ITEMS)
def test_exactly_the_paths_that_differ_are_found(before, after):
    found = {finding["path"] for finding in compare(snapshot(before), snapshot(after))}
    assert found == {path for path in {*before, *after} if before.get(path) != after.get(path)}


@given(ITEMS, ITEMS)
def test_a_narrowed_snapshot_tells_as_much_as_a_whole_one(before, after):
    items, differs = narrow(after, groups(before))
    small = {"collectors": READ, "items": items, "differs": differs}
    assert whole(snapshot(before), small)["items"] == after
    assert compare(snapshot(before), small) == compare(snapshot(before), snapshot(after))


@given(ITEMS, ITEMS)
def test_turned_round_the_same_paths_differ(before, after):
    turn = {"added": "removed", "removed": "added", "changed": "changed"}
    there = [(finding["path"], finding["kind"]) for finding in compare(snapshot(before), snapshot(after))]
    assert [(path, turn[kind]) for path, kind in there] == [(f["path"], f["kind"]) for f in compare(snapshot(after), snapshot(before))]


@given(st.lists(ITEMS, min_size=1, max_size=3), st.lists(ITEMS, min_size=1, max_size=3))
def test_a_host_that_is_like_one_over_there_does_not_differ(here, there):
    own = {f"h{number}": snapshot(items) for number, items in enumerate([*here, there[0]])}
    findings = parity(own, {f"t{number}": snapshot(items) for number, items in enumerate(there)})
    assert not any(f"h{len(here)}" in finding["hosts"] for finding in findings)


def test_what_lies_below_a_closed_folder_is_not_gone():
    before = {"file:/a": {"type": "folder"}, "file:/a/1": {"size": 1}}
    after = {"file:/a": {"type": "folder", "unknown": "permission denied"}}
    findings = compare(snapshot(before), snapshot(after))
    assert [(finding["path"], finding["kind"]) for finding in findings] == [("file:/a", "unknown")]
    assert verdict(findings) == "inconclusive"


def test_root_and_secret_are_no_difference_between_environments():
    def shop(root, mark):
        items = {f"file:{root}/x": {"size": 1}, "config:x.ini:pw": {"secret": True, "fingerprint": mark}}
        return comparable(snapshot(items), root)

    assert parity({"a": shop("/srv/one", "f00d")}, {"b": shop("/srv/two", "beef")}) == []


def test_no_host_on_one_side_is_unknown():
    assert verdict(parity({"a": snapshot({})}, {})) == "inconclusive"
