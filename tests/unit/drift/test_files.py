# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scan says of every kind of thing that lies in a tree."""

from __future__ import annotations

import hashlib
import os
import socket

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import entries, folder, hashing, rules, walk

from .files_support import Host, look, plainly, scan


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "tree"
    for number in range(30):
        (top / str(number % 3)).mkdir(parents=True, exist_ok=True)
        (top / str(number % 3) / f"{number:03}").write_text(str(number))
    return top


def test_all_is_what_the_plainest_look_says(tree):
    os.mkfifo(tree / "pipe")
    (tree / "link").symlink_to("/dev/zero")
    (tree / "loop").symlink_to("loop")
    (tree / "up").symlink_to("..")
    (tree / "empty").mkdir(mode=0o1777)
    (tree / "large").write_bytes(os.urandom(3 << 20))
    (tree / "0" / "set").write_text("x")
    (tree / "0" / "set").chmod(0o4711)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree / "s"))
        assert look(tree) == plainly(tree)


def test_names_that_are_not_utf8_or_would_write_on_a_terminal(tmp_path):
    names = [b"\xff", b"a\\xff", b"new\nline", "ä\u202e".encode(), b"\xed\xa0\x80", b" ", b"*"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    items = look(tmp_path)
    assert items == plainly(tmp_path)
    assert f"file:{tmp_path}/\\xff" in items
    assert f"file:{tmp_path}/a\\\\xff" in items
    assert all(key.isprintable() for key in items)


def test_a_device_is_told_by_its_numbers():
    assert look("/dev/null")["file:/dev/null"]["device"] == "char 1:3"


def test_the_top_of_all_and_single_files(tree):
    items = look("/", exclude=["/?*"])
    assert list(items) == ["file:/"]
    assert look(tree / "1" / "001") == {f"file:{tree}/1/001": plainly(tree)[f"file:{tree}/1/001"]}
    assert look(tree / "absent", tree / "1" / "001" / "below") == {}


def test_paths_overlap_without_being_read_twice(tree, monkeypatch):
    read = []
    real = entries.content
    monkeypatch.setattr(entries, "content", lambda descriptor, key, pace: read.append(key) or real(descriptor, key, pace))
    assert look(tree, tree / "1", tree / "1" / "001") == plainly(tree)
    assert len(read) == 30


def test_a_path_through_a_link_is_followed_where_it_was_asked_for(tree):
    (tree.parent / "current").symlink_to(tree)
    items = look(tree.parent / "current" / "1")
    assert len(items) == 11
    assert items[f"file:{tree.parent}/current/1/001"]["sha256"] == hashlib.sha256(b"1").hexdigest()
    assert look(tree.parent / "current")[f"file:{tree.parent}/current"]["type"] == "link"


def test_below_another_root_paths_are_those_of_the_host(tree):
    (tree / "etc").mkdir()
    (tree / "etc" / "hosts").write_text("x")
    items = look("/etc", "/1", host=Host(str(tree)), exclude=["/1/00*"])
    assert {"file:/etc", "file:/etc/hosts", "file:/1", "file:/1/010"} <= set(items)
    assert "file:/1/001" not in items


def test_links_to_one_file_are_read_once(tree, monkeypatch):
    for number in range(5):
        os.link(tree / "1" / "001", tree / "2" / f"link{number}")
    read = []
    real = hashing.digest
    monkeypatch.setattr(hashing, "digest", lambda job, pace: read.append(job.path) or real(job, pace))
    found = scan(tree)
    assert dict(found.all_items()) == plainly(tree)
    assert (len(read), found.stats["files"], found.stats["hashed"]) == (1, 35, 30)


def test_a_sparse_file_has_the_digest_of_its_zeros(tmp_path):
    with open(tmp_path / "sparse", "wb") as stream:
        for at in (0, 700_000, 5 << 20):
            stream.seek(at)
            stream.write(b"data")
        stream.truncate(9 << 20)
    assert (tmp_path / "sparse").stat().st_blocks * 512 < 9 << 20
    assert look(tmp_path) == plainly(tmp_path)


def test_above_the_ceiling_content_is_not_read(tree):
    item = look(tree, max_file_size=1)[f"file:{tree}/1/010"]
    assert {key: item[key] for key in ("type", "size", "content")} == {"type": "file", "size": 2, "content": "skipped, larger than 1"}
    assert "sha256" not in item
    assert "sha256" in look(tree, max_file_size=2)[f"file:{tree}/1/010"]


def test_content_that_is_compared_by_keys_is_not_read_here(tree):
    (tree / "same").symlink_to("1/001")
    items = look(tree, by_keys={str(tree / "same")})
    assert items[f"file:{tree}/1/001"] == {key: value for key, value in plainly(tree)[f"file:{tree}/1/001"].items() if key not in ("size", "sha256")}


def test_secret_files_are_fingerprints(tree):
    (tree / "1" / "id_rsa").write_text("1")
    item = look(tree, secret_files=["/**/1/001"])[f"file:{tree}/1/001"]
    assert (item["secret"], item["fingerprint"]) == (True, Host().secret(hashlib.sha256(b"1").hexdigest())["fingerprint"])
    assert "sha256" not in item
    assert "size" not in item
    blind = look(tree, host=Host(key=False))
    assert blind[f"file:{tree}/1/id_rsa"]["unknown"] == "fingerprint_key is missing"
    assert "sha256" not in blind[f"file:{tree}/1/id_rsa"]


def test_what_is_excluded_is_never_opened(tree, monkeypatch):
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **named: opened.append(path) or real(path, *more, **named))
    items = look(tree, exclude=["**/1/", f"{tree}/*/*5"])
    assert {os.path.basename(key) for key in items} == {"tree", "0", "2", *(f"{n:03}" for n in range(30) if n % 3 != 1 and n % 10 != 5)}
    assert not [path for path in map(os.fsdecode, opened) if path.endswith(("/1", "5"))]


