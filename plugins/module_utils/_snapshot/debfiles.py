# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of dpkg's packages that are not as the packages brought them, told as `dpkg --verify` tells them, but for paths this host is to do without."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import dpkg, originals
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host, reason
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

Match = Optional[Callable[[bytes], Any]]
Moved = Mapping[bytes, tuple[bytes, str]]  # {path: (where it lies, the package whose own stays)}


class Found(NamedTuple):
    path: bytes
    package: str
    conffile: bool
    verdict: originals.Verdict


def check(host: Host, match: Match, salt: bytes, *, place: Optional[str], keep: bool, limits: Limits) -> list[Found]:
    """`salt` tells what `match` was made of: the cache is bound to it."""
    installed = dpkg.packages(host.text(dpkg.STATUS))
    info = frozenset(host.names(dpkg.INFO))
    moved, told = _diversions(host)
    listed = [_listed(package, _info(package, "md5sums", host, info), told + salt, moved=moved, match=match) for package in installed]
    findings = originals.check(listed, place=place, keep=keep, limits=limits, root=os.fsencode(host.root))
    lists = _lists(installed, host, info)
    found = [(one.files[index][0], one.name, verdict) for one, index, verdict in findings if _owns(lists[one.name], one.files[index][0], moved)]
    found += [one for one in _gone(lists, listed, host, moved) if not match or match(one[0])]
    spared = dpkg.left_out(_texts(host))
    conffiles = {os.fsencode(path) for package in installed for path in package.conffiles}
    kept = [one for one in sorted(found) if one[2].state != originals.missing or not spared(os.fsdecode(one[0]))]
    return [Found(path, name, path in conffiles, verdict) for path, name, verdict in kept]


def _name(package: dpkg.Package) -> str:
    return f"{package.name}:{package.architecture}"


def _listed(package: dpkg.Package, data: bytes, salt: bytes, *, moved: Moved, match: Match) -> originals.Listed:
    name = _name(package)
    mark = hashlib.sha256(b"\0".join((name.encode(), salt, str(sorted(package.conffiles.items())).encode(), data))).digest()
    files = dpkg.md5sums(data)
    files.update((os.fsencode(path), digest.encode()) for path, digest in package.conffiles.items())
    if moved.keys() & files.keys():
        files = {_lies(path, package.name, moved): digest for path, digest in files.items()}
    return originals.Listed(name, mark, [one for one in files.items() if match(one[0])] if match else list(files.items()))


def _info(package: dpkg.Package, kind: str, host: Host, info: frozenset[str]) -> bytes:
    """Packages that can be there for several processors have theirs in the name. Very few have no digests."""
    for name in (f"{_name(package)}.{kind}", f"{package.name}.{kind}"):
        if name in info:
            return host.data(f"{dpkg.INFO}/{name}")
    return b""


def _diversions(host: Host) -> tuple[Moved, bytes]:
    try:
        text = host.text("/var/lib/dpkg/diversions")
    except FileNotFoundError:
        return {}, b""
    found = dpkg.diversions(text)
    return {os.fsencode(path): (os.fsencode(target), owner) for path, (target, owner) in found.items()}, text.encode()


def _lies(path: bytes, package: str, moved: Moved) -> bytes:
    target, owner = moved.get(path, (path, package))
    return path if owner == package else target


def _lists(installed: list[dpkg.Package], host: Host, info: frozenset[str]) -> dict[str, frozenset[bytes]]:
    """{package: all its paths}, folders and links too."""
    return {_name(package): frozenset([*_info(package, "list", host, info).split(b"\n"), *map(os.fsencode, package.conffiles)]) for package in installed}


def _gone(lists: Mapping[str, frozenset[bytes]], listed: list[originals.Listed], host: Host, moved: Moved) -> list[tuple[bytes, str, originals.Verdict]]:
    """Links and folders, which have no digest, that are not there."""
    judged = {path for one in listed for path, _digest in one.files}
    root = os.fsencode(host.root)
    found = []
    for path in frozenset().union(*lists.values()) - judged - {b"", b"/."}:
        try:
            os.lstat(root + path)
        except OSError as exc:
            owner = min(name for name, paths in lists.items() if path in paths)
            place = _lies(path, owner.partition(":")[0], moved)
            if place == path or not os.path.lexists(root + place):
                there = not isinstance(exc, (FileNotFoundError, NotADirectoryError))
                found.append((place, owner, originals.Verdict("unknown", reason(exc)) if there else originals.Verdict(originals.missing)))
    return found


def _owns(paths: frozenset[bytes], path: bytes, moved: Moved) -> bool:
    """dpkg keeps a file's digest after another package took the file over."""
    return path in paths or any(target == path and original in paths for original, (target, _owner) in moved.items())


def _texts(host: Host) -> list[str]:
    found = []
    for path in [*host.glob("/etc/dpkg/dpkg.cfg.d/*"), "/etc/dpkg/dpkg.cfg"]:
        try:
            found.append(host.text(path))
        except (FileNotFoundError, Unknown):
            continue
    return found
