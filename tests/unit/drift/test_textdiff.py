# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.textdiff import text_diff
from hypothesis import given, settings
from hypothesis import strategies as st

LINES = st.lists(st.sampled_from(["one", "two", "three", "", "four five"]), max_size=16)
TEXTS = st.tuples(LINES, st.booleans()).map(lambda made: "\n".join(made[0]) + ("\n" if made[1] else ""))


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS)
def test_patch_makes_the_second_out_of_the_first(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("patch")
    (folder / "x").write_text(before)
    diff = text_diff(before.encode(), after.encode(), name="x")
    if before != after:
        subprocess.run(["patch", "-s", "--posix", "x"], cwd=folder, input=diff + "\n", text=True, check=True)
        kept = (folder / "x").read_text() if (folder / "x").exists() else ""
        assert kept == after
    else:
        assert diff == ""


def test_a_changed_secret_is_a_changed_line_without_its_value():
    diff = text_diff(b"user = a\npassword = hunter2\n", b"user = a\npassword = hunter3\n")
    assert "-password = [REDACTED]\n+password = [REDACTED]" in diff
    assert "hunter" not in diff


def test_a_private_key_is_hidden_as_a_whole():
    key = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(["short" * 3, "line"] * 8) + "\n-----END PRIVATE KEY-----\n"
    diff = text_diff(f"a = 1\n{key}".encode(), f"a = 2\n{key.replace('short', 'SHORT')}".encode())
    assert "-a = 1" in diff
    assert "short" not in diff.lower()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"a\0b", b"a", "Binary: 3 bytes before, 1 bytes after."),
        (b"\xff", b"", "Binary: 1 bytes before, 0 bytes after."),
        (b"a" * 2_000_000, b"", "Too large to show: 2000000 bytes before, 0 bytes after."),
        (b"a\n" * 3000, b"b\n" * 3000, "Too many lines differ to show them: 6000 bytes before, 6000 bytes after."),
    ],
)
def test_what_is_not_shown_is_said(before, after, said):
    assert text_diff(before, after) == said


def test_it_is_bounded_in_lines_and_bytes_and_says_how_much_is_missing():
    before, after = ("".join(f"{word} {number}\n" for number in range(300)).encode() for word in ("a", "b"))
    whole = text_diff(before, after, max_lines=10**6, max_bytes=10**6).split("\n")
    short = text_diff(before, after, max_lines=50).split("\n")
    assert short == [*whole[:50], f"... {len(whole) - 50} more lines"]
    assert len(text_diff(before, after, max_bytes=500)) <= 530


def test_a_small_edit_of_a_long_text_is_found_quickly():
    lines = [f"line {number}" for number in range(20_000)]
    began = time.process_time()
    diff = text_diff("\n".join(lines).encode(), "\n".join([*lines[:10_000], "new", *lines[10_000:]]).encode())
    assert "+new" in diff
    assert time.process_time() - began < 5


def test_no_control_character_reaches_a_terminal():
    assert "\\x1b[2J" in text_diff(b"a\n", b"\x1b[2J\xe2\x80\xae\n")
    assert "\\u202e" in text_diff(b"a\n", b"\x1b[2J\xe2\x80\xae\n")