def test_a_mount_point_is_named_and_not_entered(tree, monkeypatch):
    monkeypatch.setattr("ansible_collections.evenkeel.release.plugins.module_utils._snapshot.files.mount_points", lambda _root: {os.fsencode(tree): {b"1"}})
    items = look(tree)
    assert items[f"file:{tree}/1"]["mount"] is True
    assert f"file:{tree}/1/001" not in items
    assert f"file:{tree}/1/001" in look(tree, one_file_system=False)
    assert f"file:{tree}/1/001" in look(tree, tree / "1")


def test_mount_points_are_read_as_the_kernel_writes_them(tmp_path):
    (tmp_path / "mountinfo").write_text("1 0 8:1 / / rw - ext4 a b\n2 1 8:2 / /srv/with\\040space rw - ext4 a b\n3 1 0:3 / /srv/x rw - tmpfs a b\n")
    expected = {b"": {b"."}, b"/srv": {b"with space", b"x"}}
    assert rules.mount_points(b"", str(tmp_path / "mountinfo")) == expected
    assert rules.mount_points(b"/srv", str(tmp_path / "mountinfo")) == {b"/": {b"with space", b"x"}}


DENIED = PermissionError(13, "Permission denied")


def refusing(monkeypatch, ending, error=DENIED):
    real = os.open

    def opens(path, *more, **named):
        if os.fsdecode(path).endswith(ending):
            raise error
        return real(path, *more, **named)

    monkeypatch.setattr(os, "open", opens)


def test_a_folder_that_cannot_be_listed_is_unknown_alone(tree, monkeypatch):
    refusing(monkeypatch, "/1")
    items = look(tree)
    assert items[f"file:{tree}/1"]["unknown"] == "the folder cannot be listed (permission denied)"
    assert items[f"file:{tree}/1"]["mode"]
    assert f"file:{tree}/1/001" not in items
    assert [key for key, item in items.items() if "unknown" in item] == [f"file:{tree}/1"]


@pytest.mark.parametrize("name", ["001", "large"])
def test_a_file_that_cannot_be_opened_is_unknown(tree, monkeypatch, name):
    (tree / "1" / "large").write_bytes(bytes(2 << 20))
    refusing(monkeypatch, name)
    item = look(tree)[f"file:{tree}/1/{name}"]
    assert (item["unknown"], item["type"]) == ("permission denied", "file")
    assert "sha256" not in item


def test_a_file_that_cannot_be_read_is_unknown(tree, monkeypatch):
    def failing(*_all):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(entries, "content", failing)
    item = look(tree)[f"file:{tree}/1/001"]
    assert (item["unknown"], item["mode"]) == ("input/output error", plainly(tree)[f"file:{tree}/1/001"]["mode"])


