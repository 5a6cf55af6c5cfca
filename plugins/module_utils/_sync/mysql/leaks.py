# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a source value of a masked column is seen in the target.

Both servers hash under a seed of this run; hashes meet in this process, and are forgotten with the seed. A mask whose results all
have a form that no real value has is proved by that form, one with very many results by a comparison of the column on both sides,
and what the target shows unmasked (kept columns, free text, JSON) is looked for among all values that are masked in the source.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from array import array
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, product
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync import proof
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import leaks_sql, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.leaks_sql import Field
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import Finding
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof_match import BUCKETS, KEPT, Row, matches

WORD = re.compile(rb"[^\s\"'<>()\[\]{};|\\]+")  # an address, a number of an account, a token: nothing with a space in it
CHUNK = 50_000  # hashes looked for at once
SHAPES = 1000  # lengths and first letters of what the target shows
PASS = 4_000_000  # values of a side that are compared at once


class Shown(NamedTuple):
    hashes: array[int]
    shapes: frozenset[int]
    read: float  # percent of the rows, at most


class Scan:
    """`only`: conditions of the rows that a delta moved; tables without one weren't touched. None: all rows of all tables."""

    def __init__(
        self, job: Any, here: Mapping[str, Any], there: Mapping[str, Any], *, options: proof.Options, only: Optional[Mapping[str, str]], whole_source: bool
    ) -> None:
        self.here, self.there, self.options, self.only, self.whole_source = here, there, options, only, whole_source
        self.seed = secrets.token_bytes(32)
        self.hidden = {full: leaks_sql.hidden(full, table, job.rules[full]) for full, table in here.items()}
        self.shown = [field for full in self.names for field in leaks_sql.shown(full, there[full], job.rules[full])]
        self.gathered: dict[str, Shown] = {}
        self.masks = {field.place: field.mask for fields in self.hidden.values() for field in fields}
        self.like_masks: dict[str, int] = {}  # place -> source values that look like masks
        self.hits: dict[str, dict[int, int]] = {}  # place in the source -> {hash: rows}
        self.values = 0
        self.tolerated: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return [full for full in self.there if self.only is None or full in self.only]

    def there_only(self, full: str) -> str:
        return "" if self.only is None else self.only[full]

    def here_only(self, full: str) -> str:
        return "" if self.only is None or self.whole_source else self.only.get(full, "false")

    def run(self, source: Any, target: Any) -> tuple[dict[str, Any], list[Finding]]:
        for one in (source, target):
            one.hand_over({leaks_sql.SEED: self.seed})
        findings = self._forms(target)
        for field in self.shown:
            self.gathered[field.place] = self._gather(field, target)
        self._search(source)
        findings += self._shown_findings()
        every = [field for full in self.names for field in self.hidden[full] if not field.path]
        compared = [field for field in every if field.by_value or self.like_masks.get(field.place)]
        findings += self._compare(compared, source, target) if compared else []
        return self._record(), findings

    def _record(self) -> dict[str, Any]:
        ways: dict[str, list[str]] = {"form": [], "values": [], "rows": []}
        for fields in self.hidden.values():
            for field in fields:
                if field.mask not in proof.SILENT:
                    ways["form" if field.form else "values" if field.by_value else "rows"].append(field.place)
        return {
            "checked": True,
            "columns_checked": sum(map(len, self.hidden.values())),
            "places_read": [field.place for field in self.shown],
            "proved_by": ways,
            "values": self.values + sum(len(one.hashes) for one in self.gathered.values()),
            "least_length": self.options.leak_min_length,
            "read_partly": {place: one.read for place, one in self.gathered.items() if one.read < 100},
            "tolerated": self.tolerated,
        }

    def _forms(self, target: Any) -> list[Finding]:
        """Values of the target that aren't of their mask's form."""
        found = []
        for full in self.names:
            fields = [field for field in self.hidden[full] if field.form]
            if not fields:
                continue
            counts = target.one(leaks_sql.forms(self.there[full], fields, self.there_only(full), fitting=False))
            for field, count in zip(fields, map(int, counts)):
                if count:
                    found.append(Finding("leaks", field.place, count, f"{count} values aren't of the mask's form"))
        return found

    def _gather(self, field: Field, target: Any) -> Shown:
        """The hashes of what a field of the target shows, each once: of whole values, and of words of free text."""
        table, least = self.there[field.table], self.options.leak_min_length
        limit = self.options.leak_text_rows if field.long and self.only is None else 0
        where = [self.there_only(field.table), leaks_sql.long_enough(field, least)]
        text = f"select lower(hex(cast(lower({field.value}) as binary))) {statement.rows_of(table, *where)}{f' limit {int(limit)}' if limit else ''}"
        hashes: set[int] = set()
        shapes: set[int] = set()
        rows = 0
        for batch in target.stream(text):
            rows += len(batch)
            pieces = {bytes.fromhex(one.decode()) for one in batch}
            if field.long:
                pieces |= {word for one in list(pieces) for word in words(one, least)}
            hashes |= {hashed(self.seed, one) for one in pieces}
            shapes |= {len(one) * 32 + (one[0] & 31) for one in pieces}
        share = 100.0 if not limit or rows < limit else round(100.0 * limit / max(self.here[field.table].rows, limit), 2)
        return Shown(array("Q", sorted(hashes)), frozenset(shapes), share)

    def _search(self, source: Any) -> None:
        """Looks in the source for what the target shows, a scan for each table."""
        known = sorted({one for shown in self.gathered.values() for one in shown.hashes})
        shapes = sorted({one for shown in self.gathered.values() for one in shown.shapes})
        for full, table in self.here.items():
            where, formed = self.here_only(full), [field for field in self.hidden[full] if field.form]
            if formed and full in self.names:
                counts = source.one(leaks_sql.forms(table, formed, where, fitting=True))
                self.like_masks.update({field.place: int(count) for field, count in zip(formed, counts)})
            for start in range(0, len(known), CHUNK):
                part = ", ".join(map(str, known[start : start + CHUNK]))
                tests = [f"{_shaped(field, shapes)}{leaks_sql.number(field.value)} in ({part})" for field in self.hidden[full]]
                if not tests:
                    break
                counts = source.one(f"select {', '.join(f'sum({test})' for test in tests)} {statement.rows_of(table, where)}")
                for field, test, count in zip(self.hidden[full], tests, counts):
                    if count:
                        text = f"select {leaks_sql.number(field.value)} as h, count(*) {statement.rows_of(table, where, test)} group by h limit {KEPT}"
                        self.hits.setdefault(field.place, {}).update({int(row[0]): int(row[1]) for row in source.rows(text)})

    def _shown_findings(self) -> list[Finding]:
        found = []
        for place, hits in self.hits.items():
            known = self._dictionary(self.masks[place], set(hits))
            for shown, facts in self.gathered.items():
                here = {one: hits[one] for one in facts.hashes if one in hits}
                count, excused = proof.tolerate(here, words=known, values=len(facts.hashes))
                if count:
                    found.append(Finding("leaks", shown, count, f"shows {count} values that the masked column {place} of the source holds"))
                if excused:
                    self.tolerated[f"{shown} of {place}"] = excused
        return found

    def _dictionary(self, mask: str, hits: set[int]) -> set[int]:
        """Which of them are results of the mask, too."""
        lists = proof.WORDS.get(mask)
        if not lists or not hits:
            return set()
        return hits & {hashed(self.seed, " ".join(words).lower().encode()) for words in product(*lists)}

    def _compare(self, fields: Sequence[Field], source: Any, target: Any) -> list[Finding]:
        """Both servers hash at the same time, this process only compares."""
        shared: dict[tuple[int, int], int] = {}
        here: dict[int, int] = {}
        there: dict[int, int] = {}
        parts = 1 + sum(self.here[field.table].rows for field in fields) // PASS
        for part in range(parts):
            sides = (("source", source), ("target", target))
            streams = [self._stream(fields, one, side=side, part=part, parts=parts) for side, one in sides]
            with ThreadPoolExecutor(2) as pool:
                ready = [pool.submit(next, one, None) for one in streams]
                first = [one.result() for one in ready]
            pairs, sizes = matches(_counted(chain(_one(first[0]), streams[0]), here), chain(_one(first[1]), streams[1]))
            for place, pair in pairs.items():
                shared[place] = shared.get(place, 0) + pair.count
            for number, size in sizes.items():
                there[number] = there.get(number, 0) + size
        self.values += sum(there.values())
        found = []
        for (left, right), count in shared.items():
            one, other = fields[left], fields[right]
            if count > proof.by_chance(other.mask, here.get(left, 0), there.get(right, 0)):
                found.append(Finding("leaks", other.place, count, f"shows {count} values that the masked column {one.place} of the source holds"))
            else:
                self.tolerated[f"{other.place} of {one.place}"] = count
        return found

    def _stream(self, fields: Sequence[Field], connection: Any, *, side: str, part: int, parts: int) -> Iterator[Row]:
        entries = []
        for place, field in enumerate(fields):
            table = (self.here if side == "source" else self.there)[field.table]
            only = (self.here_only if side == "source" else self.there_only)(field.table)
            entries.append((place, field, table, " and ".join(f"({one})" for one in (only, field.fits if field.form else "") if one)))
        text = leaks_sql.packed(entries, least=self.options.leak_min_length, buckets=BUCKETS, part=part, parts=parts)
        for batch in connection.stream(text):
            for line in batch:
                yield int.from_bytes(line[:2], "big"), int.from_bytes(line[2:4], "big"), line[4:]


def _shaped(field: Field, shapes: Sequence[int]) -> str:
    return f"{leaks_sql.shape(field.value)} in ({', '.join(map(str, shapes))}) and " if len(shapes) <= SHAPES else ""


def _one(first: Optional[Row]) -> Iterator[Row]:
    if first is not None:
        yield first


def _counted(rows: Iterator[Row], sizes: dict[int, int]) -> Iterator[Row]:
    for row in rows:
        sizes[row[1]] = sizes.get(row[1], 0) + len(row[2]) // 8
        yield row


def words(text: bytes, least: int) -> set[bytes]:
    return {word for one in WORD.findall(text) for word in (one, one.strip(b".!?,")) if len(word) >= least}


def hashed(seed: bytes, piece: bytes) -> int:
    """As the servers compute it."""
    return int.from_bytes(hashlib.sha256(seed + piece).digest()[:8], "big")
