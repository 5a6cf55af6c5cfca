# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole policy from what is known of a database: every column gets an entry, copies get one domain, rows of a person one hash."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect import CERTAIN, Entry, Guess, assess, json_entry
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_values import Profile
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import JSON, Column, ForeignKey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import is_hashed

Place = tuple[str, str]  # schema.table and column
MIGRATIONS = (
    "alembic_version",
    "flyway_schema_history",
    "databasechangelog",
    "databasechangeloglock",
    "django_migrations",
    "schema_migrations",
    "ar_internal_metadata",
    "goose_db_version",
)
DOMAINS = {"name": "person"}
QUASI = ("postcode", "birth_date", "sensitive", "city", "region")
SHARED = 10  # equal values from which an overlap is no chance
_WHOLE = ("json", "array", "shuffle")  # masks without one hash of one value
VAGUE = frozenset(("unknown", "text", "key"))


class Facts(NamedTuple):
    """Everything but values."""

    catalog: Mapping[str, Sequence[Column]]
    foreign_keys: Sequence[ForeignKey] = ()
    comments: Mapping[Place, str] = {}
    profiles: Mapping[Place, Profile] = {}
    leaves: Mapping[Place, Mapping[str, Profile]] = {}  # JSON columns: by path
    overlaps: Sequence[tuple[Place, Place, int, int]] = ()  # of `total` values here, `shared` stand there, too: (here, there, shared, total)
    same_rows: Mapping[tuple[Place, Place], tuple[int, int]] = {}  # (child's, parent's column): (equal, compared) along their foreign key


class Proposal(NamedTuple):
    policy: dict[str, Any]
    guesses: dict[str, dict[str, Guess]]
    leaves: dict[str, dict[str, dict[str, Guess]]]
    open: list[str]  # what the policy checker still says; empty unless a column can't be masked at all


def propose(facts: Facts, *, name: str, engine: str = "postgresql", existing: Optional[Mapping[str, Any]] = None) -> Proposal:
    """With `existing`, its entries stay as they are and only what it lacks is guessed."""
    kept = existing or {"tables": {}}
    skip = [dict(entry) for entry in kept.get("skip") or []]
    skipped = {entry["table"] for entry in skip}
    for table in sorted(facts.catalog):
        if table.rpartition(".")[2].casefold() in MIGRATIONS and table not in kept["tables"] and table not in skipped:
            skip.append({"table": table, "reason": "each environment keeps the record of its own migrations"})
            skipped.add(table)
    catalog = {table: list(columns) for table, columns in facts.catalog.items() if table not in skipped}
    guesses, leaves = _guess_all(facts, catalog)
    _join(facts, catalog, guesses)
    _join_leaves(facts, guesses, leaves)
    policy = {**{key: value for key, value in kept.items() if key not in ("tables", "skip")}, "name": kept.get("name", name), "version": 1}
    choice = _Choice(catalog, guesses, kept["tables"], groups=_groups(facts, catalog, guesses), entities=_entities(facts, catalog))
    policy["tables"] = choice.tables()
    skip = [entry for entry in skip if entry["table"] in facts.catalog]
    if skip or kept.get("skip") == []:
        policy["skip"] = skip
    whole = {table: list(columns) for table, columns in facts.catalog.items()}

    def check(candidate: Mapping[str, Any]) -> list[str]:
        return make_plan(candidate, whole, engine=engine, foreign_keys=facts.foreign_keys).faults

    left = choice.settle(policy, check)
    finished = {**policy, "tables": choice.finished(policy["tables"], facts)}
    faults = check(finished)
    if len(faults) <= len(left):  # else an entity doesn't go with something else: by value always does
        policy, left = finished, faults
    return Proposal(policy, guesses, leaves, left)


