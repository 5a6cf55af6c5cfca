# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, records and packed trees."""

from __future__ import annotations

import os
import random

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import packed, shape
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import Tree, folder_of, small_tree, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

from .files_support import scan

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4).map(shape.printable)
FOLDERS = st.sampled_from(["/", "/a", "/a/b", "/ä\\\\"])
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2), max_leaves=3)
USUAL = {
    "type": st.sampled_from(["file", "folder", 3]),
    "mode": st.sampled_from(["0644", "0755", None]),
    "owner": st.sampled_from(["root", "web"]),
    "group": st.sampled_from(["root", "a b"]),
    "size": st.integers(-1, 2**64) | st.none(),
    "sha256": st.sampled_from(["0f" * 32, "0F" * 32, "0f", "é"]),
    "target": st.text(max_size=3),
}
ITEM = st.builds(lambda usual, more: {**more, **usual}, st.fixed_dictionaries({}, optional=USUAL), st.dictionaries(st.text(max_size=4), VALUES, max_size=2))
ITEMS = st.dictionaries(st.builds(lambda folder, name: f"file:{folder.rstrip('/')}/{name}", FOLDERS, NAMES), ITEM, max_size=8)


@given(st.binary(max_size=12))
def test_a_path_as_text_is_turned_back(path):
    text = shape.printable(path)
    assert shape.real_path(text) == path
    assert text.encode().decode() == text
    assert "\n" not in text
    assert shape.printable(os.fsdecode(path)) == text


@pytest.mark.parametrize("text", ["/a\\", "/\\x4", "/\\x41", "/\\q", "/\x07", "/\\xC3"])
def test_a_text_that_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="is not a path as a snapshot writes it"):
        shape.real_path(text)


@given(ITEMS)
def test_items_are_what_a_tree_was_made_of(items):
    tree = small_tree(items)
    assert dict(tree.all_items()) == items
    assert tree.count() == len(items)
    assert {folder_of(key)[0] for key in items} == set(tree.folders)
    for folder in tree.folders:
        assert set(tree.items(folder)) == {key for key in items if folder_of(key)[0] == folder}


@settings(max_examples=40)
@given(ITEMS, st.randoms(use_true_random=False))
def test_a_packed_tree_is_the_same_in_any_order(items, chance):
    tree = small_tree(items)
    order = list(items)
    chance.shuffle(order)
    again = small_tree({key: dict(reversed(items[key].items())) for key in order})
    assert again.folders == tree.folders
    assert again.pack() == tree.pack()
    back = unpack(tree.pack())
    assert (back.folders, dict(back.all_items())) == (tree.folders, items)


@settings(max_examples=40)
@given(ITEMS, ITEMS)
def test_folders_differ_exactly_where_their_items_do(one, two):
    first, second = small_tree(one), small_tree(two)
    for folder in {*first.folders, *second.folders}:
        assert (first.folders.get(folder) == second.folders.get(folder)) == (_exact(first.items(folder)) == _exact(second.items(folder)))


def _exact(items):
    """1 is not true here, as in JSON."""
    return packed._json(items)


def test_a_scan_and_its_items_have_the_same_digests(tmp_path):
    (tmp_path / "é\n").symlink_to("x")
    (tmp_path / "plain").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    found = scan(tmp_path)
    assert small_tree(dict(found.all_items())).folders == found.folders


def test_the_top_of_all():
    assert [folder_of(key) for key in ("file:/", "file:/a", "file:/a/b")] == [("", ""), ("/", "a"), ("/a", "b")]
    items = {"file:/": {"type": "folder"}, "file:/a": {"type": "file"}, "file:/a/b": {}}
    assert dict(small_tree(items).all_items()) == items
    with pytest.raises(ValueError, match="no file with its whole path"):
        folder_of("package:x")


def test_a_broken_packed_tree_is_refused():
    whole = small_tree({f"file:/a/{number}": {"type": "file", "size": number, "sha256": f"{number:064x}"} for number in range(50)}).pack()
    assert unpack(whole).count() == 50
    for broken in (b"", b"x" * 100, whole[:-1], whole[:40], whole + b"x"):
        with pytest.raises(ValueError, match="cannot be read"):
            unpack(broken)
    chance = random.Random(5)
    for _try in range(200):
        at = chance.randrange(len(whole))
        try:
            found = unpack(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        except ValueError:
            continue
        assert found.pack() == whole  # a bit that means nothing to zlib


@given(st.binary(max_size=80))
def test_any_bytes_are_a_record_or_refused(data):
    try:
        packed.decode(data)
    except ValueError:
        return
    assert packed.split(data)


def test_an_empty_folder_has_no_digest():
    assert Tree({"/a": packed.encode([])}).folders == {}
