# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a host: what its collectors found, as groups of items under one digest.

The root stands for everything: two records with the same root hold the same items and could look at the same things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import bucket, digest, folder_group, group_of, grouped, kind_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import Tree, small_tree

FORMAT = "evenkeel-record-1"
Collectors = dict[str, dict[str, Any]]


class Broken(ValueError):
    """It is not what it claims to be; nothing of it is used."""


class Record:
    """`plain`: items of all kinds but files, by group; `layers`: files, where a folder of a later layer hides the earlier ones, and an empty one removes it."""

    def __init__(
        self,
        collectors: Mapping[str, Mapping[str, Any]],
        plain: dict[str, Items],
        layers: tuple[Tree, ...],
        *,
        gone: frozenset[str] = frozenset(),
        like: Optional[Record] = None,
    ) -> None:
        """`like`: a record that shares groups with this one, whose digests need not be made again."""
        self.plain = plain
        self.layers = layers
        self.gone = gone
        self._place: dict[str, tuple[Tree, str]] = {folder_group(folder): (layer, folder) for layer in layers for folder in layer.folders}
        for name in gone:
            self._place.pop(name, None)
        self.groups: dict[str, str] = {
            name: like.groups[name] if like is not None and like.plain.get(name) is members else digest(members) for name, members in plain.items()
        }
        self.groups.update((name, layer.folders[folder].hex()) for name, (layer, folder) in self._place.items())
        # The same, but without the digests, which whoever has the items can make.
        self.states: Collectors = {name: {key: value for key, value in state.items() if key != "root"} for name, state in sorted(collectors.items())}
        self.root = digest([FORMAT, self.states, sorted(self.groups.items())])
        roots = self._roots()
        self.collectors: Collectors = {name: {**state, "root": roots.get(name, digest([]))} for name, state in self.states.items()}

    def items(self, group: str) -> Items:
        if group in self._place:
            layer, folder = self._place[group]
            return layer.items(folder)
        return self.plain.get(group, {})

    def select(self, keys: Iterable[str]) -> Items:
        """The items of these keys, of those that are there."""
        wanted = set(keys)
        groups = {name if name in self.groups else f"{name}#{bucket(key)}" for key in wanted for name in (group_of(key),)}
        return {key: item for name in groups for key, item in self.items(name).items() if key in wanted}

    def all_items(self) -> Items:
        return {key: item for group in self.groups for key, item in self.items(group).items()}

    def tree(self) -> Optional[Tree]:
        """All files as one layer."""
        if len(self.layers) < 2 and not self.gone:
            return self.layers[0] if self.layers else None
        return Tree({folder: layer._records[folder] for layer, folder in self._place.values()})

    def unknown(self) -> list[str]:
        """Keys of the items that could not be read."""
        found = {key for members in self.plain.values() for key, item in members.items() if "unknown" in item}
        for layer, folder in self._place.values():
            # Most folders are whole, and need not be unpacked to see it.
            if b'"unknown"' in layer._records[folder]:
                found.update(key for key, item in layer.items(folder).items() if "unknown" in item)
        return sorted(found)

    def _roots(self) -> dict[str, str]:
        parts: dict[str, list[tuple[str, str]]] = {}
        for name, value in sorted(self.groups.items()):
            parts.setdefault(registry.KIND_OF.get(kind_of(name), ""), []).append((name, value))
        return {name: digest(pairs) for name, pairs in parts.items()}


def build(collectors: Mapping[str, Mapping[str, Any]], items: Mapping[str, Mapping[str, Any]], tree: Optional[Tree] = None) -> Record:
    """Of a scan's tree and the items of the other collectors; without a tree the items may hold files as well."""
    files, others = parted(items)
    layers = [tree] if tree is not None else []
    if files:
        layers.append(small_tree(files))
    return Record(collectors, grouped(others), tuple(layers))


def parted(items: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(files, others)."""
    files = {key: item for key, item in items.items() if key.startswith("file:")}
    return files, {key: item for key, item in items.items() if key not in files}
