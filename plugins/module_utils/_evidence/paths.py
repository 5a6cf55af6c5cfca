# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the file system and the package database say of a path: when it was written, whose it is, which package put it there."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._evidence.places import real
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host, reason
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

Facts = dict[str, Any]


def look(host: Host, place: str) -> Facts:
    """{exists, written, changed, owner} of a path; of one that is not there its folder's times, which say when something in it came or went."""
    path = host.path(real(place))
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return _of_folder(os.path.dirname(path))
    except (OSError, ValueError) as exc:
        return {"exists": True, "unknown": reason(exc)}
    facts = {"exists": True, "written": found.st_mtime, "changed": found.st_ctime, "owner": _name(pwd.getpwuid, found.st_uid)}
    return {**facts, "group": _name(grp.getgrgid, found.st_gid), "folder": stat.S_ISDIR(found.st_mode)}


def _of_folder(folder: str) -> Facts:
    try:
        found = os.lstat(folder)
    except (OSError, ValueError):
        return {"exists": False}
    return {"exists": False, "folder_changed": found.st_mtime}


def _name(find: Callable[[int], Any], number: int) -> str:
    try:
        return str(find(number)[0])
    except (KeyError, OverflowError):
        return str(number)


def packages_of(host: Host, places: Iterable[str]) -> dict[str, str]:
    """{place: package as items name it} of dpkg's lists, else of rpm."""
    wanted = {real(place): place for place in places}
    if not wanted:
        return {}
    lists = host.glob("/var/lib/dpkg/info/*.list")
    return _dpkg(host, lists, wanted) if lists else _rpm(host, wanted)


def _dpkg(host: Host, lists: Iterable[str], wanted: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    # Before the merge of /usr, packages listed /bin/ls, which is /usr/bin/ls now.
    names = {os.fsencode(old): place for path, place in wanted.items() for old in (path, path[4:] if path.startswith("/usr/") else path)}
    for path in lists:
        try:
            owned = names.keys() & set(host.data(path).split(b"\n"))
        except (Unknown, FileNotFoundError):
            continue
        package = os.path.basename(path)[: -len(".list")]
        found.update((names[name], f"deb/{package}") for name in owned)
    return found


def _rpm(host: Host, wanted: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, place in wanted.items():
        try:
            lines = host.lines(["rpm", "-qf", "--qf", "%{NAME}.%{ARCH}\\n", "--", path], timeout=10)
        except Unknown:
            continue
        if lines:
            found[place] = f"rpm/{lines[0]}"
    return found
