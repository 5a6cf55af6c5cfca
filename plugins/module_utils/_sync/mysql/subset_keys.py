# SPDX-License-Identifier: GPL-3.0-or-later
"""How the closure of a subset names rows: by their key, or by a hash of the whole row where no key will do.

Keys go back to the source as a list in a user variable, handed over beside the statement and read there as a table. So the source
stays read only, its account needs no right but SELECT, and no value is in the text of a statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import WHOLE, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import name

KEYS = "evenkeel_keys"
SEED = "evenkeel_seed"
HASHED = "evenkeel row"  # the column of a table without a usable key
BATCH = 50_000  # keys of one statement
BATCH_BYTES = 4_000_000
DATES = {"date": "date", "datetime": "datetime(6)", "timestamp": "datetime(6)"}
Key = Any  # what a row is known by: one value, or a tuple of them


class Part(NamedTuple):
    """One column of a key."""

    column: str
    read: str  # SQL that shows it, over a place {}
    kind: str  # its type in the list of keys
    back: str = "{}"  # SQL of the value out of the list


class Batch(NamedTuple):
    """Rows of a table to copy."""

    where: str
    data: bytes  # their keys, to be handed over
    rows: Optional[int]  # None: several rows may share a key


def _part(table: Table, column: str) -> Optional[Part]:
    kind = table.types[column]
    found = next(one for one in table.columns if one.name == column)
    if kind in WHOLE:
        return Part(column, "{}", "bigint unsigned" if "unsigned" in found.type else "bigint")
    if kind == "decimal":
        return Part(column, "cast({} as char)", found.type.split(")")[0] + ")")
    if kind in ("char", "varchar"):
        return Part(column, "{}", f"varchar({found.length}) character set {table.charsets[column]} collate {found.collation}")
    if kind in ("binary", "varbinary"):
        return Part(column, "hex({})", "varchar(2000)", "unhex({})")
    if kind in DATES:
        return Part(column, "cast({} as char)", DATES[kind])
    return Part(column, "cast({} as char)", "varchar(40)") if kind == "uuid" else None


def parts_of(table: Table) -> tuple[Part, ...]:
    """Empty: rows are known by a hash of all that they hold; equal rows are in or out together."""
    key = table.primary or next(((one.name,) for one in table.columns if one.unique == "alone" and one.not_null and not one.generated), ())
    found = [_part(table, column) for column in key]
    return tuple(one for one in found if one) if all(found) else ()


class Rows:
    """A table of the source as the closure reads it."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.parts = parts_of(table)
        self.hashed = not self.parts
        self.columns = tuple(one.column for one in self.parts) or (HASHED,)
        self._hash = f"md5({statement.line(table)})" if self.hashed else ""

    @property
    def relation(self) -> str:
        place = name(self.table.schema, self.table.name)
        return f"(select t.*, {self._hash} as {name(HASHED)} from {place} t)" if self.hashed else place

    def shown(self, alias: str) -> list[str]:
        if self.hashed:
            return [name(alias, HASHED)]
        return [one.read.format(name(alias, one.column)) for one in self.parts]

    def ordered(self, alias: str) -> str:
        return ", ".join(name(alias, column) for column in self.columns)

    @property
    def listed(self) -> str:
        """The keys that were handed over, as a table `j`."""
        kinds = [one.kind for one in self.parts] or ["varchar(32) character set utf8mb4 collate utf8mb4_bin"]
        columns = ", ".join(f"k{place} {kind} path '$[{place}]'" for place, kind in enumerate(kinds))
        return f"json_table(convert(@{name(KEYS)} using utf8mb4), '$[*]' columns ({columns})) j"

    def values(self) -> list[str]:
        return [one.back.format(f"j.k{place}") for place, one in enumerate(self.parts)] or ["j.k0"]

    def match(self, alias: str) -> str:
        return " and ".join(f"{name(alias, column)} = {value}" for column, value in zip(self.columns, self.values()))

    def condition(self, alias: str = "t", *, plain: bool = False) -> str:
        """The row is one of those handed over. `plain`: of the table itself, which shows no hash."""
        place = self._hash if plain and self.hashed else self.ordered(alias)
        return f"({place}) in (select {', '.join(self.values())} from {self.listed})"

    def rank(self, alias: str) -> str:
        """Text by chance, but always the same under one masking key."""
        shown = ", '|', ".join(f"cast({one} as char)" for one in self.shown(alias))
        return f"md5(concat(@{name(SEED)}, '|', {shown}))"

    def key(self, row: Sequence[Any]) -> Key:
        if None in row:
            raise SyncError(f"{self.table.full}: the source can't tell a row by its key: it is longer than max_allowed_packet. The target is as it was.")
        return row[0] if len(row) == 1 else tuple(row)

    def batches(self, keys: Iterable[Key], *, most: int = BATCH, most_bytes: int = BATCH_BYTES) -> Iterator[tuple[bytes, int]]:
        """(the list to hand over, how many)."""
        held: list[str] = []
        size = 0
        for key in keys:
            text = json.dumps(key if isinstance(key, tuple) else (key,), ensure_ascii=False)
            held.append(text)
            size += len(text.encode()) + 1
            if len(held) >= most or size >= most_bytes:
                yield _list(held), len(held)
                held, size = [], 0
        if held:
            yield _list(held), len(held)

    def copies(self, keys: Iterable[Key]) -> list[Batch]:
        where = self.condition(plain=True)
        return [Batch(where, data, None if self.hashed else count) for data, count in self.batches(keys)]


def _list(texts: Sequence[str]) -> bytes:
    return f"[{','.join(texts)}]".encode()


def plain(tables: Mapping[str, Table]) -> dict[str, subset_plan.Table]:
    return {
        full: subset_plan.Table(full, {one.name: one.type for one in table.columns}, tuple(part.column for part in parts_of(table)), table.rows)
        for full, table in tables.items()
    }


def edges(tables: Mapping[str, Table]) -> list[subset_plan.Edge]:
    """Foreign keys between synchronized tables. None counts as proved: a session may have turned the checks off."""
    return [
        subset_plan.Edge(f"{full}.{','.join(one.key.columns)}", full, one.key.columns, one.key.references, one.key.keys, declared=True, constraint=one.key.name)
        for full, table in tables.items()
        for one in table.relations
        if one.key.references in tables
    ]
