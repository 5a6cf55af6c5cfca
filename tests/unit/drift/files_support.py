# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree described by the plainest means, to compare a scan with; and a scan with short names."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import files, rules, shape
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import Tree

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


class Host:
    """`key` stands for a fingerprint key that was given."""

    def __init__(self, root: str = "", key: bool = True) -> None:
        self.root, self.key = root, key

    def path(self, path: str) -> str:
        return self.root + path

    def secret(self, value: str) -> dict[str, Any]:
        if not self.key:
            raise shape.Unknown("fingerprint_key is missing")
        return {"secret": True, "fingerprint": hashlib.sha256(b"key" + value.encode()).hexdigest()[:32], "key": "0badf00d"}


def scan(*paths: Any, **more: Any) -> Tree:
    limits = {name: more.pop(name) for name in list(more) if name in Limits._fields}
    host = more.pop("host", None) or Host()
    exclude, cache_dir = more.pop("exclude", ()), more.pop("cache_dir", None)
    return files.scan(
        paths=[os.fspath(path) for path in paths], exclude=exclude, host=host, cache_dir=cache_dir and str(cache_dir), limits=Limits(**limits), **more
    )


def look(*paths: Any, **more: Any) -> dict[str, Any]:
    return dict(scan(*paths, **more).all_items())


def plainly(top: Path) -> dict[str, Any]:
    found = {}
    places = [os.fsencode(top)]
    for folder, folders, names in os.walk(os.fsencode(top)):
        places += [os.path.join(folder, name) for name in folders + names]
    for place in places:
        seen = os.lstat(place)
        item = {
            "type": TYPES[stat.S_IFMT(seen.st_mode)],
            "mode": f"{stat.S_IMODE(seen.st_mode):04o}",
            "owner": pwd.getpwuid(seen.st_uid).pw_name,
            "group": grp.getgrgid(seen.st_gid).gr_name,
        }
        if item["type"] == "file":
            with open(place, "rb") as stream:
                content = stream.read()
            item.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        if item["type"] == "link":
            item["target"] = shape.printable(os.readlink(place))
        found["file:" + shape.printable(place)] = item
    return found


def trusting(monkeypatch: Any) -> None:
    """Change times cannot be set, so what a moment ago is counts as long ago."""
    monkeypatch.setattr(rules, "RACY_NS", -(10**12))
    monkeypatch.setattr("ansible_collections.evenkeel.release.plugins.module_utils._snapshot.entries.RACY_NS", -(10**12))
