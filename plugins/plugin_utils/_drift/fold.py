# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment wrote becomes part of the baseline, and nothing else does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import folder_group, group_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record, changed
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.written import Written

# What administrators add to a unit beside its file: no deployment writes it.
BESIDE = "drop_ins"
# What an item of a file lacks as long as its content is compared key by key.
CONTENT = ("sha256", "size")
# {item's path: {"before": item or null, "after": item or null}}
Changes = Mapping[str, Mapping[str, Any]]


def fold(base: Record, changes: Changes, written: Written) -> Record:
    return applied(base, expected(base, changes, written))


def applied(base: Record, wanted: Mapping[str, Any]) -> Record:
    """The record to expect from now on. What the collectors could read stays as the base says: a new gap is drift."""
    items = {path: item for path, item in wanted.items() if item is not None}
    return changed(base, collectors=base.collectors, items=items, gone=sorted(wanted.keys() - items.keys()))


def expected(base: Record, changes: Changes, written: Written) -> dict[str, Any]:
    """{path: item now, null when gone} of the changes that the deployment made. What cannot be read now is expected of nobody."""
    new = tuple(tree for tree in written.trees if not _held(base, tree))
    gone = tuple(tree for tree in written.removed if all(_is_gone(changes.get(path)) for path in _held(base, tree)))
    found = {}
    for path, change in changes.items():
        before, after = change["before"], change["after"]
        if after is not None and ("unknown" in after or after.get(BESIDE) != (before or {}).get(BESIDE)):
            continue
        reread = any_matches(written.reread, path) and _same_but_read(before, after)
        appeared = before is None and (any_matches(written.added, path) or _inside_any(path, new))
        if appeared or reread or any_matches(written.patterns, path) or (after is None and _inside_any(path, gone)):
            found[path] = after
    return found


def _same_but_read(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    if before is None or after is None or any(name in before for name in CONTENT):
        return False
    return {name: value for name, value in after.items() if name not in CONTENT} == dict(before)


def _is_gone(change: Mapping[str, Any] | None) -> bool:
    return change is not None and change["after"] is None


def _held(base: Record, tree: str) -> list[str]:
    """Paths of the base in the tree, found by its folders: a record may hold a hundred thousand files."""
    groups = {group_of(f"file:{tree}"), *(name for name in base.groups if name.startswith(folder_group(tree)))}
    return [path for name in groups for path in base.items(name) if _inside(path, tree)]


def _inside_any(path: str, trees: tuple[str, ...]) -> bool:
    return any(_inside(path, tree) for tree in trees)


def _inside(path: str, tree: str) -> bool:
    """The folder, what lies below it, and the record of the release beside it."""
    return path in (f"file:{tree}", f"file:{tree}.json") or path.startswith(f"file:{tree}/")
