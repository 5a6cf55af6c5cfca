# SPDX-License-Identifier: GPL-3.0-or-later
"""No value of a masked column anywhere in the target.

Three ways, by what a column of the target is:
- masked into a form that is reserved for such: every value is of that form, and the source's that are of it, if any, aren't there;
- masked into very many results: its hashes and the source's meet in this process, bucket by bucket;
- kept, computed, or left over by a mask of JSON: hashes of its values and words are looked for in the source.
Hashes are of 64 bits under a seed that is drawn for this run and kept nowhere. Those of the source leave it only in the second
way, towards this process, which keeps none of them."""

from __future__ import annotations

import secrets
import threading
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import JSON
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import proof_sample
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.proof_sql import (
    LETTERS,
    Field,
    bindable,
    counted,
    fits,
    hashed,
    masked_fields,
    origin,
    packed,
    pieces,
    run,
    shape,
    shown_fields,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import FOLDED, SILENT, WORDS, Finding, by_chance, tolerate
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof_match import BUCKETS, KEPT, Pair, Row, matches, numbers

CHUNK = 200_000  # hashes looked for at once
SHAPES = 1000  # lengths and first letters of what the target shows
PASS = 4_000_000  # values of a side that are compared at once

Hidden = dict[str, list[Field]]


class Shown(NamedTuple):
    hashes: array[int]
    shapes: list[int]
    rows: int  # estimated
    read: float  # percent of the rows


class Leaks:
    def __init__(self) -> None:
        self.seed = secrets.randbits(62)
        self.shown: dict[str, Shown] = {}
        self.forms: dict[str, int] = {}  # place -> source values that look like masks
        self.hits: dict[str, dict[int, int]] = {}  # place in the source -> {hash: rows}
        self.shared: dict[tuple[str, str], list[Pair]] = {}
        self.sizes: dict[str, int] = {}  # values of the source's and the target's columns that were compared
        self.values = 0
        self.tolerated: dict[str, int] = {}
        self.masks: dict[str, str] = {}  # place -> transformer
        self.lock = threading.Lock()
        self._known: Optional[tuple[list[int], list[int]]] = None

    def known(self) -> tuple[list[int], list[int]]:
        """(hashes, shapes) of all that the target shows, when all of it has been gathered."""
        with self.lock:
            if self._known is None:
                hashes = sorted({one for shown in self.shown.values() for one in shown.hashes})
                self._known = hashes, sorted({one for shown in self.shown.values() for one in shown.shapes})
            return self._known

    def record(self, case: Any, hidden: Hidden) -> dict[str, Any]:
        ways: dict[str, list[str]] = {"form": [], "values": [], "rows": []}
        for fields in hidden.values():
            for field in fields:
                if field.transformer not in SILENT:
                    ways["form" if field.form else "values" if field.by_value else "rows"].append(field.place)
        partly = {place: shown.read for place, shown in self.shown.items() if shown.read < 100}
        return {
            "checked": True,
            "columns_checked": sum(len(fields) for fields in hidden.values()),
            "places_read": list(self.shown),
            "proved_by": ways,
            "values": self.values + sum(len(shown.hashes) for shown in self.shown.values()),
            "least_length": case.options.leak_min_length,
            "read_partly": partly,
            "tolerated": self.tolerated,
        }


def survey(case: Any) -> tuple[Hidden, list[Field]]:
    """(what must not be seen, where it could be)."""
    hidden = {name: masked_fields(table, case.job.rules[name]) for name, table in case.sides.here.items()}
    shown = [field for name, table in case.sides.there.items() for field in shown_fields(table, case.job.rules[name])]
    return hidden, shown


def _words(case: Any, found: Leaks, **more: Any) -> dict[str, Any]:
    return {"seed": found.seed, "least": case.options.leak_min_length, "buckets": BUCKETS - 1, **more}


def gather(case: Any, field: Field, target: Any, *, leaks: Leaks) -> Shown:
    """The hashes of a shown field, each once."""
    table = case.sides.there[field.table]
    total = proof_sample.table_rows(case, table, target)
    limit = case.options.leak_text_rows
    column = next(one for one in table.columns if one.name == field.column)
    free = column.family == JSON or column.length == 0 or column.length > 64
    share = 100.0 if not limit or not free or total <= limit or case.changed is not None else max(0.1, 100.0 * limit / total)
    sample = sql.SQL(" tablesample system ({}) repeatable ({})").format(sql.Literal(share), sql.Literal(leaks.seed % 2**31)) if share < 100 else None
    rows = origin(case.schema(table), table, field, where=case.only(field.table, "target"), sample=sample)
    text = sql.SQL("select string_agg(int8send(h), ''::bytea), array_agg(distinct shape) from ({}) u")
    found, shapes = run(target, text.format(pieces(field, rows, json=column.family == JSON)), _words(case, leaks)).fetchone()
    return Shown(numbers(found or b""), shapes or [], total, round(share, 2))


def groups(case: Any, hidden: Hidden) -> list[list[Field]]:
    """What is looked for in one scan of the source: the columns of a table together, what is unfolded from a column by itself."""
    made = []
    for name in sorted(hidden, key=lambda one: -case.sides.here[one].blocks):
        plain = [field for field in hidden[name] if field.lateral is None]
        made += [plain] if plain else []
        made += [[field] for field in hidden[name] if field.lateral is not None]
    return made


def search(case: Any, leaks: Leaks, fields: list[Field], source: Any) -> None:
    """Looks in the source for what the target shows."""
    known, shapes = leaks.known()
    # A target that shows nothing leaves only the source values that look like masks to be counted.
    fields = [field for field in fields if known or field.form]
    if not fields:
        return
    # Where the target shows nearly every shape, asking for it is work for nothing. Most values are longer than all that it shows.
    shaped = sql.SQL("octet_length({value}) <= @@longest@@::int and {shape} = any(@@shapes@@::int[]) and " if len(shapes) <= SHAPES else "")
    more = {"shapes": shapes, "longest": max(shapes, default=0) // LETTERS}
    table = case.sides.here[fields[0].table]
    rows = origin(None, table, fields[0], where=case.only(table.full, "source"))
    forms = [field for field in fields if field.form]
    listed = [field._replace(value=sql.Identifier("f", str(place))) for place, field in enumerate(fields)]
    values = [sql.SQL("{} as {}").format(field.value, sql.Identifier(str(place))) for place, field in enumerate(fields)]
    for start in range(0, max(len(known), 1), CHUNK):
        part = known[start : start + CHUNK]
        wanted = [
            sql.SQL("count(*) filter (where {}{} = any(@@known@@::bigint[]))").format(shaped.format(value=field.value, shape=shape(field.value)), field.hashed)
            for field in listed
        ]
        wanted += [counted(field, fitting=True) for field in listed if field.form] if not start else []
        # Each value is computed once, whatever asks for it.
        text = sql.SQL("select {} from (select {} {} offset 0) f").format(sql.SQL(", ").join(wanted), sql.SQL(", ").join(values), rows)
        counts = run(source, text, _words(case, leaks, known=part, **more)).fetchone()
        for field, count in zip(fields, counts):
            if count:
                _which(case, leaks, field, part, rows, source)
        if not start:
            leaks.forms.update({field.place: count for field, count in zip(forms, counts[len(fields) :])})


def _which(case: Any, leaks: Leaks, field: Field, part: list[int], rows: Any, source: Any) -> None:
    text = sql.SQL("select h, count(*) from (select {} as h {}) s where h = any(@@known@@) group by 1 limit {}").format(field.hashed, rows, sql.Literal(KEPT))
    leaks.hits.setdefault(field.place, {}).update(run(source, text, _words(case, leaks, known=part)).fetchall())


def compared(hidden: Hidden) -> list[Field]:
    return [field for name in hidden for field in hidden[name] if field.by_value]


def compare(case: Any, leaks: Leaks, fields: list[Field], lane: Any) -> None:
    """Masked columns: both servers hash at the same time, this process only compares."""

    def stream(side: str, part: int, parts: int) -> Iterator[Row]:
        entries = []
        for number, field in enumerate(fields):
            tables = case.sides.here if side == "source" else case.sides.there
            table = tables[field.table]
            schema = None if side == "source" else case.schema(table)
            where = case.only(field.table, side)
            if field.form:
                where = fits(field) if where is None else sql.SQL("({}) and {}").format(where, fits(field))
            entries.append((number, field, origin(schema, table, field, where=where)))
        connection = getattr(lane, side)
        with connection.cursor() as cursor:
            yield from cursor.stream(bindable(connection, packed(entries)), _words(case, leaks, part=part, parts=parts), size=1, binary=True)

    parts = 1 + sum(case.sides.here[field.table].rows for field in fields) // PASS
    for part in range(parts):
        here, there = stream("source", part, parts), stream("target", part, parts)
        with ThreadPoolExecutor(2) as pool:
            ready = [pool.submit(next, one, None) for one in (here, there)]
            first = [one.result() for one in ready]
        shared, sizes = matches(_from(first[0], here), _from(first[1], there))
        for (left, right), pair in shared.items():
            leaks.shared.setdefault((fields[left].place, fields[right].place), []).append(pair)
        for number, size in sizes.items():
            place = fields[number].place
            leaks.sizes[place] = leaks.sizes.get(place, 0) + size
            leaks.values += size


def _from(first: Optional[Row], rest: Iterator[Row]) -> Iterator[Row]:
    if first is not None:
        yield first
        yield from rest


def findings(case: Any, found: Any, hidden: Hidden, lane: Any) -> list[Finding]:
    leaks: Leaks = found.leaks
    faults = []
    for place, count in found.otherwise.items():
        if count:
            faults.append(Finding("leaks", place, count, f"{count} values aren't of the mask's form"))
    faults += _shared_findings(leaks)
    faults += _shown_findings(case, leaks, lane.source)
    return faults + _form_findings(case, leaks, hidden, lane)


def _shared_findings(leaks: Leaks) -> list[Finding]:
    faults = []
    for (here, there), pairs in leaks.shared.items():
        count = sum(pair.count for pair in pairs)
        # The source's column is about as large as the target's.
        if count > by_chance(leaks.masks[there], leaks.sizes.get(here, 0), leaks.sizes.get(there, 0)):
            faults.append(Finding("leaks", there, count, f"holds {count} values of the source's {here}"))
        else:
            leaks.tolerated[f"{there} of {here}"] = count
    return faults


def _shown_findings(case: Any, leaks: Leaks, source: Any) -> list[Finding]:
    faults = []
    for place, hits in leaks.hits.items():
        words = _dictionary(case, leaks, leaks.masks[place], list(hits), source)
        for shown, facts in leaks.shown.items():
            here = {one: hits[one] for one in facts.hashes if one in hits}
            count, excused = tolerate(here, words=words, values=len(facts.hashes))
            if count:
                faults.append(Finding("leaks", shown, count, f"holds {count} values of the source's {place}"))
            if excused:
                leaks.tolerated[f"{shown} of {place}"] = excused
    return faults


def _dictionary(case: Any, leaks: Leaks, transformer: str, hits: list[int], source: Any) -> set[int]:
    """Which of the hits are results of the mask, too."""
    lists = WORDS.get(transformer)
    if not lists or not hits:
        return set()
    names = [f"w{place}" for place in range(len(lists))]
    value = sql.SQL(" || ' ' || ").join([sql.Identifier(name) for name in names])
    rows = sql.SQL(", ").join([sql.SQL("unnest({}::text[]) {}").format(sql.SQL(f"@@{name}@@"), sql.Identifier(name)) for name in names])
    text = sql.SQL("select h from (select {} as h from {}) d where h = any(@@known@@)").format(hashed(value, folded=transformer in FOLDED), rows)
    more = {name: list(words) for name, words in zip(names, lists)}
    return {row[0] for row in run(source, text, _words(case, leaks, known=hits, **more)).fetchall()}


def _form_findings(case: Any, leaks: Leaks, hidden: Hidden, lane: Any) -> list[Finding]:
    """Where source values look like masks (a test card, data that was masked before), those are compared."""
    fields = [field for name in hidden for field in hidden[name] if field.form and leaks.forms.get(field.place, 1)]
    if not fields:
        return []
    before = set(leaks.shared)
    compare(case, leaks, fields, lane)
    again = Leaks()
    again.masks = leaks.masks
    again.shared = {pair: found for pair, found in leaks.shared.items() if pair not in before}
    again.sizes = leaks.sizes
    faults = _shared_findings(again)
    leaks.tolerated.update(again.tolerated)
    return faults
