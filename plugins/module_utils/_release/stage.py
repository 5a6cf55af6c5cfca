# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release and its configuration brought to a host beside what serves there."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree

FOLDER_MODE = 0o700


class Owner(NamedTuple):
    uid: int
    gid: int


class File(NamedTuple):
    path: str
    content: bytes
    mode: int


def lacks(tree: ReleaseTree, wanted: dict[str, Any]) -> bool:
    """Whether the release has to be installed; an error when another or a changed one is."""
    return not tree.check(version=wanted["version"], sha256=wanted["sha256"])


def install(tree: ReleaseTree, wanted: dict[str, Any]) -> list[str]:
    """Install what is lacking; the versions that retention removed. wanted: {version, sha256, source, timeout, keep, protect}."""
    if not wanted["source"]:
        raise ReleaseError(f"Release {wanted['version']} is not installed under {tree.releases} and no source was given.")
    tree.install(version=wanted["version"], source=wanted["source"], sha256=wanted["sha256"], timeout=wanted["timeout"])
    removed = tree.surplus(keep=wanted["keep"], protect=[wanted["version"], *wanted["protect"]])
    for version in removed:
        tree.remove(version)
    return removed


def owner_of(user: Optional[str]) -> Optional[Owner]:
    """None leaves owners as they are; as `file` and `template` do, only the user is given the file."""
    if not user:
        return None
    try:
        return Owner(pwd.getpwnam(user).pw_uid, -1)
    except KeyError as exc:
        raise ReleaseError(f"The configuration belongs to the user {user}, whom this host does not know. Create the account first.") from exc


def make_folder(path: str, owner: Optional[Owner], *, check: bool) -> bool:
    """The folder for the service alone, and those above it that are missing; whether something changes."""
    if not os.path.isdir(path):
        if not check:
            above = os.path.dirname(path)
            if not os.path.isdir(above):
                make_folder(above, owner, check=False)
            os.mkdir(path, FOLDER_MODE)
            _settle(path, FOLDER_MODE, owner, check=False)
        return True
    return _settle(path, FOLDER_MODE, owner, check=check)


def write(file: File, owner: Optional[Owner], *, check: bool) -> bool:
    """The file with this content, in one step; whether something changes."""
    if _read(file.path) == file.content:
        return _settle(file.path, file.mode, owner, check=check)
    if not check:
        handle, fresh = tempfile.mkstemp(prefix=".evenkeel-", dir=os.path.dirname(file.path))
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(file.content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(fresh, file.mode)
            if owner:
                os.chown(fresh, *owner)
            os.replace(fresh, file.path)
        except BaseException:
            os.unlink(fresh)
            raise
    return True


def _read(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _settle(path: str, mode: int, owner: Optional[Owner], *, check: bool) -> bool:
    found = os.stat(path)
    differs = stat.S_IMODE(found.st_mode) != mode
    foreign = owner is not None and found.st_uid != owner.uid
    if not check:
        if differs:
            os.chmod(path, mode)
        if owner and foreign:
            os.chown(path, *owner)
    return differs or foreign
