# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of accounts on this host; a number stands for one that has no name, as in a snapshot."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping
from typing import Any


def has_user(name: str) -> bool:
    return name.isdigit() or _known(pwd.getpwnam, name)


def has_group(name: str) -> bool:
    return name.isdigit() or _known(grp.getgrnam, name)


def uid_of(item: Mapping[str, Any]) -> int:
    """-1 leaves it."""
    name = str(item.get("owner", "-1"))
    return pwd.getpwnam(name).pw_uid if _known(pwd.getpwnam, name) else int(name)


def gid_of(item: Mapping[str, Any]) -> int:
    name = str(item.get("group", "-1"))
    return grp.getgrnam(name).gr_gid if _known(grp.getgrnam, name) else int(name)


def _known(look_up: Any, name: str) -> bool:
    try:
        look_up(name)
    except KeyError:
        return False
    return True
