# SPDX-License-Identifier: GPL-3.0-or-later
"""The second look: what is read again, what is not, and which caches are not believed."""

from __future__ import annotations

import errno
import hashlib
import os
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, entries, files, xattrs

from .files_support import look, plainly, scan, trusting


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "tree"
    for number in range(300):
        (top / str(number % 3)).mkdir(parents=True, exist_ok=True)
        (top / str(number % 3) / f"{number:03}").write_text(str(number))
    return top


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def trusted(monkeypatch):
    trusting(monkeypatch)


@pytest.fixture
def read(monkeypatch):
    sizes = []
    real = entries.content
    monkeypatch.setattr(entries, "content", lambda descriptor, key, pace: sizes.append(key[2]) or real(descriptor, key, pace))
    return sizes


def only(kept):
    (place,) = kept.glob("*.cache")
    return place


def test_a_second_look_reads_only_what_changed(tree, kept, trusted, read):
    first = look(tree, cache_dir=kept)
    (tree / "1" / "007").write_text("seven, seven")
    read.clear()
    found = scan(tree, cache_dir=kept)
    assert read == [12]
    assert {key: found.stats[key] for key in ("files", "hashed", "cached", "bytes")} == {"files": 300, "hashed": 1, "cached": 299, "bytes": 12}
    second = dict(found.all_items())
    assert second == plainly(tree)
    assert {key for key in first if first[key] != second[key]} == {f"file:{tree}/1/007"}


def test_a_look_at_what_did_not_move_opens_no_file_and_writes_nothing(tree, kept, trusted, read):
    first = scan(tree, cache_dir=kept)
    before, read[:] = only(kept).stat().st_mtime_ns, []
    again = scan(tree, cache_dir=kept)
    assert (read, again.folders) == ([], first.folders)
    assert only(kept).stat().st_mtime_ns == before


def test_a_change_that_restores_size_and_time_is_found(tree, kept, trusted):
    look(tree, cache_dir=kept)
    target = tree / "1" / "010"
    before = target.stat()
    time.sleep(0.02)
    target.write_text("XX")
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look(tree, cache_dir=kept)[f"file:{target}"]["sha256"] == hashlib.sha256(b"XX").hexdigest()


def test_what_was_touched_just_now_is_read_again(tree, kept, read):
    look(tree, cache_dir=kept)
    read.clear()
    assert look(tree, cache_dir=kept) == plainly(tree)
    assert len(read) == 300


@pytest.mark.parametrize("verify", ["full", "sample"])
def test_content_that_changed_under_an_unmoved_key_is_found(tree, kept, trusted, monkeypatch, verify):
    look(tree, cache_dir=kept)
    place = only(kept)
    known = cache.load(str(place))
    listings = [known.get(path) for path in known.places]
    digest = hashlib.sha256(b"007").digest()
    true = hashlib.sha256(b"7").digest()
    cache.save(str(place), [one._replace(record=one.record.replace(true, digest)).dump() for one in listings])
    assert look(tree, cache_dir=kept, keep_cache=False)[f"file:{tree}/1/007"]["sha256"] == digest.hex()
    monkeypatch.setattr("ansible_collections.evenkeel.release.plugins.module_utils._snapshot.folder.random.random", lambda: 0.0)
    found = scan(tree, cache_dir=kept, verify=verify)
    assert dict(found.all_items()) == plainly(tree)
    assert (found.stats["altered"], found.stats["hashed"], found.stats["verify"]) == (1, 300, verify)


def test_a_sample_is_a_hundredth(tree, kept, trusted, read, monkeypatch):
    look(tree, cache_dir=kept)
    read.clear()
    drawn = iter([*[0.5] * 50, 0.009, *[0.5] * 1000])
    monkeypatch.setattr("ansible_collections.evenkeel.release.plugins.module_utils._snapshot.folder.random.random", lambda: next(drawn))
    look(tree, cache_dir=kept, verify="sample")
    assert len(read) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: place.write_bytes(place.read_bytes()[:-1] + b"\1"),
        lambda place: place.write_bytes(place.read_bytes()[:-40]),
        lambda place: place.write_bytes(b""),
        lambda place: place.write_bytes(b"something else"),
        lambda place: place.chmod(0o644),
        lambda place: place.parent.chmod(0o777),
    ],
)
def test_a_spoilt_cache_is_no_cache(tree, kept, trusted, read, spoil):
    look(tree, cache_dir=kept)
    assert cache.load(str(only(kept))).places
    spoil(only(kept))
    assert not cache.load(str(only(kept))).places
    read.clear()
    assert look(tree, cache_dir=kept) == plainly(tree)
    assert len(read) == 300


