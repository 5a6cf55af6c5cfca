# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that reads evidence from disk."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from glob import glob
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import File
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import LARGEST

MOST = 10_000


def find(places: Iterable[str], base: str) -> list[File]:
    """The files of paths and patterns below `base`, each once; a pattern that nothing fits is an error, as is a path that is not there."""
    found: dict[str, str] = {}
    for place in places:
        path = place if os.path.isabs(place) else os.path.join(base, place)
        hits = sorted(glob(path, recursive=True)) if any(mark in place for mark in "*?[") and not os.path.exists(path) else [path]
        hits = [hit for hit in hits if not os.path.isdir(hit) or hit == path]
        if not hits:
            raise EvidenceError(place, "", found=f"no file below {base} that fits", allowed="one file or more", next_step="look why its tool wrote none")
        found |= {hit: _name(hit, base) for hit in hits}
    if len(found) > MOST:
        raise EvidenceError(", ".join(places), "", found=f"{len(found)} files", allowed=f"at most {MOST}", next_step="name fewer files")
    return [read(path, name) for path, name in found.items()]


def read(path: str, name: str) -> File:
    """Of one regular file; its size is bounded before anything is read."""
    try:
        # Without O_NONBLOCK a pipe would wait for its writer for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise EvidenceError(name, "", found="something that is no regular file", allowed="a file", next_step="name the file")
            data = opened.read(LARGEST + 1)
    except OSError as exc:
        found = "nothing" if isinstance(exc, FileNotFoundError) else f"a file that can't be read ({exc.strerror})"
        raise EvidenceError(name, "", found=found, allowed="a readable file", next_step="look why its tool wrote none, or correct the path") from exc
    return File(name, data, hashlib.sha256(data).hexdigest())


def _name(path: str, base: str) -> str:
    """Below the folder of the reports: the workspace of a builder says nothing, and is another one each time."""
    try:
        return Path(path).resolve().relative_to(Path(base).resolve()).as_posix()
    except ValueError:
        return Path(path).name
