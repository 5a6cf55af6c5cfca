# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing the steps. All new content is written beside its place first, so a full disk is met before anything has changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore import look, paths, xattrs
from ansible_collections.evenkeel.release.plugins.module_utils._restore.accounts import gid_of, uid_of
from ansible_collections.evenkeel.release.plugins.module_utils._restore.rooms import Rooms
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import GIVEN, SECRET, Broken, Item, Refused, Step
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
HOLD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
Label = Callable[[bytes], Optional[bytes]]  # what the host's policy says about a path


def path_of(key: str) -> bytes:
    return real_path(key.partition(":")[2])


def stage(steps: Sequence[Step], contents: Mapping[str, bytes], *, rooms: Rooms, label: Label) -> None:
    """Write every new content beside its place; takes all of it away again when one does not fit."""
    try:
        for step in steps:
            if step.act == "write" and step.item is not None:
                _stage(path_of(step.key), step.item, contents[step.item["sha256"]], rooms=rooms, label=label)
    except BaseException:
        rooms.sweep()
        raise


def commit(step: Step, *, rooms: Rooms, label: Label) -> None:
    """One step, whole or not at all; Broken when it fails or is not as wanted afterwards."""
    path = path_of(step.key)
    try:
        if step.act == "remove" or step.item is None:
            _remove(path, step.now)
        elif step.act == "attributes":
            _attributes(path, step.item, rooms=rooms, label=label)
        else:
            if step.act != "write":
                _make(path, step, rooms=rooms, label=label)
            _place(path, step, rooms)
    except (OSError, Refused) as exc:
        raise Broken(f"{step.key}: {step.act} failed ({(getattr(exc, 'strerror', None) or str(exc)).lower()})") from exc
    _prove(step, path)


def _stage(path: bytes, item: Item, data: bytes, *, rooms: Rooms, label: Label) -> None:
    with rooms.entered(path) as (room, name):
        with open(os.open(name, NEW, 0o600, dir_fd=room), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        _give(paths.inside(room, name), item, _label(path, label))


def _make(path: bytes, step: Step, *, rooms: Rooms, label: Label) -> None:
    item = step.item or {}
    with rooms.entered(path) as (room, name):
        if step.act == "link":
            os.symlink(real_path(str(item["target"])), name, dir_fd=room)
        elif step.act == "pipe":
            os.mkfifo(name, 0o600, dir_fd=room)
        else:
            os.mkdir(name, 0o700, dir_fd=room)
        _give(paths.inside(room, name), item, _label(path, label))


def _place(path: bytes, step: Step, rooms: Rooms) -> None:
    """A rename takes the place of what is there at once. Only a folder and something else cannot replace each other so."""
    folder, name = paths.split(path)
    with rooms.entered(path) as (room, made), paths.opened(folder) as here:
        if step.now and (step.act == "folder" or step.now.get("type") == "folder"):
            _remove(path, step.now)
        os.rename(made, name, src_dir_fd=room, dst_dir_fd=here)
        _settle(here)


def _remove(path: bytes, now: Optional[Item]) -> None:
    folder, name = paths.split(path)
    with paths.opened(folder) as here:
        if (now or {}).get("type") == "folder":
            os.rmdir(name, dir_fd=here)
        else:
            os.unlink(name, dir_fd=here)
        _settle(here)


def _attributes(path: bytes, item: Item, *, rooms: Rooms, label: Label) -> None:
    """In place, but for a file with more names: whoever made the other name would get the attributes too."""
    folder, name = paths.split(path)
    with paths.opened(folder) as here:
        holder = os.open(name, HOLD, dir_fd=here)
        try:
            found = os.fstat(holder)
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                _stage(path, item, look.content(path), rooms=rooms, label=label)
                _place(path, Step("", "write", item, None), rooms)
            else:
                _give(b"/proc/self/fd/%d" % holder, item, None, follow=True)
        finally:
            os.close(holder)
        _settle(here)


def _give(path: bytes, item: Item, label: Optional[bytes], *, follow: bool = False) -> None:
    """Owner first, for that clears what follows: set-id bits and capabilities."""
    os.chown(path, uid_of(item), gid_of(item), follow_symlinks=follow)
    mode = int(str(item["mode"]), 8) if "mode" in item and item.get("type") != "link" else None
    if mode is not None:
        os.chmod(path, mode)
    xattrs.give(path, item, label=label, follow=follow)
    if mode is not None and stat.S_IMODE(os.stat(path).st_mode) != mode:
        os.chmod(path, mode)  # an access list has changed it


def _label(path: bytes, label: Label) -> Optional[bytes]:
    """That of the file which goes away, else what the policy says."""
    return xattrs.label_of(path) or label(path)


def _prove(step: Step, path: bytes) -> None:
    now: Mapping[str, Any] = look.look(path) or {}
    wanted: Mapping[str, Any] = {} if step.act == "remove" else (step.item or {})
    # Beside what the baseline names, nothing else may have been given; content is only proven where it is named.
    names = {*wanted, *(name for name in now if name in GIVEN)} - {*SECRET} if wanted else {*now}
    unlike = sorted(name for name in names if now.get(name) != wanted.get(name) and not (name == "selinux" and name not in wanted))
    if unlike:
        raise Broken(f"{step.key}: {step.act} was done, yet {', '.join(unlike)} reads otherwise afterwards")


def _settle(here: int) -> None:
    folder = os.open(paths.inside(here, b"."), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
