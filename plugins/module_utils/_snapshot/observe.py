# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was asked for, looked at once; and the shortest answer that tells what is not as in a baseline."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import files, registry
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import canonical
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.nodestore import NodeStore, read_file, spill
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, Record, build, delta, dump, load
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import Tree

Params = Mapping[str, Any]
Answer = dict[str, Any]


def observe(params: Params, host: Host, *, keep_cache: bool) -> tuple[Record, dict[str, Any]]:
    """The record of this host, and how it was made."""
    chosen = dict.fromkeys([*params["collectors"], *(name for name in ("config", "custom") if params[name])])
    collectors, items = registry.gather({**params, "collectors": list(chosen), "keep_cache": keep_cache}, host)
    tree = None
    if "files" in chosen:
        collectors["files"], tree = _files(params, host, keep_cache)
    return build(collectors, items, tree), tree.stats if tree is not None else {}


def answer(record: Record, params: Params, store: NodeStore, *, keep: bool, places: list[Optional[str]]) -> Answer:
    """With a baseline only what differs from it; `missing` when its record is not here. The whole record without one."""
    wanted = params["baseline"]
    blind = record.unknown()
    whole = not blind and all(state["state"] == "read" for state in record.states.values())
    if wanted == record.root and whole:
        if keep and not store.has(wanted):
            store.put(wanted, dump(record))
        return {"root": record.root, "same": True, "collectors": record.states}
    if not wanted:
        data = dump(record)
        if keep:
            store.put(record.root, data)
        return {"root": record.root, **_sent(data, params["inline_limit"], places)}
    base = record if wanted == record.root else _baseline(wanted, params["baseline_file"], store, keep)
    if base is None:
        return {"root": record.root, "missing": True}
    change = {**delta(base, record), "unknown": blind}
    data = zlib.compress(canonical(change).encode(), 6)
    return {"root": record.root, "same": False, **_sent(data, params["inline_limit"], places)}


def _files(params: Params, host: Host, keep_cache: bool) -> tuple[dict[str, Any], Optional[Tree]]:
    parsed = [path for entry in params["config"] for path in _expanded(entry if isinstance(entry, str) else str(entry["path"]), host)]
    limits = Limits(
        verify=params["verify"],
        workers=params["workers"],
        io_mib_per_s=params["io_limit"],
        max_file_size=params["max_file_size"],
        nice=params["nice"],
        io_class=params["io_class"],
        one_file_system=params["one_file_system"],
        progress=params["progress_file"],
    )
    try:
        tree = files.scan(
            paths=[*params["paths"], *parsed],
            exclude=params["exclude"],
            by_keys=frozenset(os.path.realpath(host.path(path)) for path in parsed),
            secret_files=params["secret_files"],
            host=host,
            cache_dir=params["cache_dir"],
            keep_cache=keep_cache,
            limits=limits,
        )
    except Unknown as exc:
        return {"state": "unknown", "reason": str(exc)}, None
    except ValueError:  # a pattern that cannot be used is a fault of the task
        raise
    except Exception as exc:  # one of ours is not "nothing there"
        return {"state": "unknown", "reason": f"the collector broke ({type(exc).__name__})"}, None
    return {"state": "read"}, tree


def _expanded(pattern: str, host: Host) -> list[str]:
    return host.glob(pattern) if any(sign in pattern for sign in "*?[") else [pattern]


def _baseline(root: str, pushed: Optional[str], store: NodeStore, keep: bool) -> Optional[Record]:
    """From the copy here, else from the file that the controller sent. A copy that is damaged is no copy."""
    for data in (store.get(root), read_file(pushed, private=False) if pushed else None):
        try:
            record = load(data) if data else None
        except Broken:
            continue
        if record and record.root == root:
            if keep and pushed and not store.has(root):
                store.put(root, data or b"")
            return record
    return None


def _sent(data: bytes, limit: int, places: list[Optional[str]]) -> Answer:
    """One opaque text, or a file to fetch: every value of a structured result is walked and copied several times on the way."""
    digest = hashlib.sha256(data).hexdigest()
    text = base64.b64encode(data).decode()
    if len(text) <= limit:
        return {"packed": text, "sha256": digest}
    return {"spilled": spill(data, places), "sha256": digest}