def _guess_all(facts: Facts, catalog: Mapping[str, Sequence[Column]]) -> tuple[dict[str, dict[str, Guess]], dict[str, dict[str, dict[str, Guess]]]]:
    refers = {(key.table, column) for key in facts.foreign_keys for column in key.columns}
    guesses: dict[str, dict[str, Guess]] = {}
    leaves: dict[str, dict[str, dict[str, Guess]]] = {}
    for table, columns in catalog.items():
        for column in columns:
            place = (table, column.name)
            found = assess(column, facts.profiles.get(place), table=table, comment=facts.comments.get(place, ""), refers=place in refers)
            inside = json_entry(facts.leaves[place], table=table) if place in facts.leaves and not column.generated else None
            if inside and (column.family == JSON or _holds_json(facts.profiles.get(place))):
                entry, parts = inside
                leaves.setdefault(table, {})[column.name] = parts
                told = f"{len(parts)} paths in the sampled documents, {sum(part.personal for part in parts.values())} of them masked"
                found = Guess("json", min(part.confidence for part in parts.values()), (told,), (entry, *found.entries))
            guesses.setdefault(table, {})[column.name] = found
    return guesses, leaves


def _holds_json(values: Optional[Profile]) -> bool:
    return values is not None and values.values > 0 and values.share("json") >= 0.9


def _join(facts: Facts, catalog: Mapping[str, Sequence[Column]], guesses: dict[str, dict[str, Guess]]) -> None:
    """A column whose values stand in a better known one is what that one is."""
    for here, there, shared, total in sorted(facts.overlaps, key=lambda overlap: -overlap[2]):
        for place, other in ((here, there), (there, here)):
            if place[1] not in guesses[place[0]] or other[1] not in guesses[other[0]]:
                continue
            mine, theirs = guesses[place[0]][place[1]], guesses[other[0]][other[1]]
            if (
                not theirs.personal
                or theirs.kind in VAGUE
                or mine.kind in ("json", "generated")
                or shared < max(SHARED, 0.3 * total)
                or mine.kind == theirs.kind
            ):
                continue
            if mine.confidence >= theirs.confidence and mine.personal:
                continue
            if _family(catalog, place) != _family(catalog, other):
                continue
            told = f"{shared} of {total} hashed values of {here[0]}.{here[1]} also stand in {there[0]}.{there[1]}"
            confidence = max(CERTAIN, min(0.95, theirs.confidence, shared / total))
            guesses[place[0]][place[1]] = Guess(
                theirs.kind, confidence, (*mine.evidence, told), (*theirs.entries[:1], *(e for e in mine.entries if "mask" in e), *theirs.entries[1:])
            )


def _join_leaves(facts: Facts, guesses: Mapping[str, Mapping[str, Guess]], leaves: Mapping[str, Mapping[str, dict[str, Guess]]]) -> None:
    """The same for a leaf of documents, whose values stand in a column."""
    for here, there, shared, total in facts.overlaps:
        for (table, name), other in ((here, there), (there, here)):
            column, dollar, path = name.partition("$")
            parts = leaves.get(table, {}).get(column, {})
            if not dollar or other[1] not in guesses[other[0]] or f"${path}" not in parts or shared < max(SHARED, 0.3 * total):
                continue
            mine, theirs = parts[f"${path}"], guesses[other[0]][other[1]]
            if not theirs.personal or theirs.kind in VAGUE or mine.kind == theirs.kind or (mine.personal and mine.confidence >= theirs.confidence):
                continue
            told = f"{shared} of {total} hashed values also stand in {other[0]}.{other[1]}"
            joined = Guess(theirs.kind, max(CERTAIN, min(0.95, theirs.confidence, shared / total)), (*mine.evidence, told), theirs.entries[:1])
            parts[f"${path}"] = joined
            guesses[table][column].entries[0]["paths"][f"${path}"] = {"mask": joined.entries[0]["mask"]}


def _family(catalog: Mapping[str, Sequence[Column]], place: Place) -> str:
    return next(column.family for column in catalog[place[0]] if column.name == place[1])


