# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import zlib
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import SPLIT, group_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, Record, apply, build, changed, delta, dump, load
from hypothesis import given
from hypothesis import strategies as st

KEYS = st.sampled_from(
    [
        "file:/",
        "file:/a",
        "file:/a/1",
        "file:/a/2",
        "file:/a/b/1",
        "config:x.ini:a.b",
        "config:x.ini:pw",
        "config:y.ini:a",
        "package:deb/vim:amd64",
        "sysctl:a.b",
    ]
)
VALUES = st.one_of(st.integers(0, 3), st.text(max_size=3), st.none(), st.lists(st.integers(0, 1), max_size=2))
ITEMS = st.dictionaries(KEYS, st.fixed_dictionaries({"value": VALUES}, optional={"mode": st.just("0644"), "unknown": st.just("why")}))
STATES = st.fixed_dictionaries(
    {"files": st.just({"state": "read"})}, optional={"packages": st.sampled_from([{"state": "read"}, {"state": "unknown", "reason": "no dpkg"}])}
)
RECORDS = st.builds(build, STATES, ITEMS)
READ = {"packages": {"state": "read"}, "files": {"state": "read"}}


def many(count: int, **edits: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {**{f"package:p{number}": {"version": "1"} for number in range(count)}, **{f"package:{name}": item for name, item in edits.items()}}


def unlike(before: Record, after: Record) -> set[str]:
    one, two = before.all_items(), after.all_items()
    return {key for key in {*one, *two} if one.get(key) != two.get(key)}


@given(RECORDS, RECORDS)
def test_a_delta_holds_what_differs_and_nothing_else_and_makes_the_other_record(before: Record, after: Record) -> None:
    change = delta(before, after)
    assert {*change["items"], *change["gone"]} == unlike(before, after)
    assert not set(change["items"]) & set(change["gone"])
    made = apply(before, change)
    assert made.root == after.root
    assert made.groups == after.groups
    assert made.all_items() == after.all_items()
    assert made.collectors == after.collectors
    assert made.unknown() == after.unknown()


@given(RECORDS, RECORDS, RECORDS)
def test_deltas_follow_one_another(one: Record, two: Record, three: Record) -> None:
    made = apply(apply(one, delta(one, two)), delta(two, three))
    assert made.all_items() == three.all_items()
    assert load(dump(made)).root == three.root
    assert delta(made, three)["items"] == {}


@given(STATES, ITEMS, KEYS, st.sampled_from(["edit", "remove", "rename", "type"]))
def test_any_single_edit_is_the_whole_delta(states: Any, items: Any, key: str, edit: str) -> None:
    items = {key: {"value": 1}, **items}
    edited = {name: item for name, item in items.items() if name != key or edit == "edit" or edit == "type"}
    expected = {key}
    if edit == "edit":
        edited[key] = {**items[key], "value": "another"}
    elif edit == "type":
        edited[key] = {"type": "link", "target": "/x"}
    elif edit == "rename":
        edited[key + "~"] = items[key]
        expected.add(key + "~")
    change = delta(build(states, items), build(states, edited))
    assert {*change["items"], *change["gone"]} == expected


@given(RECORDS, RECORDS)
def test_one_root_means_the_same_items_and_states(one: Record, two: Record) -> None:
    assert (one.root == two.root) == (one.all_items() == two.all_items() and one.collectors == two.collectors)


@given(RECORDS)
def test_a_record_comes_back_from_its_bytes(record: Record) -> None:
    back = load(dump(record))
    assert (back.root, back.groups, back.collectors, back.all_items()) == (record.root, record.groups, record.collectors, record.all_items())


@given(RECORDS, st.data())
def test_bytes_that_were_touched_are_refused(record: Record, data: st.DataObject) -> None:
    whole = bytearray(dump(record))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Broken):
        load(bytes(whole))
    with pytest.raises(Broken):
        load(bytes(whole[:at]))


