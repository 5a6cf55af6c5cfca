# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections import namedtuple
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._release import archive
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree


def pack(path, members):
    """members: {name: bytes | ("link", target) | "dir"}; (path, sha256) of the archive."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            elif content == "dir":
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.type, info.linkname = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE}[content[0]], content[1]
                tar.addfile(info)
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def tree(tmp_path):
    return ReleaseTree(str(tmp_path / "srv"))


@pytest.fixture
def artifact(tmp_path):
    return pack(tmp_path / "a.tar.gz", {"VERSION": b"1\n", "bin/run": b"#!/bin/sh\n", "link": ("link", "VERSION")})


def install(tree, artifact, version="1.0.0"):
    tree.install(version=version, source=artifact[0], sha256=artifact[1], timeout=1)


def test_a_release_is_installed_read_only_and_recognised(tree, artifact):
    install(tree, artifact)
    assert tree.check(version="1.0.0", sha256=artifact[1])
    assert tree.installed() == ["1.0.0"]
    assert os.stat(os.path.join(tree.path("1.0.0"), "VERSION")).st_mode & 0o222 == 0
    assert [name for name in os.listdir(tree.releases) if name.startswith(".")] == []


def test_a_wrong_digest_leaves_nothing(tree, artifact):
    with pytest.raises(ReleaseError, match=f"{artifact[1]}.*pins {'b' * 64}"):
        tree.install(version="1.0.0", source=artifact[0], sha256="b" * 64, timeout=1)
    assert os.listdir(tree.releases) == []


def test_a_version_never_changes_its_content(tree, artifact, tmp_path):
    install(tree, artifact)
    with pytest.raises(ReleaseError, match="never changes"):
        tree.check(version="1.0.0", sha256="c" * 64)


def test_an_edited_file_is_found(tree, artifact):
    install(tree, artifact)
    edited = os.path.join(tree.path("1.0.0"), "VERSION")
    os.chmod(edited, 0o644)
    with open(edited, "w") as stream:
        stream.write("2\n")
    with pytest.raises(ReleaseError, match=r"immutable.*VERSION"):
        tree.check(version="1.0.0", sha256=artifact[1])


def test_a_half_installed_release_is_not_one(tree, artifact):
    install(tree, artifact)
    os.unlink(tree.path("1.0.0") + ".json")
    assert not tree.check(version="1.0.0", sha256=artifact[1])
    install(tree, artifact)
    assert tree.check(version="1.0.0", sha256=artifact[1])


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"../evil": b"x"}, "evil"),
        ({"/etc/evil": b"x"}, "/etc/evil"),
        ({"evil": ("link", "/etc/passwd")}, "evil"),
        ({"a/evil": ("link", "../../up")}, "a/evil"),
        ({"ok": b"x", "evil": ("hard", "ok")}, "evil"),
        ({"evil": ("fifo", "")}, "evil"),
    ],
)
def test_an_unsafe_archive_is_refused_whole(tree, tmp_path, members, word):
    bad = pack(tmp_path / "bad.tar.gz", members)
    with pytest.raises(ReleaseError, match=word):
        install(tree, bad)
    assert os.listdir(tree.releases) == []


def test_bytes_that_are_no_archive(tree, tmp_path):
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(b"not a tar")
    with pytest.raises(ReleaseError, match="could not be unpacked"):
        install(tree, (str(bad), hashlib.sha256(b"not a tar").hexdigest()))
    assert os.listdir(tree.releases) == []


def test_a_full_disk_is_said_before_it_is_full(tree, artifact, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 3))
    with pytest.raises(ReleaseError, match="MiB are free"):
        install(tree, artifact)
    assert os.listdir(tree.releases) == []


def test_the_current_link_moves_by_rename(tree, artifact):
    install(tree, artifact)
    install(tree, artifact, "1.1.0")
    tree.activate("1.0.0")
    tree.activate("1.1.0")
    assert tree.current() == "1.1.0"
    assert os.readlink(tree.current_link) == "releases/1.1.0"
    with pytest.raises(ReleaseError, match=r"2\.0\.0.*1\.0\.0, 1\.1\.0"):
        tree.activate("2.0.0")


def test_what_another_tool_made_current_comes_back_with_it(tree, artifact):
    others = Path(tree.releases) / "20261001080000Z"
    others.mkdir(parents=True)
    os.symlink("./releases/20261001080000Z", tree.current_link)
    tree.deactivate()
    assert tree.current() == others.name, "it was never ours"
    install(tree, artifact)
    install(tree, artifact, "1.1.0")
    tree.activate("1.0.0")
    tree.activate("1.1.0")
    assert not tree.foreign()
    tree.deactivate()
    assert os.readlink(tree.current_link) == "./releases/20261001080000Z"
    assert sorted(path.name for path in Path(tree.root).iterdir()) == ["current", "releases"]


def test_retention_spares_the_current_and_the_protected(tree, artifact):
    for number in range(5):
        install(tree, artifact, f"1.{number}.0")
        stamp = 1_000_000 + number
        os.utime(tree.path(f"1.{number}.0") + ".json", (stamp, stamp))
    tree.activate("1.0.0")
    assert tree.surplus(keep=2, protect=["1.1.0"]) == ["1.2.0"]


def test_a_source_that_is_not_there(tree):
    with pytest.raises(ReleaseError, match=r"could not be read.*No such file"):
        tree.install(version="1.0.0", source="/nowhere/a.tar", sha256="a" * 64, timeout=1)


def test_file_digest(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abc" * 1_000_000)
    assert archive.file_digest(str(path)) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
