# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that are mounted on themselves, read-only. It holds root as well, and ends with the next boot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._immutable.tree import Fault

Run = Callable[[Sequence[str]], int]
MOUNTS = "/proc/self/mountinfo"


def read_only(path: bytes, mounts: str = MOUNTS) -> bool:
    """Whether the topmost mount at the very path is read-only."""
    options = mounted(mounts).get(os.path.realpath(path))
    return options is not None and b"ro" in options


def mounted(mounts: str = MOUNTS) -> dict[bytes, list[bytes]]:
    """{mount point: options of the topmost mount there}, with links of the way resolved by the kernel."""
    with open(mounts, "rb") as stream:
        fields = [line.split(b" ") for line in stream.read().splitlines()]
    return {_plain(field[4]): field[5].split(b",") for field in fields if len(field) > 5}


def protect(path: bytes, *, dry: bool, run: Run) -> bool:
    if read_only(path):
        return False
    if not os.path.isdir(path) or os.path.islink(path):
        raise Fault(f"{os.fsdecode(path)} is no folder, and only folders are mounted read-only")
    if not dry:
        place = os.fsdecode(path)
        _done(run, ["mount", "--bind", place, place])
        _done(run, ["mount", "-o", "remount,bind,ro", place])
    return True


def lift(path: bytes, *, dry: bool, run: Run) -> bool:
    if not read_only(path):
        return False
    if not dry:
        _done(run, ["umount", os.fsdecode(path)])
    return True


def command(argv: Sequence[str]) -> int:
    return subprocess.run(list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60).returncode


def _done(run: Run, argv: Sequence[str]) -> None:
    code = run(argv)
    if code != 0:
        raise Fault(f"{' '.join(argv)} failed with code {code}")


def _plain(path: bytes) -> bytes:
    for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        path = path.replace(code, char)
    return path
