# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that was killed between making a new link and renaming it leaves nothing behind once somebody settles the host again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._runtime import replace


@pytest.mark.parametrize(("check", "left"), [(False, set()), (True, {".current.new", "live.new"})])
def test_half_made_links_are_cleared_although_nothing_changes(tmp_path: Path, check: bool, left: set[str]) -> None:
    (tmp_path / "releases/1.0.0").mkdir(parents=True)
    for name, target in {"current": "releases/1.0.0", ".current.new": "releases/1.1.0", "live": "blue", "live.new": "green"}.items():
        (tmp_path / name).symlink_to(target)
    assert not replace.activate(str(tmp_path), "1.0.0", check=check)
    assert not replace.link(str(tmp_path / "live"), "blue", check=check)
    assert {path.name for path in tmp_path.iterdir()} == {"releases", "current", "live"} | left
    assert (os.readlink(tmp_path / "current"), os.readlink(tmp_path / "live")) == ("releases/1.0.0", "blue")


@pytest.mark.parametrize("half_made", [False, True])
def test_a_link_changes_whatever_was_left(tmp_path: Path, half_made: bool) -> None:
    (tmp_path / "live").symlink_to("blue")
    if half_made:
        (tmp_path / "live.new").symlink_to("red")
    assert replace.link(str(tmp_path / "live"), "green", check=False)
    assert os.readlink(tmp_path / "live") == "green"
    assert [path.name for path in tmp_path.iterdir()] == ["live"]
