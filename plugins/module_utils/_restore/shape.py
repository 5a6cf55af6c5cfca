# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a restoration share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

Item = Mapping[str, Any]
Wanted = Mapping[str, Optional[Item]]  # None: it must not be there

# What makes a file the same: whatever else an item says is no attribute that a file can be given.
CONTENT = ("sha256", "size")
SECRET = ("secret", "fingerprint", "key")
GIVEN = ("mode", "owner", "group", "acl", "default_acl", "capabilities", "selinux", "xattrs")
KNOWN = frozenset({"type", "target", *CONTENT, *SECRET, *GIVEN})


class Refused(Exception):
    """It cannot be made as it was, so it is not touched. `next_step` is for the reader."""

    def __init__(self, reason: str, next_step: str) -> None:
        super().__init__(reason)
        self.reason, self.next_step = reason, next_step

    def as_dict(self) -> dict[str, str]:
        return {"reason": self.reason, "next": self.next_step}


class Broken(Exception):
    """An act failed on the way; the text says at what."""


class Step(NamedTuple):
    """One thing to do. `act`: remove, folder, link, pipe, write (new content), attributes."""

    key: str
    act: str
    item: Optional[Item]
    now: Optional[Item]


def kind_of(key: str) -> str:
    return key.partition(":")[0]
