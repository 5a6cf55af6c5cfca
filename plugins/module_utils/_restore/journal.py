# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restoration is about to do, on disk: a run that was cut off is seen by the next one. Two at once are refused."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Broken, Item, Step
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable, real_path

FORMAT = "evenkeel-restore-1"


class Journal:
    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(os.path.expanduser(folder))
        self._path = os.path.join(self.folder, "journal")
        self._lock: Optional[int] = None

    def lock(self) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        lock = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(lock)
            raise Broken(f"another restoration runs on this host (it holds {self.folder}/lock). Nothing was changed. Wait for it, then restore again") from exc
        self._lock = lock

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin(self, mark: str, folders: Sequence[bytes], steps: Sequence[Step]) -> None:
        """On disk before the first change."""
        wanted = {step.key: step.item for step in steps}
        text = json.dumps({"format": FORMAT, "mark": mark, "folders": [printable(folder) for folder in folders], "wanted": wanted})
        beside = self._path + ".new"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, self._path)

    def end(self) -> None:
        os.unlink(self._path)

    def left(self) -> Optional[Left]:
        """What was begun and never ended; a journal that cannot be read is one, too, with nothing known of it."""
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as stream:
                return Left(json.load(stream))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Left({"format": FORMAT, "mark": "", "folders": [], "wanted": {}})


class Left:
    def __init__(self, found: Mapping[str, Any]) -> None:
        if found["format"] != FORMAT:
            raise ValueError("it is of another format")
        self.mark = str(found["mark"])
        self.folders = [real_path(folder) for folder in found["folders"]]
        self.wanted: Mapping[str, Optional[Item]] = dict(found["wanted"])
