# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`files`: type, mode, owner, group, link target, size and SHA-256. Devices and pipes are never opened."""

from __future__ import annotations

import functools
import gc
import grp
import hashlib
import os
import pwd
import stat
import time
from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.hashing import BLOCK, FLAGS, Job, digests
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.walk import reason, walk

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
# Fewer files are read faster than a cache is kept.
WORTH_CACHING = 256


def collect(
    *, paths: Sequence[str], exclude: Sequence[str], by_keys: frozenset[str] = frozenset(), cache_dir: Optional[str] = None, keep_cache: bool = True
) -> Items:
    """Items of all files below `paths`; the content of those in `by_keys` is compared key by key, not here.

    With `cache_dir` only files that changed since the last time are read.
    """
    started_ns = time.time_ns()
    place = cache.path_of(cache_dir, [*paths, *exclude]) if cache_dir else None
    known = cache.load(place) if place else {}
    keep: cache.Cache = {}
    items: Items = {}
    jobs: list[Job] = []
    racy: set[bytes] = set()
    by_name = {os.path.basename(path) for path in by_keys}
    # Everything made here is kept, so a search for garbage among it finds none and costs a tenth of the time.
    gc.disable()
    for path, found, unknown in walk(paths, exclude):
        item = items[f"file:{path}"] = _attributes(path, found, unknown)
        if found is None or not stat.S_ISREG(found.st_mode):
            continue
        if os.path.basename(path) in by_name and os.path.realpath(path) in by_keys:
            continue
        key = cache.key(found)
        digest = known.get(key)
        if digest is None:
            jobs.append(Job(path, found.st_size, key))
            if not cache.settled(found, started_ns):
                racy.add(key)
        else:
            keep[key] = digest
            item["size"] = found.st_size
            item["sha256"] = digest.hex()
    _read(jobs, items, keep, racy)
    gc.enable()
    if place and keep_cache and len(keep) >= WORTH_CACHING and keep.keys() != known.keys():
        _save(place, keep)
    return items


def _read(jobs: Sequence[Job], items: Items, keep: cache.Cache, racy: set[bytes]) -> None:
    """Fill in the content of the files in `jobs`. One that moved meanwhile is looked at again, on its own and with care."""
    for job, digest in zip(jobs, digests(jobs)):
        name = f"file:{job.path}"
        if digest is None:
            found = describe(job.path)
            if found:
                items[name] = found
            else:
                del items[name]
            continue
        items[name]["size"] = job.size
        items[name]["sha256"] = digest.hex()
        if job.key not in racy:
            keep[job.key] = digest


def _save(place: str, keep: cache.Cache) -> None:
    try:
        cache.save(place, keep)
    except OSError:
        return  # a full disk costs the next run its speed, not this one its answer


def describe(path: str) -> dict[str, Any]:
    """{} when it is absent: a file that vanishes while we look was not there."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        return {"unknown": reason(exc)}
    item = _attributes(path, found, "")
    if item["type"] == "file":
        item.update(_content(path))
    return item


def _attributes(path: str, found: Optional[os.stat_result], unknown: str) -> dict[str, Any]:
    if found is None:
        return {"unknown": unknown}
    kind = KINDS.get(stat.S_IFMT(found.st_mode), "device")
    item: dict[str, Any] = {
        "type": kind,
        "mode": _mode(found.st_mode),
        "owner": _owner(found.st_uid),
        "group": _group(found.st_gid),
    }
    if kind == "link":
        try:
            item["target"] = os.readlink(path)
        except OSError as exc:
            item["unknown"] = reason(exc)
    if unknown:
        item["unknown"] = unknown
    return item


def _content(path: str) -> dict[str, Any]:
    """Size and digest of one state of the file; one that is written to meanwhile has none."""
    try:
        for _attempt in range(3):
            descriptor = os.open(path, FLAGS)
            with open(descriptor, "rb", buffering=0) as stream:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    return {"unknown": "it was replaced while it was read"}
                digest = hashlib.sha256()
                for block in iter(lambda: stream.read(BLOCK), b""):
                    digest.update(block)
                after = os.fstat(descriptor)
            if cache.key(before) == cache.key(after):
                return {"size": after.st_size, "sha256": digest.hexdigest()}
    except FileNotFoundError:
        return {"unknown": "it vanished while it was read"}
    except OSError as exc:
        return {"unknown": reason(exc)}
    return {"unknown": "it changed while it was read, three times"}


@functools.lru_cache(maxsize=4096)
def _mode(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"


@functools.lru_cache(maxsize=4096)
def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@functools.lru_cache(maxsize=4096)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