def test_a_cache_of_another_machine_or_user_is_no_cache(tree, kept, trusted, monkeypatch):
    look(tree, cache_dir=kept)
    place = str(only(kept))
    for module, name, value in ((cache, "_machine", lambda: b"another"), (os, "geteuid", lambda: 12345)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert not cache.load(place).places
    assert cache.load(place).places


@pytest.mark.parametrize("more", [{"exclude": ["0*7"]}, {"max_file_size": 2}, {"secret_files": ["01*"]}, {"one_file_system": False}])
def test_other_rules_have_another_cache(tree, kept, trusted, more):
    plain = look(tree, cache_dir=kept)
    assert look(tree, cache_dir=kept, **more) == look(tree, **more)
    assert look(tree, cache_dir=kept, **more) == look(tree, **more)
    assert look(tree, cache_dir=kept) == plain
    assert len(list(kept.glob("*.cache"))) == 2


def test_an_owner_who_is_renamed_is_renamed_in_what_did_not_move(tree, kept, trusted, monkeypatch):
    look(tree, cache_dir=kept)
    monkeypatch.setattr(xattrs.pwd, "getpwuid", lambda _number: (_ for _ in ()).throw(KeyError()))
    for one in (xattrs.name_of, xattrs._same_name):
        one.cache_clear()
    try:
        found = scan(tree, cache_dir=kept)
        assert {item["owner"] for _key, item in found.all_items()} == {str(os.getuid())}
        assert found.stats["hashed"] == 0
    finally:
        for one in (xattrs.name_of, xattrs._same_name):
            one.cache_clear()


def test_excluded_names_come_and_go_without_a_new_look(tree, kept, trusted, read, monkeypatch):
    monkeypatch.setattr(files, "WORTH_CACHING", 1)
    (tree / "1" / "log").write_text("x")
    first = scan(tree, cache_dir=kept, exclude=["log", "**/0/"])
    read.clear()
    (tree / "1" / "log").write_text("xy")
    assert scan(tree, cache_dir=kept, exclude=["log", "**/0/"]).folders == first.folders
    (tree / "1" / "log").unlink()
    (tree / "2" / "log").write_text("xy")
    assert dict(scan(tree, cache_dir=kept, exclude=["log", "**/0/"]).all_items()) == dict(first.all_items())
    assert not read
    (tree / "0").rename(tree / "was")
    (tree / "0").write_text("a file now")
    assert f"file:{tree}/0" in look(tree, cache_dir=kept, exclude=["log", "**/0/"])


def test_folders_that_move_turn_into_links_or_appear(tree, kept, trusted):
    (tree / "0" / "deep" / "er").mkdir(parents=True)
    (tree / "0" / "deep" / "er" / "x").write_text("x")
    look(tree, cache_dir=kept)
    (tree / "0" / "deep").rename(tree / "1" / "deep")
    (tree / "0" / "deep").symlink_to(tree / "1" / "deep")
    (tree / "new" / "er").mkdir(parents=True)
    (tree / "new" / "er" / "y").write_text("y")
    assert look(tree, cache_dir=kept) == plainly(tree)
    (tree / "1").rename(tree / "swap")
    (tree / "2").rename(tree / "1")
    (tree / "swap").rename(tree / "2")
    assert look(tree, cache_dir=kept) == plainly(tree)


def test_a_full_disk_costs_only_speed(tree, kept, trusted, monkeypatch):
    look(tree, cache_dir=kept)
    before = only(kept).read_bytes()
    (tree / "1" / "new").write_text("x")

    def full(*_all):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.os, "rename", full)
    assert look(tree, cache_dir=kept) == plainly(tree)
    assert only(kept).read_bytes() == before
    assert [place.name for place in kept.iterdir()] == [only(kept).name]


def test_halves_of_killed_scans_are_swept_away(tree, kept, trusted):
    look(tree, cache_dir=kept)
    for name, age in (("beside-old", 100_000), ("beside-young", 10)):
        (kept / name).write_bytes(b"half")
        os.utime(kept / name, (time.time() - age,) * 2)
    (tree / "1" / "new").write_text("x")
    look(tree, cache_dir=kept)
    assert sorted(place.name for place in kept.iterdir() if place.name.startswith("beside")) == ["beside-young"]


def test_check_mode_and_small_trees_keep_none(tree, kept, trusted):
    look(tree, cache_dir=kept, keep_cache=False)
    look(tree / "1", cache_dir=kept)
    assert not kept.exists()
    assert files.WORTH_CACHING > 100


def test_what_lay_in_a_folder_is_not_looked_for_behind_a_link_in_its_place(tree, kept, trusted, tmp_path, monkeypatch):
    (tree / "0" / "deep").mkdir()
    (tree / "0" / "deep" / "x").write_text("x")
    look(tree, cache_dir=kept)
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "private").write_text("not ours to read")
    (tree / "0").rename(tmp_path / "aside")
    (tree / "0").symlink_to(tmp_path / "elsewhere")
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **named: opened.append(os.fsdecode(path)) or real(path, *more, **named))
    items = look(tree, cache_dir=kept)
    assert "private" not in opened
    monkeypatch.undo()
    assert items == plainly(tree)


def test_what_could_not_be_read_is_read_the_next_time(tree, kept, trusted, monkeypatch):
    def failing(*_all):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(entries, "content", failing)
        assert "unknown" in look(tree, cache_dir=kept)[f"file:{tree}/1/007"]
    assert look(tree, cache_dir=kept) == plainly(tree)