def _groups(facts: Facts, catalog: Mapping[str, Sequence[Column]], guesses: Mapping[str, Mapping[str, Guess]]) -> list[set[Place]]:
    """Columns that share values, by measure or by a foreign key over something that isn't a surrogate."""
    pairs = [(here, there) for here, there, shared, _total in facts.overlaps if shared >= SHARED]
    for key in facts.foreign_keys:
        pairs += [
            ((key.table, here), (key.references, there)) for here, there in zip(key.columns, key.keys) if key.table in catalog and key.references in catalog
        ]
    wanted = [(a, b) for a, b in pairs if a[1] in guesses[a[0]] and b[1] in guesses[b[0]] and guesses[a[0]][a[1]].personal and guesses[b[0]][b[1]].personal]
    groups: list[set[Place]] = []
    for a, b in wanted:
        touched = [group for group in groups if a in group or b in group]
        groups = [group for group in groups if group not in touched]
        groups.append({a, b}.union(*touched))
    return groups


def _entities(facts: Facts, catalog: Mapping[str, Sequence[Column]]) -> dict[str, tuple[str, str, str]]:
    """Per table (entity, key column, table of the entity): a table with a primary key of its own, and those that point at it."""
    own = {}
    for table, columns in catalog.items():
        keys = [column for column in columns if column.key]
        if len(keys) == 1 and keys[0].family != JSON:
            own[table] = keys[0].name
    found = {table: (_singular(table), key, table) for table, key in own.items()}
    for table in catalog:
        to = [
            key
            for key in facts.foreign_keys
            if key.table == table and len(key.columns) == 1 and own.get(key.references) == key.keys[0] and key.references != table
        ]
        if len(to) == 1:
            found[table] = (_singular(to[0].references), to[0].columns[0], to[0].references)
        elif to:
            copies = {key.references: key for key in to if any(child[0] == table and parent[0] == key.references for child, parent in facts.same_rows)}
            if len(copies) == 1:
                key = next(iter(copies.values()))
                found[table] = (_singular(key.references), key.columns[0], key.references)
    return found


def _singular(table: str) -> str:
    name = re.sub(r"[^a-z0-9_-]", "_", table.rpartition(".")[2].casefold()).strip("_") or "row"
    name = name if name[0].isalpha() else f"t_{name}"
    return re.sub(r"ies$", "y", name) if name.endswith("ies") else re.sub(r"(?<=[a-z]{2})(?<!s)s$", "", name)


