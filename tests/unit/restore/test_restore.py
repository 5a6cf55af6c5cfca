# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring files of a real folder: what comes back is compared with lstat and the bytes, not with our own eyes."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import stat
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._restore import act, contents, look, module, restore
from ansible_collections.evenkeel.release.plugins.module_utils._restore.journal import Journal
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import files
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = os.geteuid() == 0
NEVER = {"run": lambda argv: pytest.fail(f"ran {argv}"), "label": lambda path: None}


class Tree:
    """A folder, its baseline and the contents of it."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "tree"
        self.top.mkdir(parents=True)
        self.journal = folder / "journal"
        self.baseline: dict[str, Any] = {}
        self.held: dict[str, bytes] = {}

    def take(self) -> None:
        self.baseline = {self.key(path): look.look(os.fsencode(path)) for path in [self.top, *sorted(self.top.rglob("*"))]}
        files = [path for path in self.top.rglob("*") if path.is_file() and not path.is_symlink()]
        self.held = {hashlib.sha256(path.read_bytes()).hexdigest(): path.read_bytes() for path in files}

    @staticmethod
    def key(path: Path) -> str:
        return "file:" + printable(str(path))

    def oracle(self) -> dict[str, Any]:
        """Everything below, by lstat."""
        found = {}
        for path in [self.top, *self.top.rglob("*")]:
            now = os.lstat(path)
            data: Any = os.readlink(path) if stat.S_ISLNK(now.st_mode) else path.read_bytes() if stat.S_ISREG(now.st_mode) else None
            xattrs = {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
            found[str(path)] = (now.st_mode, now.st_uid, now.st_gid, data, xattrs)
        return found

    def wanted(self) -> dict[str, Any]:
        now = {self.key(path) for path in self.top.rglob("*")}
        return {**self.baseline, **dict.fromkeys(now - set(self.baseline))}

    def __call__(self, wanted: dict[str, Any] | None = None, *, check: bool = False, diff: bool = False, **more: Any) -> dict[str, Any]:
        sent = self.top.parent / "sent"
        sent.write_text(json.dumps({digest: contents.pack(data) for digest, data in self.held.items()}))
        params = {
            "items": self.wanted() if wanted is None else wanted,
            "remove_added": True,
            "on_refused": "fail",
            "secret_files": [],
            "fingerprint_key": "k",
            "journal_dir": str(self.journal),
            "max_diff": 500,
            "available": sorted(self.held),
            "contents_file": str(sent),
            **more,
        }
        return module.restore(params, **NEVER, check_mode=check, diff=diff)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    (made.top / "etc").mkdir()
    (made.top / "etc" / "shop.conf").write_text("size = 20\n")
    (made.top / "etc" / "shop.conf").chmod(0o640)
    (made.top / "bin").write_bytes(b"\0\1\2")
    (made.top / "bin").chmod(0o4755)
    (made.top / "current").symlink_to("etc/shop.conf")
    (made.top / "odd \udcff\\name").write_text("odd")
    os.mkfifo(made.top / "pipe", 0o600)
    made.take()
    return made


def test_what_is_as_it_was_is_left_alone(tree: Tree) -> None:
    before = {path: os.lstat(path).st_ino for path in tree.top.rglob("*")}
    result = tree()
    assert not result["changed"]
    assert {path: os.lstat(path).st_ino for path in tree.top.rglob("*")} == before
    assert not (tree.journal / "journal").exists()


def edits() -> dict[str, Any]:
    def swap(path: Path, make: Any) -> None:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        make(path)

    return {
        "content": lambda top: (top / "etc/shop.conf").write_text("size = 500\n"),
        "mode": lambda top: (top / "etc/shop.conf").chmod(0o666),
        "set-id": lambda top: (top / "bin").chmod(0o755),
        "gone": lambda top: (top / "odd \udcff\\name").unlink(),
        "folder gone": lambda top: shutil.rmtree(top / "etc"),
        "link elsewhere": lambda top: swap(top / "current", lambda path: path.symlink_to("/etc/passwd")),
        "link to file": lambda top: swap(top / "current", lambda path: path.write_text("x")),
        "file to link": lambda top: swap(top / "bin", lambda path: path.symlink_to("pipe")),
        "file to folder": lambda top: swap(top / "bin", lambda path: path.mkdir()),
        "folder to file": lambda top: swap(top / "etc", lambda path: path.write_text("x")),
        "file to full folder": lambda top: swap(top / "bin", lambda path: (path / "a").mkdir(parents=True)),
        "pipe gone": lambda top: (top / "pipe").unlink(),
        "pipe to file": lambda top: swap(top / "pipe", lambda path: path.write_text("x")),
        "added": lambda top: (top / "etc/miner").write_text("x"),
        "added tree": lambda top: (top / "new/deep/er").mkdir(parents=True),
        "folder mode": lambda top: (top / "etc").chmod(0o777),
        "renamed": lambda top: (top / "bin").rename(top / "nib"),
        "xattr": lambda top: os.setxattr(top / "bin", "user.mark", b"x"),
        "hard link": lambda top: os.link(top / "etc/shop.conf", top / "other") or (top / "other").chmod(0o600),
    }


@pytest.mark.parametrize("name", list(edits()))
def test_every_edit_is_put_back_and_only_once(tree: Tree, name: str) -> None:
    before = tree.oracle()
    edits()[name](tree.top)
    edited = tree.oracle()
    assert edited != before
    checked = tree(check=True, diff=True)
    assert checked["changed"], checked
    assert tree.oracle() == edited, "check mode changed something"
    result = tree()
    assert not result.get("failed"), result
    assert sorted(result["restored"]) == sorted(checked["restored"])
    assert tree.oracle() == before
    assert not tree()["changed"]
    assert not list(tree.top.parent.rglob(".evenkeel-restore-*"))


@pytest.mark.skipif(not ROOT, reason="gives files to other users")
def test_owner_capability_and_access_list_come_back(tree: Tree) -> None:
    conf = tree.top / "etc/shop.conf"
    os.chown(conf, 1, 12345)
    shutil.copyfile("/bin/true", tree.top / "tool")
    os.setxattr(tree.top / "tool", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    entries = ((1, 6, -1), (2, 4, 1), (4, 4, -1), (16, 6, -1), (32, 0, -1))
    packed = b"\2\0\0\0" + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(conf, "system.posix_acl_access", packed)
    except OSError:
        pytest.skip("no access lists on this file system")
    os.setxattr(conf, "trusted.mark", b"\0\xff")
    tree.take()
    before = tree.oracle()
    assert {"acl", "xattrs"} <= set(tree.baseline[tree.key(conf)])
    conf.unlink()
    conf.write_text("else")
    os.removexattr(tree.top / "tool", "security.capability")
    os.chown(tree.top / "tool", 1, 1)
    result = tree()
    assert not result.get("failed"), result
    assert tree.oracle() == before


def test_the_other_name_of_a_file_keeps_its_attributes(tree: Tree) -> None:
    conf, other = tree.top / "etc/shop.conf", tree.top.parent / "other"
    os.link(conf, other)
    other.chmod(0o600)
    assert tree()["restored"] == [tree.key(conf)]
    assert stat.S_IMODE(conf.stat().st_mode) == 0o640
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "0" * 64}, "is not in the store"),
        ({"sha256": None}, "key by key"),
        ({"owner": "no-such-user"}, "there is no user no-such-user"),
        ({"group": "no-such-group"}, "there is no group no-such-group"),
        ({"type": "device"}, "a device is not made again"),
        ({"type": "socket"}, "a socket is not made again"),
        ({"unknown": "permission denied"}, "the baseline does not know it"),
        ({"birth": "1"}, "birth of a file cannot be given"),
        ({"xattrs": {"user.long": "sha256:" + "0" * 64}, "mode": "0600"}, "only the digest of an extended attribute"),
        ({"secret": True, "fingerprint": "0" * 32, "key": "0" * 8}, "only the fingerprint"),
    ],
)
def test_what_is_not_exact_is_refused_before_anything_changes(tree: Tree, change: dict[str, Any], reason: str) -> None:
    key = tree.key(tree.top / "bin")
    wanted = {**tree.wanted(), key: {name: value for name, value in {**tree.baseline[key], **change}.items() if value is not None}}
    (tree.top / "bin").unlink()
    (tree.top / "etc/shop.conf").write_text("size = 500\n")
    before = tree.oracle()
    result = tree(wanted)
    assert result["failed"]
    assert reason in result["msg"]
    assert key in result["msg"]
    assert tree.oracle() == before
    skipped = tree(wanted, on_refused="skip")
    assert not skipped.get("failed"), skipped
    assert list(skipped["refused"]) == [key]
    assert skipped["restored"] == [tree.key(tree.top / "etc/shop.conf")]
    assert (tree.top / "etc/shop.conf").read_text() == "size = 20\n"


def test_added_things_stay_unless_asked(tree: Tree) -> None:
    (tree.top / "new").write_text("x")
    result = tree(remove_added=False)
    assert (result["changed"], result["left"]) == (False, [tree.key(tree.top / "new")])
    assert (tree.top / "new").exists()


def test_a_folder_with_more_in_it_is_not_removed(tree: Tree) -> None:
    (tree.top / "new").mkdir()
    (tree.top / "new/mine").write_text("x")
    result = tree({tree.key(tree.top / "new"): None})
    assert "holds 1 more" in result["msg"]
    assert (tree.top / "new/mine").read_text() == "x"


@pytest.mark.skipif(not ROOT, reason="needs another user's link")
def test_a_users_link_on_the_way_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (tree.top / "etc").rename(tmp_path / "moved")
    (tree.top / "etc").symlink_to(victim)
    os.chown(tree.top / "etc", 1, 1, follow_symlinks=False)
    key = tree.key(tree.top / "etc/shop.conf")
    result = tree({key: tree.baseline[key]})
    assert result["failed"]
    assert "made by user 1" in result["msg"]
    assert list(victim.iterdir()) == []


def test_an_interrupted_restoration_is_told_and_finished(tree: Tree) -> None:
    before = tree.oracle()
    (tree.top / "etc/shop.conf").write_text("size = 500\n")
    (tree.top / "bin").unlink()
    child = os.fork()
    if child == 0:
        done = act.commit

        def dies(step: Any, **more: Any) -> None:
            done(step, **more)
            os._exit(9)

        restore.act.commit = dies
        tree()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (tree.journal / "journal").exists()
    assert list(tree.top.rglob(".evenkeel-restore-*"))
    half = tree.oracle()
    assert half != before
    wanted = {**tree.baseline}
    result = tree(wanted)
    assert result["interrupted"]["swept"] >= 1
    assert len(result["interrupted"]["unfinished"]) == 1
    assert result["restored"] == result["interrupted"]["unfinished"]
    assert tree.oracle() == before
    assert "interrupted" not in tree()


def test_a_full_disk_changes_nothing(tree: Tree) -> None:
    (tree.top / "large").write_bytes(bytes(200_000))
    tree.take()
    (tree.top / "etc/shop.conf").write_text("size = 500\n")
    (tree.top / "large").unlink()
    before = tree.oracle()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        result = tree()
        os._exit(0 if "file too large), so nothing was changed" in result.get("msg", "") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert tree.oracle() == before
    assert not (tree.journal / "journal").exists()


def test_two_at_once_are_refused(tree: Tree) -> None:
    (tree.top / "bin").unlink()
    other = Journal(str(tree.journal))
    other.lock()
    result = tree()
    assert "another restoration runs" in result["msg"]
    other.unlock()
    assert tree()["changed"]


def test_a_diff_shows_what_changes_and_no_secret(tree: Tree) -> None:
    conf = tree.top / "etc/shop.conf"
    conf.write_text("size = 20\npassword = hunter2-correct\n")
    (one,) = tree(check=True, diff=True)["diff"]
    assert "password = [REDACTED]" in one["before"]
    assert "hunter2" not in str(one)
    assert "size = 20" in one["after"]


def test_a_secret_file_gets_its_mode_back_while_its_content_is_the_same(tree: Tree) -> None:
    key_file = tree.top / "tls.key"
    key_file.write_text("very secret\n")
    key_file.chmod(0o600)
    key = tree.key(key_file)
    now = tree({key: None}, check=True, diff=True, secret_files=["**/*.key"])["diff"][0]
    assert "very secret" not in str(now)
    site = module.Fingerprints(["**/*.key"], b"k")
    item = site(os.fsencode(key_file), look.look(os.fsencode(key_file)) or {})
    assert item["secret"]
    assert "sha256" not in item
    key_file.chmod(0o644)
    assert tree({key: item}, secret_files=["**/*.key"])["restored"] == [key]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    key_file.write_text("another secret\n")
    key_file.chmod(0o644)
    assert "only the fingerprint" in tree({key: item}, secret_files=["**/*.key"])["msg"]


NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "c/f/g"])
THINGS = st.one_of(
    st.tuples(st.just("file"), st.binary(max_size=20), st.sampled_from([0o600, 0o644, 0o755])),
    st.tuples(st.just("link"), st.sampled_from(["a", "/nowhere", "../x"])),
    st.tuples(st.just("folder"), st.sampled_from([0o700, 0o755])),
)


def build(top: Path, plan: dict[str, Any]) -> None:
    for name, thing in sorted(plan.items()):
        path = top / name
        if any((top / part).is_symlink() or (top / part).is_file() for part in Path(name).parents if str(part) != "."):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if thing[0] == "file":
            path.write_bytes(thing[1])
            path.chmod(thing[2])
        elif thing[0] == "link":
            path.symlink_to(thing[1])
        else:
            path.mkdir(exist_ok=True)
            path.chmod(thing[1])


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, THINGS), st.dictionaries(NAMES, THINGS))
def test_any_tree_becomes_any_other_one(first: dict[str, Any], second: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        tree = Tree(Path(place))
        build(tree.top, first)
        tree.take()
        before = tree.oracle()
        for path in tree.top.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        build(tree.top, second)
        result = tree()
        assert not result.get("failed"), result
        assert tree.oracle() == before


def test_a_path_is_described_as_a_snapshot_does(tree: Tree) -> None:
    """Else a restored file would be drift, or a drifted one the same."""
    (tree.top / "id_rsa").write_text("key")
    (tree.top / "empty").touch()
    os.setxattr(tree.top / "bin", "user.mark", b"x\0\xff")
    seen = dict(files.scan(paths=[str(tree.top)], exclude=[], host=Host(fingerprint_key=b"12345678")).all_items())
    described = module.Fingerprints([], b"12345678")
    found = {}
    for path in [tree.top, *tree.top.rglob("*")]:
        item = look.look(os.fsencode(path))
        found[tree.key(path)] = described(os.fsencode(path), item) if item else None
    assert found == seen
    assert seen[tree.key(tree.top / "id_rsa")]["secret"]
