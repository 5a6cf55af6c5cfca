# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`files`: type, mode, owner, group, size and SHA-256, link target, extended attributes. Devices, pipes and sockets are never opened."""

from __future__ import annotations

import gc
import json
import os
import resource
import time
from collections.abc import Collection, Sequence
from typing import Any, Optional, Protocol

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, finish, patterns
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.entries import Counts
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.pace import pace_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import SECRET_FILES, Rules, mount_points
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import Tree
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.walk import PARTIAL, Walk

# Fewer files are read faster than a cache is kept.
WORTH_CACHING = 256
PLAIN = Limits()


class Host(Protocol):
    def path(self, path: str) -> str: ...

    def secret(self, value: str) -> dict[str, Any]: ...


def scan(
    *,
    paths: Sequence[str],
    exclude: Sequence[str],
    host: Host,
    by_keys: Collection[str] = frozenset(),
    secret_files: Sequence[str] = (),
    cache_dir: Optional[str] = None,
    keep_cache: bool = True,
    limits: Limits = PLAIN,
) -> Tree:
    """All that lies at and below `paths`. The content of `by_keys` is compared elsewhere, that of secret files by fingerprint.

    With `cache_dir` only what moved since the last time is read. ValueError on a pattern that cannot be used.
    """
    began = time.monotonic()
    root = os.fsencode(host.path("/")).rstrip(b"/")
    real_keys = [os.path.realpath(path) for path in by_keys]
    rules = Rules(
        limits,
        time.time_ns(),
        root,
        patterns.Globs(exclude) if exclude else None,
        patterns.Globs([*SECRET_FILES, *secret_files]),
        frozenset(map(os.fsencode, real_keys)),
        frozenset(map(os.path.basename, real_keys)),
        mount_points(root),
        pace_of(limits),
    )
    place = cache.path_of(cache_dir, _sameness(rules, paths, exclude, secret_files)) if cache_dir else None
    tops = patterns.expand(paths, root)
    # Everything made here is kept, so a search for garbage among it finds none and costs a tenth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        walk = Walk(rules, cache.load(place) if place else cache.Cache())
        walk.run(_chosen(tops, rules))
        counts = finish.pending(walk)
        if place and keep_cache and counts.files >= WORTH_CACHING:
            finish.save(place, walk)
        records = _records(walk, host)
    finally:
        if collecting:
            gc.enable()
    if rules.pace:
        rules.pace.report(last=True)
    tree = Tree(records)
    tree.stats = _stats(counts, limits, began)
    return tree


def _chosen(tops: Sequence[bytes], rules: Rules) -> list[bytes]:
    """Without what is excluded, and without what the walk from another one reaches anyway."""
    kept: list[bytes] = []
    plain = {top for top in tops if os.path.realpath(rules.real(top)) == rules.real(top)}
    mounted = any(rules.mounts.get(folder) for folder in rules.mounts if any(folder == top or folder.startswith(top.rstrip(b"/") + b"/") for top in tops))
    for top in tops:
        inside = any(top != other and top.startswith(other.rstrip(b"/") + b"/") and other in plain for other in kept)
        is_folder = os.path.isdir(rules.real(top)) and not os.path.islink(rules.real(top))
        if rules.excluded(top, is_folder) or (inside and top in plain and not mounted):
            continue
        kept.append(top)
    return kept


def _sameness(rules: Rules, paths: Sequence[str], exclude: Sequence[str], secret_files: Sequence[str]) -> bytes:
    """What a record depends on beside the files themselves."""
    limits = rules.limits
    chosen = [sorted(paths), sorted(exclude), sorted({*SECRET_FILES, *secret_files}), sorted(map(printable, rules.by_keys)), printable(rules.root)]
    return json.dumps([chosen, limits.max_file_size, limits.one_file_system]).encode()


def _records(walk: Walk, host: Host) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
    # A folder that is listed whole comes after the few entries of it that were asked for.
    for path in sorted(walk.found):
        record = walk.part(path, "record")
        if not record:
            continue
        listing = walk.listing(path) if walk.part(path, "secrets") else None
        folder = printable(path[len(PARTIAL) :] if path.startswith(PARTIAL) else path)
        records[folder] = finish.fingerprinted(listing, walk.rules, host.secret) if listing else record
    return finish.unlisted(records, walk)


def _stats(counts: Counts, limits: Limits, began: float) -> dict[str, Any]:
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {**counts._asdict(), "verify": limits.verify, "seconds": round(time.monotonic() - began, 3), "peak_mib": peak // 1024}