class _Choice:
    """Which of its candidates each column takes, until the checker of policies has nothing to say."""

    def __init__(
        self,
        catalog: Mapping[str, Sequence[Column]],
        guesses: Mapping[str, Mapping[str, Guess]],
        existing: Mapping[str, Any],
        *,
        groups: list[set[Place]],
        entities: Mapping[str, tuple[str, str, str]],
    ) -> None:
        self._catalog, self._guesses, self._existing = catalog, guesses, existing
        self._groups, self._entities = groups, entities
        self._at: dict[Place, int] = {}
        self._leaf_at: dict[tuple[Place, str], int] = {}

    def _group(self, place: Place) -> set[Place]:
        return next((group for group in self._groups if place in group), {place})

    def _fixed(self, place: Place) -> bool:
        return place[1] in self._existing.get(place[0], {}).get("columns", {})

    def _entry(self, place: Place) -> Entry:
        return copy.deepcopy(self._candidates(place)[self._at.get(place, 0)])

    def _candidates(self, place: Place) -> Sequence[Entry]:
        """A group has the candidates of its surest member, so that copies stay copies; a decided member decides."""
        group = self._group(place)
        own = self._guesses[place[0]][place[1]].entries
        if len(group) == 1:
            return own
        decided = [self._existing[table]["columns"][column] for table, column in sorted(group) if self._fixed((table, column))]
        unique = any(column.unique for table, name in group for column in self._catalog[table] if column.name == name)
        surest = max(sorted(group), key=lambda one: (self._guesses[one[0]][one[1]].confidence, unique and bool(self._column(one).unique)))
        if unique and not self._column(surest).unique:
            surest = max((one for one in sorted(group) if self._column(one).unique), key=lambda one: self._guesses[one[0]][one[1]].confidence)
        leading = [entry for entry in decided if "mask" in entry and entry["mask"] != "json"]
        return (*leading, *(entry for entry in self._guesses[surest[0]][surest[1]].entries if entry["mask"] != "json"), *own)

    def _column(self, place: Place) -> Column:
        return next(column for column in self._catalog[place[0]] if column.name == place[1])

    def tables(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        chosen = {(table, name): self._entry((table, name)) for table, of_table in self._guesses.items() for name in of_table if not self._fixed((table, name))}
        for table in sorted(self._catalog):
            before = copy.deepcopy(dict(self._existing.get(table, {})))
            columns = dict(before.get("columns", {}))
            known = {column.name for column in self._catalog[table]}
            columns = {name: entry for name, entry in columns.items() if name in known}
            columns.update({column.name: chosen[(table, column.name)] for column in self._catalog[table] if column.name not in columns})
            found[table] = {**before, "columns": columns}
        return found

    def finished(self, tables: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
        """With domains that say which columns belong together, entities and quasi-identifiers."""
        found = copy.deepcopy(dict(tables))
        self._domains(found)
        self._give_entities(found, facts)
        self._quasi(found)
        return found

    def _open(self, tables: Mapping[str, Any]) -> Iterable[tuple[Place, str, Entry]]:
        """Every hashed mask that this proposal chose, those inside of JSON and arrays too: (place, path, entry)."""
        for table, document in tables.items():
            for column, entry in document["columns"].items():
                if self._fixed((table, column)):
                    continue
                inner = {**entry.get("paths", {}), **({"": entry["element"]} if "element" in entry else {})} or {"": entry}
                for path, one in inner.items():
                    if "mask" in one and is_hashed(one["mask"]) and one["mask"] not in _WHOLE:
                        yield (table, column), path, one

    def _domains(self, tables: Mapping[str, Any]) -> None:
        tied = {
            tables[table]["columns"][column].get("mask")
            for group in self._groups
            for table, column in group
            if column in tables.get(table, {}).get("columns", {})
        }
        for place, _path, entry in self._open(tables):
            if entry["mask"] == "date_shift" and place[0] in self._entities and len(self._group(place)) == 1:
                entry["domain"] = f"{self._entities[place[0]][0]}_dates"  # one shift for all dates of a person
            elif entry["mask"] in DOMAINS or entry["mask"] in tied:
                mask = str(entry["mask"])
                entry.setdefault("domain", DOMAINS.get(mask, mask))

    def _give_entities(self, tables: dict[str, Any], facts: Facts) -> None:
        """A domain follows the entity only where every copy was seen equal to its original; else it goes by value."""
        if self._existing:
            for (table, _column), _path, entry in self._open(tables):
                if "entity" in tables[table]:
                    entry["by"] = "value"  # tried first; without it the table's entity decides
            return
        domains: dict[str, list[tuple[Place, str, Entry]]] = {}
        for place, path, entry in self._open(tables):
            domains.setdefault(str(entry.get("domain") or entry["mask"]), []).append((place, path, entry))
        ways = {domain: self._entity_of(members, facts) for domain, members in domains.items()}
        heads = {table for table in ways.values() if table}
        gain = {head: sum(one == head for one in ways.values()) for head in heads}
        used = {head for head in heads if gain[head] >= 2}
        for domain, members in domains.items():
            for (table, _column), _path, entry in members:
                if ways[domain] in used and table in tables:
                    name, key, _head = self._entities[table]
                    tables[table] = {"entity": {"name": name, "key": key}, **{k: v for k, v in tables[table].items() if k != "entity"}}
                else:
                    entry["by"] = "value"
        if not used:
            for _place, _path, entry in self._open(tables):
                entry.pop("by", None)

    def _entity_of(self, members: Sequence[tuple[Place, str, Entry]], facts: Facts) -> str:
        """The table whose rows these masks may follow, or nothing."""
        heads = {self._entities[place[0]][2] for place, _path, _entry in members if place[0] in self._entities}
        places = [place for place, _path, _entry in members]
        if len(heads) != 1 or any(place[0] not in self._entities for place in places):
            return ""
        head = heads.pop()
        if all(entry["mask"] == "date_shift" for _place, _path, entry in members):
            return head
        if len({place[0] for place in places}) != len(places):
            return ""  # two columns of a row would get the same mask
        origin = next((place for place in places if place[0] == head), None)
        for place, path, entry in members:
            if place[0] != head and self._column(place).unique:
                return ""
            if entry.get("unique") or (path and "[*]" in path) or self._guesses[place[0]][place[1]].kind == "array":
                return ""
            if "element" in (self._entry(place)):
                return ""
            if place == origin:
                continue
            equal, compared = facts.same_rows.get(((place[0], place[1] + path), origin), (0, 0)) if origin else (0, 0)
            if not compared or equal < compared:
                return ""
        return head if origin else ""

    def _quasi(self, tables: Mapping[str, Any]) -> None:
        for table, document in tables.items():
            if table in self._existing:
                continue
            names = [name for name, found in self._guesses[table].items() if found.kind in QUASI and self._column((table, name)).family not in (JSON, "array")]
            if len(names) >= 2:
                document["quasi_identifiers"] = names

    def settle(self, policy: dict[str, Any], check: Callable[[Mapping[str, Any]], list[str]]) -> list[str]:
        """Takes the next candidate of each column that the checker refuses, as long as there is one."""
        faults: list[str] = []
        for _round in range(40):
            faults = check(policy)
            moved = [place for place in self._places() if self._move(policy, place, [told for told in (_told(fault, place) for fault in faults) if told])]
            if not moved:
                break
        return faults

    def _move(self, policy: dict[str, Any], place: Place, told: Sequence[str]) -> bool:
        if not told or self._fixed(place):
            return False
        entry = policy["tables"][place[0]]["columns"][place[1]]
        paths = [path for path in entry.get("paths", {}) if any(fault.startswith((f"{path}:", f"paths: {path}:")) for fault in told)]
        for path in paths:
            self._next_leaf(entry, place, path)
        return bool(paths) or self._next(policy, place)

    def _next_leaf(self, entry: Entry, place: Place, path: str) -> None:
        """A path whose mask doesn't suit is redacted, or emptied when that doesn't suit either."""
        tried = self._leaf_at[(place, path)] = self._leaf_at.get((place, path), -1) + 1
        entry["paths"][path] = {"mask": ("text", "null")[min(tried, 1)]}
        if tried > 1:
            del entry["paths"][path]

    def _places(self) -> list[Place]:
        return [(table, name) for table, of_table in self._guesses.items() for name in of_table]

    def _next(self, policy: dict[str, Any], place: Place) -> bool:
        group = [one for one in self._group(place) if not self._fixed(one)]
        here = self._at.get(place, 0)
        if here + 1 >= len(self._candidates(place)):
            return False
        before = self._entry(place)
        # One member alone may move on when only its own type or length is in the way: a shorter copy then loses its tie.
        for one in group if before.get("mask") != "null" and self._column(place).unique else [place]:
            candidates = self._candidates(one)
            self._at[one] = min(here + 1, len(candidates) - 1)
            policy["tables"][one[0]]["columns"][one[1]] = self._entry(one)
        return True


def _told(fault: str, place: Place) -> str:
    """What a fault says of a column, or nothing when it is of another."""
    for start in (f"{place[0]}.{place[1]}", f"tables.{place[0]}.columns.{place[1]}"):
        if fault.startswith(start) and fault[len(start) : len(start) + 1] in (":", " "):
            return fault[len(start) :].lstrip(": ")
    return ""


def removals(policy: Mapping[str, Any], catalog: Mapping[str, Sequence[Column]]) -> list[str]:
    """What a policy names and the source no longer has."""
    found = []
    for table, document in policy["tables"].items():
        if table not in catalog:
            found.append(table)
            continue
        known = {column.name for column in catalog[table]}
        found += [f"{table}.{name}" for name in document["columns"] if name not in known]
    return [*found, *(f"skip: {entry['table']}" for entry in policy.get("skip") or [] if entry["table"] not in catalog)]
