# SPDX-License-Identifier: GPL-3.0-or-later
"""What to add to a policy for a column it doesn't know, as YAML. A guess hides; whatever it keeps asks for a review."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect import assess
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_faults import column_faults
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, ForeignKey, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import rule_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_structure import entry_faults, masks

WORDS_OF_YAML = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


Entry = Mapping[str, Any]
Place = tuple[str, str]  # table, column


class Surroundings:
    """What the rest of a policy says already, so that what is added to it agrees with it."""

    def __init__(self, policy: Mapping[str, Any], catalog: Mapping[str, Sequence[Column]], foreign_keys: Sequence[ForeignKey], *, engine: str) -> None:
        self.policy, self.engine = policy, engine
        self.columns = {(table, column.name): column for table, columns in catalog.items() for column in columns}
        self.tables = {table: {column.name: column for column in columns} for table, columns in catalog.items()}
        self.kin = kin_of(foreign_keys)
        self.given: dict[Place, Entry] = {}

    @functools.cached_property
    def ways(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for (table, name), column in self.columns.items():
            entry = self._known((table, name))
            for domain, way in ways_of(self._rule(entry, table, column)) if entry is not None else ():
                found.setdefault(domain, set()).add(way)
        return found

    def _known(self, place: Place) -> Optional[Entry]:
        found: Optional[Entry] = self.policy["tables"].get(place[0], {}).get("columns", {}).get(place[1])
        return found

    def _rule(self, entry: Entry, table: str, column: Column) -> Rule:
        entity = self.policy["tables"].get(table, {}).get("entity")
        return rule_of(entry, column, entity=entity, key=self.tables[table].get(entity["key"]) if entity else None)

    def guess(self, table: str, column: Column) -> Entry:
        """The first idea that the column's own checks let pass, in a way that the policy has already."""
        place = (table, column.name)
        if place not in self.given:
            found = (
                entry
                for idea in [*self._models(place), *ideas(column, table=table)]
                for entry in self._forms(idea, table, column)
                if not self._faulty(entry, table, column)
            )
            self.given[place] = self._in_its_way(next(found, last_resort(column)), table, column)
        return self.given[place]

    def _forms(self, entry: Entry, table: str, column: Column) -> list[Entry]:
        if self._rule(entry, table, column).by == "value":
            return [entry]
        by_value = {**entry, "by": "value"}
        # By the entity of its own row a reference wouldn't find the row it refers to.
        return [by_value] if (table, column.name) in self.kin else [entry, by_value]

    def _models(self, place: Place) -> Iterator[Entry]:
        """A reference is masked as what it refers to is."""
        kin = [one for one in self.kin.get(place, ()) if one in self.columns]
        known = [(one, entry) for one in kin for entry in [self._known(one)] if entry is not None]
        if not known and kin and kin[0] != place:
            known = [(kin[0], self.guess(kin[0][0], self.columns[kin[0]]))]
        for one, entry in known:
            if "keep" in entry:
                yield {**entry, "keep": f"REVIEW: refers to {'.'.join(one)}, or is referred to by it"}
            elif entry["mask"] not in ("json", "array", "shuffle"):
                yield entry

    def _in_its_way(self, entry: Entry, table: str, column: Column) -> Entry:
        for candidate in (entry, {**entry, "by": "value"}, {**entry, "domain": f"{table}.{column.name}"}):
            ways = ways_of(self._rule(candidate, table, column))
            if all(self._agrees(domain, way, said="by" in candidate) for domain, way in ways):
                for domain, way in ways:
                    self.ways.setdefault(domain, set()).add(way)
                return candidate
        return last_resort(column)

    def _agrees(self, domain: str, way: str, *, said: bool) -> bool:
        known = self.ways.get(domain, {way})
        return way in known and (said or len(known) == 1)

    def _faulty(self, entry: Entry, table: str, column: Column) -> bool:
        if any(True for _fault in entry_faults(entry, masks(), values=True)):
            return True
        return bool(column_faults(self._rule(entry, table, column), column, columns=self.tables[table], engine=self.engine))


def kin_of(foreign_keys: Sequence[ForeignKey]) -> dict[Place, list[Place]]:
    """All columns that foreign keys tie together, those first that are referred to and refer to nothing."""
    groups: dict[Place, set[Place]] = {}
    children = set()
    for reference in foreign_keys:
        for child, parent in zip(reference.columns, reference.keys):
            one, other = (reference.table, child), (reference.references, parent)
            children.add(one)
            joined = groups.get(one, {one}) | groups.get(other, {other})
            groups.update(dict.fromkeys(joined, joined))
    return {place: sorted(group, key=lambda one: (one in children, one)) for place, group in groups.items()}


def ways_of(rule: Rule) -> list[tuple[str, str]]:
    """(domain, how it is masked) of a rule and of those inside of it."""
    rules = [leaf for _path, leaf in rule.leaves] or [rule]
    return [
        (one.domain, f"by entity {one.entity}" if one.by == "entity" else "by value")
        for one in rules
        if one.hashed and one.mask != "shuffle" and not one.table_level
    ]


def ideas(column: Column, *, table: str) -> Iterator[Entry]:
    for entry in assess(column, None, table=table, comment="").entries:
        yield {**entry, "keep": f"REVIEW: {entry['keep']}"} if "keep" in entry and not column.generated else entry


def last_resort(column: Column) -> Entry:
    return {"mask": "constant", "value": "REVIEW"} if column.not_null else {"mask": "null"}


def guess(column: Column, *, table: str = "", engine: str = "postgresql") -> str:
    """What to add for a column of which nothing else is known."""
    empty = Surroundings({"tables": {}}, {table: [column]}, (), engine=engine)
    return flow(empty.guess(table, column))


def plain(text: str) -> str:
    """A text of YAML, quoted when YAML would read anything else."""
    found = re.search(r"^[A-Za-z_][A-Za-z0-9_.-]*$", text) and text.lower() not in WORDS_OF_YAML
    return text if found else json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{plain(str(key))}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    return plain(value) if isinstance(value, str) else json.dumps(value)
