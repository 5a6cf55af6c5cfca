# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders that shall not change: by the immutable attribute, else without write bits in their modes, which holds everybody but root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._immutable import flags
from ansible_collections.evenkeel.release.plugins.module_utils._immutable.modes import Modes

WRITE = 0o222
ATTRIBUTE, MODES, NONE = "attribute", "modes", "none"


class Fault(Exception):
    """Nothing more was changed; the text says at what it stopped."""


class Seen(NamedTuple):
    path: bytes
    mode: int
    immutable: Optional[bool]  # None where there is no such attribute

    def protected(self, modes: Modes) -> str:
        """A mode without write bits counts where there is no attribute, and where it was narrowed here for want of the capability."""
        if self.immutable:
            return ATTRIBUTE
        narrowed = self.immutable is None or modes.of(self.path) is not None
        return MODES if narrowed and not self.mode & WRITE else NONE


def walk(tops: Sequence[bytes]) -> Iterator[bytes]:
    """Files and folders at and below `tops`, folders last. Links have no attributes of their own; their folder holds them."""
    for top in tops:
        if not os.path.lexists(top):
            raise Fault(f"{os.fsdecode(top)} is not there")
        if os.path.islink(top):
            raise Fault(f"{os.fsdecode(top)} is a link: name the folder behind it")
        yield from _below(top)


def look(path: bytes) -> Seen:
    try:
        return Seen(path, stat.S_IMODE(os.lstat(path).st_mode), flags.of(path))
    except OSError as exc:
        raise Fault(f"{os.fsdecode(path)} cannot be looked at ({(exc.strerror or '').lower()})") from exc


def protect(path: bytes, *, fallback: bool, modes: Modes, dry: bool) -> bool:
    """Whether there was something to do. With `fallback` its mode has to be kept by now."""
    seen = look(path)
    if seen.protected(modes) == ATTRIBUTE or (fallback and seen.immutable is None and not seen.mode & WRITE):
        return False
    if seen.immutable is not None and (dry or _attribute(path, True, fallback=fallback) is not None):
        modes.forget(path)
        return True
    if not fallback:
        raise Fault(f"there is no immutable attribute where {os.fsdecode(path)} lies, and fallback is false")
    if not seen.mode & WRITE:
        return False
    if not dry:
        os.chmod(path, seen.mode & ~WRITE)
    return True


def lift(path: bytes, *, modes: Modes, dry: bool) -> bool:
    """The attribute is taken off, and a mode that was narrowed here is what it was."""
    seen = look(path)
    changed = False
    if seen.immutable:
        changed = True
        if not dry and _attribute(path, False, fallback=False) is None:
            raise Fault(f"the immutable attribute of {os.fsdecode(path)} cannot be taken off")
    mode = modes.of(path)
    # Somebody else's later mode stays.
    if mode is not None and seen.mode == mode & ~WRITE:
        changed = True
        if not dry:
            os.chmod(path, mode)
    return changed


def _attribute(path: bytes, wanted: bool, *, fallback: bool) -> Optional[bool]:
    try:
        return flags.give(path, wanted)
    except PermissionError as exc:
        if fallback:
            return None
        raise Fault(f"the immutable attribute of {os.fsdecode(path)} was not set: it takes root with the capability linux_immutable") from exc
    except OSError as exc:
        raise Fault(f"the immutable attribute of {os.fsdecode(path)} was not set ({(exc.strerror or '').lower()})") from exc


def _below(top: bytes) -> Iterator[bytes]:
    mode = os.lstat(top).st_mode
    if stat.S_ISDIR(mode):
        try:
            names = sorted(os.listdir(top))
        except OSError as exc:
            raise Fault(f"{os.fsdecode(top)} cannot be listed ({(exc.strerror or '').lower()})") from exc
        for name in names:
            yield from _below(os.path.join(top, name))
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        yield top