def test_the_order_and_the_python_of_a_host_do_not_matter() -> None:
    one = build(READ, {"package:a": {"v": (1, 2), "w": 1}, "file:/x/y": {"mode": "0600", "type": "file"}})
    two = build(dict(reversed(READ.items())), {"file:/x/y": {"type": "file", "mode": "0600"}, "package:a": {"w": 1, "v": [1, 2]}})
    assert one.root == two.root
    # Fixed, so that a baseline of an older version still means the same.
    assert one.root == "549821b25f75845a38989cdd40d460f6285645bd49eb8deb7a1a1a4eef648b18"


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("file:/", "file:"),
        ("file:/etc", "file:/"),
        ("file:/etc/shop/a.ini", "file:/etc/shop/"),
        ("config:shop.ini:server.port", "config:shop.ini"),
        ("config:shop.ini", "config:shop.ini"),
        ("package:deb/openssl:amd64", "package"),
        ("port:tcp:0.0.0.0:22", "port"),
    ],
)
def test_groups(key: str, group: str) -> None:
    assert group_of(key) == group
    assert list(build(READ, {key: {"a": 1}}).groups) == [group]


@pytest.mark.parametrize("count", [SPLIT - 1, SPLIT, SPLIT + 1])
def test_a_kind_that_grows_over_the_limit_is_split_and_the_delta_stays_small(count: int) -> None:
    before, after = build(READ, many(count)), build(READ, many(count, new={"version": "2"}))
    change = delta(before, after)
    assert list(change["items"]) == ["package:new"]
    assert not change["gone"]
    assert apply(before, change).root == after.root
    assert delta(after, before)["gone"] == ["package:new"]
    assert (len(after.groups) > 1) == (count >= SPLIT)
    assert after.select(["package:new", "package:p7", "package:nothing"]) == {"package:new": {"version": "2"}, "package:p7": {"version": "1"}}


@given(
    st.integers(SPLIT - 3, SPLIT + 3), st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3", "q1", "q2", "q3"]), st.sampled_from([None, "1", "2"])), max_size=6)
)
def test_edits_about_the_limit_of_a_kind_make_the_record_that_building_it_makes(count: int, edits: list[tuple[str, str | None]]) -> None:
    before, items = build(READ, many(count)), many(count)
    for name, version in edits:
        items.pop(f"package:{name}", None)
        if version:
            items[f"package:{name}"] = {"version": version}
    after = build(READ, items)
    made = apply(before, delta(before, after))
    assert (made.groups, made.all_items()) == (after.groups, after.all_items())
    assert apply(made, delta(made, before)).groups == before.groups


def test_each_collector_has_a_root_of_its_own() -> None:
    one = build(READ, {"package:a": {"v": 1}, "file:/x": {"mode": "0600"}})
    two = build(READ, {"package:a": {"v": 2}, "file:/x": {"mode": "0600"}})
    assert one.collectors["files"] == two.collectors["files"]
    assert one.collectors["packages"]["root"] != two.collectors["packages"]["root"]


def test_what_could_not_be_looked_at_is_part_of_the_root() -> None:
    blind = {**READ, "packages": {"state": "unknown", "reason": "no dpkg"}}
    assert build(READ, {}).root != build(blind, {}).root


@pytest.mark.parametrize(
    "lie",
    [
        {"base": "0" * 64},
        {"root": "0" * 64},
        {"items": {"package:a": {"v": 3}}},
        {"gone": []},
        {"gone": 7},
        {"items": {"file:relative": {}}},
        {"items": {"package:a": "text"}},
        {"collectors": {"packages": {"state": "unknown", "reason": "none"}}},
    ],
)
def test_a_delta_that_lies_is_refused(lie: dict[str, Any]) -> None:
    before = build(READ, {"package:a": {"v": 1}, "package:b": {"v": 1}})
    change = delta(before, build(READ, {"package:a": {"v": 2}}))
    assert apply(before, change).all_items() == {"package:a": {"v": 2}}
    with pytest.raises(Broken):
        apply(before, {**change, **lie})


def test_a_record_that_lies_about_its_root_is_refused() -> None:
    record = build(READ, {"package:a": {"v": 1}})
    record.root = "0" * 64
    with pytest.raises(Broken, match="its items make up"):
        load(dump(record))


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import record

    monkeypatch.setattr(record, "LARGEST", 1000)
    assert record.inflate(zlib.compress(bytes(1000))) == bytes(1000)
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        record.inflate(zlib.compress(bytes(1001)))


def test_the_expected_change_is_folded_in_without_a_root_to_check() -> None:
    before = build(READ, {"file:/a/1": {"mode": "1"}, "file:/a/2": {"mode": "1"}})
    now = changed(before, collectors=before.collectors, items={"file:/a/1": {"mode": "2"}}, gone=["file:/a/2"])
    assert now.root == build(READ, {"file:/a/1": {"mode": "2"}}).root