def test_a_file_that_vanishes_was_not_there(tree, monkeypatch):
    refusing(monkeypatch, "001", FileNotFoundError(2, "No such file or directory"))
    items = look(tree)
    assert f"file:{tree}/1/001" not in items
    assert f"file:{tree}/1/004" in items


def between(monkeypatch, act):
    """Something happens after the folders were looked at and before large files are read."""
    real = hashing.digests
    monkeypatch.setattr(hashing, "digests", lambda *given: (act() and None) or real(*given))


def test_a_large_file_that_vanishes_was_not_there(tree, monkeypatch):
    (tree / "1" / "large").write_bytes(bytes(2 << 20))
    between(monkeypatch, (tree / "1" / "large").unlink)
    items = look(tree)
    assert f"file:{tree}/1/large" not in items
    assert f"file:{tree}/1/004" in items


def test_a_large_file_that_moved_is_read_as_it_is_now(tree, monkeypatch):
    (tree / "1" / "large").write_bytes(bytes(2 << 20))
    between(monkeypatch, lambda: (tree / "1" / "large").write_bytes(b"new" * 1000000))
    assert look(tree) == plainly(tree)


def test_a_file_that_changes_while_it_is_read_is_read_again(tree, monkeypatch):
    target = tree / "1" / "001"
    real = os.read

    def changing(descriptor, count):
        found = real(descriptor, count)
        if found == b"1":
            target.write_text("another")
        return found

    monkeypatch.setattr(os, "read", changing)
    assert look(tree)[f"file:{target}"]["sha256"] == hashlib.sha256(b"another").hexdigest()


@pytest.mark.parametrize("size", [3, 2 << 20])
def test_a_file_that_keeps_changing_is_unknown(tree, monkeypatch, size):
    (tree / "1" / "victim").write_bytes(bytes(size))
    real, real_digest = entries.content, hashing.digest
    monkeypatch.setattr(entries, "content", lambda fd, key, pace: None if key[hashing.SIZE] == size else real(fd, key, pace))
    monkeypatch.setattr(hashing, "digest", lambda job, pace=None: None if job.key[hashing.SIZE] == size else real_digest(job, pace))
    item = look(tree)[f"file:{tree}/1/victim"]
    assert item["unknown"] == "it changed while it was read, three times"
    assert "sha256" not in item
    assert (item["type"], item["mode"]) == ("file", plainly(tree)[f"file:{tree}/1/victim"]["mode"])


def test_a_file_that_becomes_a_pipe_is_not_read(tree, monkeypatch):
    target = tree / "1" / "001"
    real = os.open

    def swapped(path, *more, **named):
        if path == "001" and target.is_file():
            target.unlink()
            os.mkfifo(target)
        return real(path, *more, **named)

    monkeypatch.setattr(os, "open", swapped)
    assert look(tree)[f"file:{target}"]["type"] == "pipe"


def test_a_folder_that_becomes_a_link_is_not_followed(tree, monkeypatch):
    real = folder.look

    def swapped(path, *more):
        if path.endswith(b"/1") and not (tree / "1").is_symlink():
            (tree / "1").rename(tree / "was")
            (tree / "1").symlink_to(tree / "2")
        return real(path, *more)

    monkeypatch.setattr(walk, "look", swapped)
    items = look(tree)
    assert f"file:{tree}/1/002" not in items
    assert items[f"file:{tree}/1"]["unknown"].startswith("the folder cannot be listed")


def test_too_deep_to_be_named_is_unknown(tmp_path):
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _level in range(20):
            os.mkdir("x" * 250)
            os.chdir("x" * 250)
    finally:
        os.chdir(here)
    reasons = {item["unknown"] for item in look(tmp_path).values() if "unknown" in item}
    assert reasons
    assert all("file name too long" in reason for reason in reasons)


@pytest.mark.parametrize("paths", [["relative"], ["/ok", "./x"]])
def test_a_path_must_be_whole(paths):
    with pytest.raises(ValueError, match="a snapshot needs whole paths"):
        look(*paths)


def test_extended_attributes(tmp_path):
    target = tmp_path / "x"
    target.write_text("x")
    try:
        os.setxattr(target, "user.note", b"hello")
        os.setxattr(target, "user.long", bytes(200))
    except OSError:
        pytest.skip("this file system has no extended attributes")
    expected = {"user.long": "sha256:" + hashlib.sha256(bytes(200)).hexdigest(), "user.note": "hello"}
    assert look(tmp_path)[f"file:{target}"]["xattrs"] == expected
