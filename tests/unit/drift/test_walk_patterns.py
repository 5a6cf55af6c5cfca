# SPDX-License-Identifier: GPL-3.0-or-later
"""Globs: what is left out, and what is looked at."""

from __future__ import annotations

import os

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import patterns


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/a/*", ["/a/b", "/a/.b", "/a/b/", "/a/b/c"], ["/a", "/a/", "/ab"]),
        ("/a/*.log", ["/a/x.log", "/a/.log", "/a/x.log/y"], ["/a/b/x.log", "/a/x.logs"]),
        ("/a/**", ["/a/b", "/a/b/c"], ["/a", "/a/"]),
        ("/a/**/b", ["/a/b", "/a/x/b", "/a/x/y/b", "/a/b/c"], ["/a/xb", "/b"]),
        ("/a?c", ["/abc", "/a.c"], ["/a/c", "/ac"]),
        ("/a**c", ["/ac", "/a/b/c"], ["/b/ac"]),
        ("*.pyc", ["/x.pyc", "/a/b/x.pyc", "/a/x.pyc/y"], ["/x.py"]),
        ("cache/", ["/a/cache/", "/cache/x", "/a/cache/b/c"], ["/a/cache", "/a/cached/"]),
        ("/var/cache/", ["/var/cache/", "/var/cache/x"], ["/var/cache", "/a/var/cache/"]),
        ("a/b", ["/a/b", "/x/a/b/c"], ["/a/x/b", "/xa/b"]),
        ("/[a-c][!x]", ["/ab", "/c!"], ["/ax", "/db", "/a/"]),
        ("/[]x]", ["/]", "/x"], ["/y"]),
        ("/[*]", ["/*"], ["/x"]),
        ("/a.b+(c)", ["/a.b+(c)"], ["/aXb+(c)", "/a.bb(c)"]),
        ("/new\nline", ["/new\nline"], ["/new"]),
    ],
)
def test_globs(pattern, yes, no):
    match = patterns.compiled([pattern, "/never"])
    assert [path for path in yes if not match(os.fsencode(path))] == []
    assert [path for path in no if match(os.fsencode(path))] == []
    for path in (path for path in yes + no if path != "/"):
        folder, _slash, name = path.rstrip("/").rpartition("/")
        within = match.within(os.fsencode(folder or "/"))
        last = os.fsencode(name) + (b"/" if path.endswith("/") else b"")
        assert bool(within and within(last)) == (path in yes)


def test_a_glob_with_a_broken_set_is_refused():
    with pytest.raises(ValueError, match=r"no set .*\[z-a\]"):
        patterns.compiled(["/ok", "/[z-a]"])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/a/*", ["/a/.hid", "/a/b", "/a/link", "/a/x"]),
        ("/a/**", ["/a/.hid", "/a/b", "/a/link", "/a/x"]),
        ("/a/**/x", ["/a/b/x", "/a/x"]),
        ("/*/b/x", ["/a/b/x"]),
        ("/a/link/x", ["/a/link/x"]),
        ("/a//./b/", ["/a/b"]),
        ("/a/[bz]", ["/a/b"]),
        ("/absent/*", []),
        ("/absent", []),
        ("/", ["/"]),
    ],
)
def test_paths_are_expanded(tmp_path, pattern, found):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/x", "a/b/x", "a/.hid"):
        (tmp_path / name).write_text("")
    (tmp_path / "a" / "link").symlink_to("b")
    assert [os.fsdecode(path) for path in patterns.expand([pattern], os.fsencode(tmp_path))] == found
