# SPDX-License-Identifier: GPL-3.0-or-later
"""Any edits of any tree: a scan with a cache says what the plainest look says, so it finds each and nothing else."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import files
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import small_tree, unpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .files_support import plainly, scan, trusting

NAMES = st.sampled_from(["a", "b", "ä", "\udcff", "x y", "back\\slash"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: Path(*names))
CONTENT = st.sampled_from([b"", b"1", b"2", b"3" * 5000])
# Coarse clocks tick every few milliseconds.
TICK = 0.012


def write(top, path, content):
    clear(top, path)
    (top / path).write_bytes(content)


def overwrite(top, path, content):
    """In place, and with its time as it was."""
    target = top / path
    if target.is_file() and not target.is_symlink():
        times = target.stat()
        with target.open("r+b") as stream:
            stream.write(content)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def chmod(top, path, mode):
    if (top / path).exists() and not (top / path).is_symlink():
        (top / path).chmod(stat.S_IMODE(mode) | (0o700 if (top / path).is_dir() else 0))


def chown(top, path, owner):
    if os.geteuid() == 0 and os.path.lexists(top / path):
        os.chown(top / path, owner, owner, follow_symlinks=False)


def folder(top, path, _more):
    clear(top, path)
    (top / path).mkdir()


def link(top, path, content):
    clear(top, path)
    (top / path).symlink_to(content.decode()[:3] or ".")


def hard(top, path, other):
    if (top / other).is_file() and not (top / other).is_symlink() and other not in (path, *path.parents):
        clear(top, path)
        if (top / other).is_file():
            os.link(top / other, top / path)


def pipe(top, path, _more):
    clear(top, path)
    os.mkfifo(top / path)


def remove(top, path, _more):
    target = top / path
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif os.path.lexists(target):
        target.unlink()


def swap(top, path, other):
    one, two, aside = top / path, top / other, top / "aside"
    if os.path.lexists(one) and os.path.lexists(two) and path not in (other, *other.parents) and other not in path.parents:
        one.rename(aside)
        two.rename(one)
        aside.rename(two)


def clear(top, path):
    for parent in reversed(path.parents):
        target = top / parent
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir()):
            target.unlink()
        target.mkdir(exist_ok=True)
    remove(top, path, None)


EDITS = st.one_of(
    st.tuples(st.sampled_from([write, overwrite, link]), PATHS, CONTENT),
    st.tuples(st.just(chmod), PATHS, st.sampled_from([0o600, 0o644, 0o4755])),
    st.tuples(st.just(chown), PATHS, st.sampled_from([0, 1, 2])),
    st.tuples(st.sampled_from([folder, pipe, remove]), PATHS, st.none()),
    st.tuples(st.sampled_from([swap, hard]), PATHS, PATHS),
)


@pytest.fixture
def trusted(monkeypatch):
    trusting(monkeypatch)
    monkeypatch.setattr(files, "WORTH_CACHING", 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES.map(Path) | PATHS, CONTENT), max_size=8), st.lists(st.lists(EDITS, max_size=4), min_size=1, max_size=3))
def test_any_edit_is_found_and_nothing_else(trusted, start, rounds):
    with tempfile.TemporaryDirectory() as place:
        top = Path(place, "top")
        top.mkdir()
        for path, content in start:
            write(top, path, content)
        before = scan(top, cache_dir=Path(place, "kept"))
        assert dict(before.all_items()) == plainly(top)
        for edits in rounds:
            time.sleep(TICK)
            for act, path, more in edits:
                act(top, path, more)
            truth = plainly(top)
            after = scan(top, cache_dir=Path(place, "kept"))
            assert dict(after.all_items()) == truth
            expected = small_tree(truth)
            assert after.folders == expected.folders == scan(top).folders == unpack(after.pack()).folders
            differing = {name for name in {*before.folders, *after.folders} if before.folders.get(name) != after.folders.get(name)}
            assert differing == {name for name in {*before.folders, *after.folders} if before.items(name) != after.items(name)}
            before = after
