# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, digest, files, hashing, walk


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}").write_text(str(number))
    return folder


def look(tree, **more):
    return files.collect(paths=[str(tree)], exclude=[], **more)


def test_content_is_what_sha256_says(tree):
    item = look(tree)[f"file:{tree}/007"]
    assert (item["sha256"], item["size"], item["type"]) == (hashlib.sha256(b"7").hexdigest(), 1, "file")


def test_forked_workers_give_the_same_digests(tree, monkeypatch):
    jobs = [hashing.Job(str(path), path.stat().st_size, cache.key(path.lstat())) for path in sorted(tree.iterdir())]
    alone = hashing.digests(jobs, 1)
    monkeypatch.setattr(hashing, "ENOUGH_FILES", 1)
    assert hashing.digests(jobs, 3) == alone
    monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(OSError()))
    assert hashing.digests(jobs, 3) == alone


def test_a_second_look_reads_only_what_changed(tree, tmp_path, monkeypatch):
    kept = str(tmp_path / "kept")
    # Change times cannot be set, so the clock is moved.
    monkeypatch.setattr(cache, "RACY_NS", -(10**12))
    first = look(tree, cache_dir=kept)
    (tree / "007").write_text("seven")
    read = []
    real = files.digests
    monkeypatch.setattr(files, "digests", lambda jobs: read.extend(job.path for job in jobs) or real(jobs))
    second = look(tree, cache_dir=kept)
    assert read == [f"{tree}/007"]
    assert second == look(tree)
    assert {path for path in first if first[path] != second[path]} == {f"file:{tree}/007"}


def test_what_was_touched_just_now_is_not_trusted(tree, tmp_path):
    look(tree, cache_dir=str(tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\1"),
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(b"something else"),
        lambda path: path.chmod(0o644),
    ],
)
def test_a_spoilt_cache_is_no_cache(tmp_path, spoil):
    place = tmp_path / "kept" / "x.cache"
    known = {bytes(cache.KEY.size): bytes(32)}
    cache.save(str(place), known)
    assert cache.load(str(place)) == known
    spoil(place)
    assert cache.load(str(place)) == {}


def test_a_cache_of_another_machine_is_no_cache(tmp_path, monkeypatch):
    place = str(tmp_path / "x.cache")
    cache.save(place, {bytes(cache.KEY.size): bytes(32)})
    monkeypatch.setattr(cache, "_machine", lambda: b"another")
    assert cache.load(place) == {}


def test_pipes_and_links_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    items = look(tmp_path)
    assert items[f"file:{tmp_path}/pipe"]["type"] == "pipe"
    assert items[f"file:{tmp_path}/link"]["target"] == "/dev/zero"


def test_a_folder_that_cannot_be_listed_is_unknown_alone(tree, monkeypatch):
    (tree / "closed").mkdir()
    real = os.listdir

    def listdir(path):
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(walk.os, "listdir", listdir)
    items = look(tree)
    assert "permission denied" in items[f"file:{tree}/closed"]["unknown"]
    assert "unknown" not in items[f"file:{tree}/007"]


def test_a_file_that_vanishes_was_not_there(tree, monkeypatch):
    real = files.digests
    monkeypatch.setattr(files, "digests", lambda jobs: (tree / "007").unlink() or real(jobs))
    assert f"file:{tree}/007" not in look(tree)


def test_a_file_that_changes_after_it_was_listed_is_read_again(tree, monkeypatch):
    real = files.digests
    monkeypatch.setattr(files, "digests", lambda jobs: (tree / "007").write_text("seven") and real(jobs))
    assert look(tree)[f"file:{tree}/007"]["sha256"] == hashlib.sha256(b"seven").hexdigest()


def test_only_what_differs_comes_back():
    items = {"file:/a/1": {"size": 1}, "file:/b/1": {"size": 1}, "config:x.ini:k": {"value": "1"}}
    expect = digest.groups(items)
    assert digest.narrow(items, expect) == ({}, [])
    assert digest.narrow({**items, "file:/b/1": {"size": 2}}, expect) == ({"file:/b/1": {"size": 2}}, ["file:/b/"])
    assert digest.narrow({"file:/a/1": {"size": 1}}, expect) == ({}, ["config:x.ini", "file:/b/"])
