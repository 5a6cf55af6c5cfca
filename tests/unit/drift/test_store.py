# SPDX-License-Identifier: GPL-3.0-or-later
"""The store on a folder; tests/integration runs the same on PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects, StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_folder import UNFINISHED
from ansible_collections.evenkeel.release.tests.unit.drift.store_cases import *  # noqa: F403 - the tests of every place


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "objects")


@pytest.fixture
def objects(place: str) -> Objects:
    return open_objects(place)


def test_only_we_can_read_it_and_nothing_unfinished_is_left(objects: Objects, place: str) -> None:
    name = objects.put(b"text")
    path = Path(place) / name[:2] / name[2:]
    assert path.stat().st_mode & 0o777 == 0o600
    assert {folder.stat().st_mode & 0o777 for folder in (path.parent, Path(place))} == {0o700}
    assert os.listdir(path.parent) == [path.name]


def test_a_full_disk_leaves_nothing_and_says_where(objects: Objects, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=f"^Writing {place}/.* failed: No space left on device. Free space"):
        objects.put(b"text")
    assert [path for path in Path(place).rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_goes_when_it_is_old(objects: Objects, place: str) -> None:
    name = objects.put(b"text")
    folder = Path(place) / name[:2]
    old, new = folder / f"{UNFINISHED}old", folder / f"{UNFINISHED}new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert objects.place.keys("objects") == [name]
    objects.prune([], objects=[name])
    assert sorted(os.listdir(folder)) == sorted([name[2:], new.name])


def test_another_scheme_is_refused_without_its_password() -> None:
    with pytest.raises(StoreError, match=r"^The object store mysql://… was refused") as found:
        open_objects("mysql://user:geheim@host/db")
    assert "geheim" not in str(found.value)
