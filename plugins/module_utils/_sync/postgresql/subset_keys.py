# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of key values, and the SQL that asks whether a row's value is in one.

Whole numbers that lie close together are a map of bits: asking costs a row less than a hash table does, and each statement
gets it for nothing. All others are arrays. Both reach the server as transaction-local settings, so that a COPY can use them
on a read-only server and no value gets into SQL text.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from sys import byteorder
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

Ref = Callable[[str], Any]  # column name -> the SQL that names it
Value = tuple[str, ...]
SHIFT = 10  # small pages: a lonely number costs one
LOW = (1 << SHIFT) - 1
PAGE = 1 << (SHIFT - 3)  # bytes
WIDEST = 1 << 25  # bytes of one map; a wider range is an array
SOME = re.compile(b"[^\\0]")
BITS = tuple(1 << place for place in range(8))


class Numbers:
    """Whole numbers, as pages of bits."""

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        self._count = 0
        self._counted = True

    def __len__(self) -> int:
        if not self._counted:
            self._count = sum(bin(int.from_bytes(page, "big")).count("1") for page in self.pages.values())
            self._counted = True
        return self._count

    def load(self, packed: bytes) -> None:
        pages, last, page, bits = self.pages, None, bytearray(), BITS
        for number in unpack(packed):
            here = number >> SHIFT
            if here != last:
                last, page = here, pages.get(here) or self._page(here)
            page[(number & LOW) >> 3] |= bits[number & 7]
        self._counted = False

    def _page(self, place: int) -> bytearray:
        self.pages[place] = found = bytearray(PAGE)
        return found

    def add(self, numbers: Iterable[int]) -> list[int]:
        """Those that weren't there."""
        before, fresh = len(self), []
        for number in numbers:
            page = self.pages.get(number >> SHIFT) or self._page(number >> SHIFT)
            place, bit = (number & LOW) >> 3, BITS[number & 7]
            if not page[place] & bit:
                page[place] |= bit
                fresh.append(number)
        self._count = before + len(fresh)
        return fresh

    def __iter__(self) -> Iterator[int]:
        for place in sorted(self.pages):
            base = place << SHIFT
            for found in SOME.finditer(self.pages[place]):
                byte, start = found.group()[0], base + (found.start() << 3)
                for bit in range(8):
                    if byte & BITS[bit]:
                        yield start + bit

    @property
    def dense(self) -> bool:
        span = (max(self.pages) - min(self.pages) + 1) * PAGE if self.pages else 0
        return span <= WIDEST and span <= max(1 << 19, 64 * len(self))

    @property
    def range(self) -> tuple[int, int]:
        return min(self.pages) << SHIFT, (max(self.pages) << SHIFT) + LOW

    def packed(self) -> bytes:
        empty = bytes(PAGE)
        return b"".join(self.pages.get(place, empty) for place in range(min(self.pages), max(self.pages) + 1))


def unpack(packed: bytes) -> array[int]:
    """Numbers of eight bytes each, as int8send() writes them."""
    found = array("q")
    found.frombytes(packed)
    if byteorder == "little":
        found.byteswap()
    return found


class Keys:
    """Values of some columns; None in one of them never gets in."""

    def __init__(self, name: str, types: Sequence[str], *, integer: bool):
        self.name = name  # of its settings
        self.types = tuple(types)
        self.numbers = Numbers() if integer else None
        self.values: set[Value] = set()
        self.settings: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.values) if self.numbers is None else len(self.numbers)

    def load(self, found: Any) -> None:
        """What `collected()` gave back."""
        if found is not None and self.numbers is not None:
            self.settings = {}
            self.numbers.load(found)
        elif found is not None:
            self.add(map(tuple, found))

    def add(self, values: Iterable[Any]) -> list[Any]:
        """Those that weren't there."""
        self.settings = {}
        if self.numbers is not None:
            return self.numbers.add(values)
        fresh = set(values) - self.values
        self.values |= fresh
        return sorted(fresh)

    def read(self, found: Any) -> Iterable[Any]:
        """The values of what `collected()` gave back."""
        if found is None:
            return ()
        return unpack(found) if self.numbers is not None else map(tuple, found)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.numbers) if self.numbers is not None else iter(sorted(self.values))

    @property
    def mapped(self) -> bool:
        return self.numbers is not None and self.numbers.dense

    def condition(self, columns: Sequence[str], ref: Ref, *, few: bool) -> Any:
        """`few`: the rows are worth a look into an index each; else every row of the table is looked at."""
        if not len(self):
            return sql.SQL("false")
        if self.numbers is not None and self.mapped and not few:
            return self._mapped(self.numbers, ref(columns[0]))
        return self._listed(columns, ref)

    def _mapped(self, numbers: Numbers, value: Any) -> Any:
        if f"{self.name}m" not in self.settings:
            self.settings[f"{self.name}m"] = numbers.packed().hex()
        low, high = (sql.SQL("{}::bigint").format(sql.Literal(number)) for number in numbers.range)
        text = "case when {value} between {low} and {high} then get_bit((select decode({map}, 'hex')), {value}::bigint - {low}) = 1 else false end"
        return sql.SQL(text).format(value=value, low=low, high=high, map=current(f"{self.name}m"))

    def _listed(self, columns: Sequence[str], ref: Ref) -> Any:
        return _row_in([ref(column) for column in columns], self.types, [current(f"{self.name}l{place}") for place in self._lists()])

    def _lists(self) -> range:
        if f"{self.name}l0" not in self.settings:
            if self.numbers is not None:
                self.settings[f"{self.name}l0"] = "{" + ",".join(map(str, self.numbers)) + "}"
            else:
                for place, column in enumerate(zip(*sorted(self.values))):
                    self.settings[f"{self.name}l{place}"] = literal(column)
        return range(len(self.types))


def current(name: str) -> Any:
    return sql.SQL("current_setting({})").format(sql.Literal(name))


def literal(values: Iterable[str]) -> str:
    """The text of an array of texts."""
    return "{" + ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}"


def _row_in(values: Sequence[Any], types: Sequence[str], lists: Sequence[Any]) -> Any:
    arrays = [sql.SQL("{}::{}[]").format(one, sql.SQL(kind)) for one, kind in zip(lists, types)]  # format_type() quotes what needs it
    if len(values) == 1:
        return sql.SQL("{} in (select unnest({}))").format(values[0], arrays[0])
    return sql.SQL("({}) in (select * from unnest({}))").format(sql.SQL(", ").join(values), sql.SQL(", ").join(arrays))


def collected(values: Sequence[Any], condition: Any, *, integer: bool) -> Any:
    """An aggregate that `Keys.load` understands."""
    if integer:
        text = sql.SQL("string_agg(int8send({}::bigint), ''::bytea) filter (where {})")
        return text.format(values[0], condition)
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(value) for value in values)
    return sql.SQL("array_agg(distinct array[{}]) filter (where {})").format(texts, condition)
