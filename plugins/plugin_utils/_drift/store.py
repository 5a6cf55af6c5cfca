# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's store of what was seen: objects under their SHA-256, and records under their root.

Nothing that is read is trusted: an object that is not what its name says is named and refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import canonical
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, Record, apply, delta, dump, load
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.rebase import rebased
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_bytes import closed, opened, parsed, read_alias, read_first, valid
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_place import Missing, Place, Shelf, StoreError

__all__ = ["Broken", "Missing", "Objects", "StoreError", "open_objects"]

# A record is kept as its difference from another one, that one perhaps as well: so many steps at most.
DEEPEST = 8
# A difference is worth it when it is this much smaller than the record.
SAVES = 4
# What was written or used this recently may belong to a run that has not named it yet.
GRACE_SECONDS = 3600.0


class Pruned(NamedTuple):
    """Names of what was removed, or would be."""

    records: list[str]
    objects: list[str]


def open_objects(place: str) -> Objects:
    """`place`: a folder, or postgresql://user:password@host/database."""
    if not place.startswith("postgresql"):
        if "://" in place:
            raise StoreError(f"The object store {place.partition('://')[0]}://… was refused: give a folder, or postgresql://user:password@host/database.")
        from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_folder import Folder

        return Objects(Folder(Path(place).expanduser().absolute()))
    # A folder needs no SQLAlchemy, whose import takes longer than reading most records.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_sql import Rows

    return Objects(Rows(place))


