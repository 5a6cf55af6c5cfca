# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All folders of a scan: those known from the last time at once, new ones as they are found."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import packed, workers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.cache import Cache, Listing
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.folder import Found, look, look_at
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import Rules, child, parent

# Below this a fork costs more than it brings.
ENOUGH_ENTRIES = 1000
CHUNK = 4
# Before the path of a folder of which only the entries that were asked for are looked at.
PARTIAL = b"*"


class Walk:
    def __init__(self, rules: Rules, cache: Cache) -> None:
        self.rules, self.cache = rules, cache
        self.found: dict[bytes, Found] = {}

    def listing(self, path: bytes) -> Optional[Listing]:
        found = self.found[path]
        return self.cache.get(path) if found.same else found.listing

    def part(self, path: bytes, name: str) -> bytes:
        """One field of its listing, nothing when there is none."""
        found = self.found[path]
        if found.same:
            return self.cache.part(path, name)
        return bytes(getattr(found.listing, name)) if found.listing else b""

    def below(self, path: bytes) -> list[bytes]:
        subs = self.part(path, "subs")
        if not subs:
            return []
        folder = path[len(PARTIAL) :] if path.startswith(PARTIAL) else path
        return [child(folder, name) if name != b"." else b"/" for name in subs.split(b"/")]

    def run(self, tops: Sequence[bytes]) -> None:
        asked: dict[bytes, list[bytes]] = {}
        for top in tops:
            folder, name = parent(top)
            asked.setdefault(folder, []).append(name)
        for folder, names in asked.items():
            self.found[PARTIAL + folder] = look_at(folder, names, self.rules, self.cache.get(PARTIAL + folder))
        starts = [path for folder in asked for path in self.below(PARTIAL + folder)]
        self._round(self._known(starts), use_cache=True)
        reached, new = self._reached(starts)
        tried: set[bytes] = set()
        while new:
            # What is gone is tried once more, as if it had never been seen.
            self._round(list(dict.fromkeys([*new, *(path for path in discover(new, self.rules) if path not in reached)])), use_cache=False)
            tried.update(new)
            reached, new = self._reached(starts)
            new = [path for path in new if path not in tried]
        self.found = {path: found for path, found in self.found.items() if path in reached or path.startswith(PARTIAL)}

    def _known(self, starts: Sequence[bytes]) -> list[bytes]:
        """Folders of the last time, but for those that may lie on another file system now."""
        mounts = [child(folder, name) for folder, names in self.rules.mounts.items() for name in names] if self.rules.limits.one_file_system else []
        covered = tuple(place + b"/" for place in mounts if place not in starts and any(place.startswith(_inside(top)) for top in starts))
        known = [path for path in self.cache.places if not path.startswith(PARTIAL) and not (path + b"/").startswith(covered)]
        if self.rules.pace:
            self.rules.pace.total += sum(packed.contents(listing.record) for listing in map(self.cache.get, known) if listing)
        return known

    def _round(self, paths: Sequence[bytes], *, use_cache: bool) -> None:
        def work(number: int) -> Found:
            return look(paths[number], self.rules, self.cache.get(paths[number]) if use_cache else None)

        limits = self.rules.limits if _many(paths, self.rules, self.cache if use_cache else None) else Limits(workers=1)
        for number, found in workers.run(len(paths), work, limits, self.rules.pace, CHUNK).items():
            self.found[paths[number]] = found

    def _reached(self, starts: Sequence[bytes]) -> tuple[set[bytes], list[bytes]]:
        """Folders that lie below the starts today, and those among them that were not looked at."""
        todo, reached, new = list(starts), set(), []
        while todo:
            path = todo.pop()
            if path in reached:
                continue
            reached.add(path)
            if path not in self.found or self.found[path].gone:
                new.append(path)
            else:
                todo += self.below(path)
        return reached, new


def discover(tops: Iterable[bytes], rules: Rules) -> list[bytes]:
    """The folders below, found without a look at their files."""
    todo, folders = list(tops), []
    while todo:
        path = todo.pop()
        folders.append(path)
        try:
            device = os.lstat(rules.real(path)).st_dev
            with os.scandir(rules.real(path)) as found:
                entries = list(found)
            below = [os.fsencode(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]
            if rules.pace:
                rules.pace.total += sum(entry.is_file(follow_symlinks=False) for entry in entries)
            mounts = rules.mounts.get(path, ())
            for name in below:
                one = child(path, name)
                kept = not rules.limits.one_file_system or (name not in mounts and os.lstat(rules.real(one)).st_dev == device)
                if kept and not rules.excluded(one, True):
                    todo.append(one)
        except OSError:
            continue  # whoever looks at it says why
    return folders


def _inside(top: bytes) -> bytes:
    return top if top == b"/" else top + b"/"


def _many(paths: Sequence[bytes], rules: Rules, cache: Optional[Cache]) -> bool:
    """Whether there is enough to share out."""
    entries = 0
    for path in paths:
        listing = cache.get(path) if cache else None
        if listing:
            entries += packed.count(listing.record)
        else:
            entries += _entries(rules.real(path))
        if entries >= ENOUGH_ENTRIES:
            return True
    return False


def _entries(path: bytes) -> int:
    try:
        return len(os.listdir(path))
    except OSError:
        return 0
