# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a preserved set to what has to be written now: wanted items and their contents, for the engine of drift_restore."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags import jsontext
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.observe import config_folder, flags_of, item
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable

CONFIG, FILES, FLAGS = "config", "files", "flags"
PARTS = (CONFIG, FILES, FLAGS)


class Wanted(NamedTuple):
    items: dict[str, Optional[dict[str, Any]]]  # as drift_restore takes them; None: it must not be there
    contents: dict[str, bytes]
    owners: dict[str, str]  # key -> service, for those that are configuration


def wanted(preserved: Mapping[str, Any], *, parts: Sequence[str], only: Sequence[str], colours: Mapping[str, str], content: Callable[[str], bytes]) -> Wanted:
    """only: services whose configuration is restored, all when empty. colours: {service: colour to restore into}, else the one that is live now."""
    found = Wanted({}, {}, {})
    if CONFIG in parts:
        for name, one in preserved["services"].items():
            if not only or name in only:
                _config(name, one, colours.get(name, ""), found)
    if FILES in parts:
        for path, one in preserved["files"].items():
            found.items[_key(path)] = one
    for one in found.items.values():
        if one and "sha256" in one:
            found.contents[one["sha256"]] = content(one["sha256"])
    if FLAGS in parts:
        for path, flags in preserved["flags"].items():
            _flags(path, flags, found)
    return found


def _config(name: str, one: Mapping[str, Any], colour: str, found: Wanted) -> None:
    into = colour or ReleaseTree(one["root"]).colour()
    if not one["config"]:
        return
    if not into:
        raise PreserveError(f"Service {name} has no live configuration below {one['root']}, so there is no place to restore to. Deploy it first.")
    folder = config_folder(one["root"], into)
    if not os.path.isdir(folder):
        raise PreserveError(f"{folder} is missing, so the configuration of {name} has no place to be restored to. Deploy it first.")
    for rel, kept in one["config"].items():
        key = _key(os.path.join(folder, rel))
        found.items[key], found.owners[key] = kept, name
    # What the new release brought along: named, and removed when that is asked for.
    for place, _folders, files in os.walk(folder):
        for file in files:
            key = _key(os.path.join(place, file))
            if key not in found.items:
                found.items[key], found.owners[key] = None, name


def _flags(path: str, flags: Mapping[str, Any], found: Wanted) -> None:
    """Only the preserved flags of the file: what others have done to theirs since is not undone."""
    now = flags_of(path)
    with open(path, encoding="utf-8", newline="") as stream:
        before = text = stream.read()
    for key, value in flags.items():
        if key not in now or not jsontext.same(now[key], value):
            text = jsontext.change(text, ("flags", key), value)
    there = item(path)
    if text == before or there is None:
        return
    data = text.encode("utf-8")
    digest = hashlib.sha256(data).hexdigest()
    found.items[_key(path)] = {**there, "sha256": digest, "size": len(data)}
    found.contents[digest] = data


def _key(path: str) -> str:
    return "file:" + printable(path)