class Objects:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.moved = 0  # bytes read from the place

    def put(self, data: bytes) -> str:
        """Its name. One that is there already is not written again, unless it is damaged."""
        name = hashlib.sha256(data).hexdigest()
        held = self.place.read("objects", name)
        if held is not None and opened(held) == data:
            self.place.touch("objects", [name])
        else:
            self.place.write("objects", name, closed(data))
        return name

    def get(self, name: str) -> bytes:
        return self.get_many([name])[name]

    def get_many(self, names: Iterable[str]) -> dict[str, bytes]:
        found = self._read("objects", names)
        return {name: self._checked(name, data) for name, data in found.items()}

    def has(self, name: str) -> bool:
        return self.place.read("objects", valid(name)) is not None

    def put_record(self, record: Record, *, base: str = "") -> str:
        """Its root. Only the difference from another record is kept when that is much smaller: from `base`, the root of one in the
        store, or from the first one with the same collectors. Hosts of a fleet are alike, so each takes what it is unlike the others in."""
        if self.has_record(record.root):
            self._touch(record.root)
            return record.root
        whole = dump(record)
        base = base or self._first(record)
        if base and self._depth(base) < DEEPEST:
            change = delta(self.record(base), record)
            if len(closed(canonical(change).encode())) * SAVES < len(whole):
                return self.put_change(change)
        self._name(record.root, self.put(whole))
        if not base:
            self.place.write("kin", _kin(record), canonical({"first": record.root}).encode())
        return record.root

    def put_change(self, change: Mapping[str, Any]) -> str:
        """The root of a record of which only a delta is known, that leads there: who calls has applied it."""
        root, base = str(change["root"]), str(change["base"])
        if root == base:
            return root
        if self._depth(base) >= DEEPEST:
            return self._name(root, self.put(dump(apply(self.record(base), change))))
        self._touch(base)
        return self._name(root, self.put(canonical(change).encode()), base=base, depth=self._depth(base) + 1)

    def record(self, root: str) -> Record:
        """Raises Missing, or Broken when its items do not make up its root."""
        alias = self._alias(root)
        data = self.get(alias["object"])
        try:
            found = load(data) if not alias["base"] else apply(self.record(self._below(root, alias)), parsed(data))
        except Broken as exc:
            raise self._broken(f"record {root}", str(exc)) from exc
        if found.root != root:
            raise self._broken(f"record {root}", f"its items make up {found.root}")
        return found

    def has_record(self, root: str) -> bool:
        """Whether it is there with all that it needs."""
        try:
            alias = self._alias(root)
            self.get(alias["object"])
            return not alias["base"] or self.has_record(self._below(root, alias))
        except (Missing, Broken):
            return False

    def changes(self, base: str, roots: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Per root its delta from `base`: as it is kept, or made of what both are kept as, or of whole records."""
        wanted = list(dict.fromkeys(roots))
        aliases = self._aliases({base, *wanted})
        third = aliases[base]["base"] or base
        found = self._kept({root: alias["object"] for root, alias in aliases.items() if alias["base"] == third}, third)
        if third in wanted or third != base:
            whole = self.record(third)
            found[third] = delta(whole, whole)
            if third != base:
                items, own = whole.all_items(), found[base]
                found = {root: rebased(items, own, change) for root, change in found.items()}
        far = [root for root in wanted if root not in found]
        if far:
            whole = self.record(base)
            found.update((root, delta(whole, self.record(root))) for root in far)
        return {root: found[root] for root in wanted}

    def hold(self, names: Iterable[str]) -> None:
        """Keep these objects from a pruning that runs before somebody has named them."""
        self.place.touch("objects", names)

    def prune(self, keep: Iterable[str], *, objects: Iterable[str] = (), grace: float = GRACE_SECONDS, dry: bool = False) -> Pruned:
        """Remove all records but those of these roots and what they need, and all objects that neither they nor `objects` name."""
        known = self._aliases(self.place.keys("records"), damaged_too=True)
        kept: set[str] = set()
        todo = list(keep)
        while todo:
            root = todo.pop()
            if root and root not in kept:
                kept.add(root)
                todo.append(known[root]["base"] if root in known else "")
        remove = self.place.old if dry else self.place.remove
        records = remove("records", set(self.place.keys("records")) - kept, older_than=grace)
        gone = set(records)
        firsts = self.place.read_many("kin", self.place.keys("kin"))
        remove("kin", [key for key, held in firsts.items() if read_first(held) in gone], older_than=-1)
        # What is too young to go keeps its object; what it is built upon is as young.
        used = {alias["object"] for root, alias in known.items() if root not in gone}
        left = set(self.place.keys("objects")) - used - set(objects)
        return Pruned(records, remove("objects", left, older_than=grace))

    def _kept(self, names: Mapping[str, str], base: str) -> dict[str, dict[str, Any]]:
        """Deltas from `base` as they are kept, {root: delta}."""
        objects = self.get_many(set(names.values()))
        found = {root: parsed(objects[name]) for root, name in names.items()}
        for root, change in found.items():
            if (change.get("base"), change.get("root")) != (base, root):
                raise self._broken(f"record {root}", "it is kept as the delta of another one")
        return found

    def _below(self, root: str, alias: Mapping[str, Any]) -> str:
        """Its base, which is one step nearer to a whole record: bases cannot go round in a circle."""
        if self._depth(alias["base"]) >= alias["depth"]:
            raise self._broken(f"record {root}", "its base does not lead to a whole record")
        return str(alias["base"])

    def _first(self, record: Record) -> str:
        """The root of the record that others like this one are kept by, if there is one."""
        held = self.place.read("kin", _kin(record))
        root = read_first(held) if held else ""
        return root if root and self.has_record(root) else ""

    def _touch(self, root: str) -> None:
        """Keep it, and what it needs, from a pruning that runs before somebody has named it."""
        alias = self._alias(root)
        self.place.touch("records", [root])
        self.place.touch("objects", [alias["object"]])
        if alias["base"]:
            self._touch(self._below(root, alias))

    def _name(self, root: str, name: str, *, base: str = "", depth: int = 0) -> str:
        """The first one to name a record is the one who does: were its depth to grow later, those built upon it would lead nowhere."""
        alias = canonical({"object": name, "base": base, "depth": depth}).encode()
        if self.place.add("records", valid(root), alias):
            return root
        if self.has_record(root):
            self._touch(root)
        else:
            self.place.write("records", root, alias)
        return root

    def _depth(self, root: str) -> int:
        return int(self._alias(root)["depth"])

    def _alias(self, root: str) -> dict[str, Any]:
        return self._aliases([root])[root]

    def _aliases(self, roots: Iterable[str], *, damaged_too: bool = False) -> dict[str, dict[str, Any]]:
        found = {}
        for root, data in self._read("records", roots).items():
            alias = read_alias(data)
            if alias:
                found[root] = alias
            elif not damaged_too:
                raise self._broken(f"record {root}", "its name leads nowhere")
        return found

    def _read(self, shelf: Shelf, names: Iterable[str]) -> dict[str, bytes]:
        wanted = [valid(name) for name in names]
        found = self.place.read_many(shelf, wanted)
        self.moved += sum(map(len, found.values()))
        absent = next((name for name in wanted if name not in found), None)
        if absent:
            raise Missing(f"The {shelf[:-1]} {absent} is not in the store {self.place.name}. Take it again, or restore the store from a backup.")
        return found

    def _checked(self, name: str, held: bytes) -> bytes:
        data = opened(held)
        if data is None or hashlib.sha256(data).hexdigest() != name:
            raise self._broken(f"object {name}", "its content is not what its name says")
        return data

    def _broken(self, what: str, why: str) -> Broken:
        return Broken(f"The {what} in the store {self.place.name} is damaged: {why}. Find out who wrote there, then restore it from a backup or take it again.")


def _kin(record: Record) -> str:
    return hashlib.sha256(canonical(["kin", record.states]).encode()).hexdigest()
