# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether systemd keeps a unit from writing somewhere: as it is set, and as the running process has it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._immutable import bind

Lines = Callable[[list[str]], list[str]]
PROPERTIES = ("LoadState", "ReadOnlyPaths", "ProtectSystem", "MainPID")


def state(unit: str, paths: Sequence[str], *, lines: Lines, proc: str = "/proc") -> dict[str, Any]:
    """{declared, running, in_effect, missing}: `in_effect` is what the kernel shows of the running process, None when none runs."""
    found = dict(line.partition("=")[::2] for line in lines(["systemctl", "show", "--property", ",".join(PROPERTIES), unit]))
    named = {entry.lstrip("-+") for entry in shlex.split(found.get("ReadOnlyPaths", ""))}
    missing = [path for path in paths if path not in named]
    pid = int(found.get("MainPID") or 0)
    return {
        "loaded": found.get("LoadState") == "loaded",
        "declared": found.get("LoadState") == "loaded" and not missing,
        "missing": missing,
        "protect_system": found.get("ProtectSystem", "no"),
        "in_effect": _in_effect(pid, paths, proc) if pid else None,
    }


def _in_effect(pid: int, paths: Sequence[str], proc: str) -> bool:
    try:
        seen = bind.mounted(os.path.join(proc, str(pid), "mountinfo"))
    except OSError:
        return False
    return all(_covered(os.path.realpath(os.fsencode(path)), seen) for path in paths)


def _covered(path: bytes, seen: dict[bytes, list[bytes]]) -> bool:
    """The nearest mount at or above the path is read-only."""
    while True:
        if path in seen:
            return b"ro" in seen[path]
        if path == b"/":
            return False
        path = os.path.dirname(path)
