# SPDX-License-Identifier: GPL-3.0-or-later
"""The key file: made once, whole, for its owner alone."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.keys import KeyFault, from_file


def test_made_once_and_derived_per_term(tmp_path: Path) -> None:
    path = tmp_path / "state" / "drift.key"
    first = from_file(path, "drift/staging", make=True)
    assert first == from_file(path, "drift/staging", make=False)
    assert first != from_file(path, "drift/production", make=True)
    assert first not in path.read_text()
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o600, 0o700]
    assert os.listdir(path.parent) == ["drift.key"]


def test_check_mode_makes_nothing_and_its_keys_cannot_be_guessed(tmp_path: Path) -> None:
    path = tmp_path / "state" / "drift.key"
    assert from_file(path, "a/b", make=False) != from_file(path, "a/b", make=False)
    assert not path.parent.exists()


def test_runs_at_once_agree(tmp_path: Path) -> None:
    for turn in range(20):
        path = tmp_path / str(turn) / "drift.key"
        found: set[str] = set()
        together = threading.Barrier(8)

        def ask(path: Path = path, found: set[str] = found, together: threading.Barrier = together) -> None:
            together.wait()
            found.add(from_file(path, "a/b", make=True))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 1
        assert os.listdir(path.parent) == ["drift.key"]


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [("x" * 40, 0o640, "mode 0640"), ("short-hunter2", 0o600, "holds 13 characters"), ("", 0o600, "holds 0 characters"), ("é" * 40, 0o600, "not text")],
)
def test_a_bad_key_file_is_refused(tmp_path: Path, text: str, mode: int, said: str) -> None:
    path = tmp_path / "drift.key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(KeyFault, match=said) as raised:
        from_file(path, "a/b", make=True)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("term", ["drift", "drift/", "a/b/c", "a b/c", "a/b\n"])
def test_a_term_has_a_purpose_and_an_environment(tmp_path: Path, term: str) -> None:
    with pytest.raises(KeyFault, match="such as drift/staging"):
        from_file(tmp_path / "k", term, make=True)
    assert not (tmp_path / "k").exists()
