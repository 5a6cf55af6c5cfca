# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL that masks a table inside the source, as lines of LOAD DATA. Names are quoted, the keys are user variables.

A row is one text: its fields in the format of LOAD DATA, so that nobody between the servers reads values. The same text made of
the target's row has the same CRC, which proves that it arrived as it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import masks
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import BINARY, TEXTS, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import literal, name
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import MIXED

Rules = Mapping[str, Rule]
RANGES = 500  # of one condition; a list of more buckets is searched in less time than so many ranges
NULL = r"'\\N'"
FORMAT = r"character set utf8mb4 fields terminated by '\t' escaped by '\\' lines terminated by '\n'"


class Range(NamedTuple):
    """Rows with first <= key < last; None: open to this side."""

    key: str
    first: Optional[int]
    last: Optional[int]


def condition(part: Optional[Range], alias: str = "t") -> str:
    if part is None:
        return ""
    place = name(alias, part.key)
    words = [] if part.first is None else [f"{place} >= {int(part.first)}"]
    words += [] if part.last is None else [f"{place} < {int(part.last)}"]
    return " and ".join(words)


def _escaped(value: str) -> str:
    return rf"replace(replace(replace({value},'\\','\\\\'),x'09','\\t'),x'0a','\\n')"


def _utf8(table: Table, column: Column) -> str:
    place = name("t", column.name)
    known = table.charsets[column.name] in ("", "utf8mb4", "utf8mb3", "utf8", "ascii")
    return place if known else f"convert({place} using utf8mb4)"


def field(table: Table, column: Column, *, escaped: bool = True) -> str:
    """The unmasked value in the format of LOAD DATA; NULL for NULL."""
    kind, place = table.types[column.name], name("t", column.name)
    if kind in BINARY:
        return f"hex({place})"
    if kind == "bit":
        return f"cast({place} as unsigned)"
    if kind == "float":
        return f"({place} + 0e0)"  # its own text is rounded to six digits
    if kind in TEXTS or kind == "json":
        text = _utf8(table, column)
        return _escaped(f"cast({text} as binary)") if escaped and column.name not in table.plain else text
    if kind in ("uuid", "inet4", "inet6"):
        return f"cast({place} as char)"  # beside a text of another kind the server would make it NULL
    return _as(table, column, place)


def _as(table: Table, column: Column, value: str) -> str:
    return f"cast({value} as {table.becomes[column.name]})" if column.name in table.becomes else value


def _whole(column: Column, value: str) -> str:
    # A field that the server can't make (longer than max_allowed_packet) is NULL: the line must become NULL then, not the field.
    return value if column.not_null else f"if({name('t', column.name)} is null, {NULL}, {value})"


class Parts(NamedTuple):
    """The fields of a row as SQL, one for each stored column, and the masks that some of them are made of."""

    fields: list[str]
    made: dict[str, str]
    first: str  # computes what several of them need; empty when nothing does

    @property
    def line(self) -> str:
        # User variables: a hash is computed once per row, though many places of the line use it.
        joined = ", x'09', ".join(self.fields)
        return f"concat({', '.join([*([self.first] if self.first else []), joined])})"


def parts(table: Table, rules: Optional[Rules] = None) -> Parts:
    fields: list[str] = []
    made: dict[str, str] = {}
    hashes = masks.Kept()
    for column in table.stored:
        rule = rules[column.name] if rules is not None else None
        if rule is None or not rule.mask:
            fields.append(_whole(column, field(table, column)))
            continue
        text = masks.masked(table, column, rule, hashes)
        if text is not None:
            made[column.name] = text
        fields.append(NULL if text is None else _masked(table, column, rule, text))
    return Parts(fields, made, hashes.first())


def line(table: Table, rules: Optional[Rules] = None) -> str:
    """A row as a line without its end: masked when there are rules, as it is otherwise."""
    return parts(table, rules).line


def _masked(table: Table, column: Column, rule: Rule, made: str) -> str:
    kind = table.types[column.name]
    if "line" in rule.options:
        made = literal(rule.options["line"])  # as the target's column shows it
    elif kind in TEXTS or kind == "json":
        made = f"cast({made} as binary)"
        made = made if rule.mask in masks.SAFE else _escaped(made)
    elif kind in BINARY:
        made = f"hex({made})"
    else:
        made = _as(table, column, made)
    return f"if({name('t', column.name)} is null, {NULL}, {made})"


def rows_of(table: Table, *conditions: str) -> str:
    """FROM and WHERE over `t`."""
    wanted = " and ".join(f"({each})" for each in conditions if each)
    return f"from {name(table.schema, table.name)} t{' where ' + wanted if wanted else ''}"


def masked_select(table: Table, rules: Rules, *, part: Optional[Range] = None, where: str = "") -> str:
    return f"select {line(table, rules)} {rows_of(table, condition(part), where)}"


def load(table: Table, schema: str, *, replace: bool = False) -> str:
    """Takes the lines of `masked_select` into the table of this name in `schema`."""
    how = " replace" if replace else ""
    places, changes = [], []
    for number, column in enumerate(table.stored):
        kind, variable = table.types[column.name], f"@{name(f'evenkeel_f{number}')}"
        read = f"unhex({variable})" if kind in BINARY else f"cast({variable} as unsigned)" if kind == "bit" else ""
        places.append(variable if read else name(column.name))
        if read:
            changes.append(f"{name(column.name)} = {read}")
    tail = f" set {', '.join(changes)}" if changes else ""
    return f"load data local infile 'rows'{how} into table {name(schema, table.name)} {FORMAT} ({', '.join(places)}){tail}"


def checksum(table: Table, width: int, *, part: Optional[Range] = None, where: str = "") -> str:
    """(bucket, rows, sum of the CRCs of their lines): equal for equal rows in any order."""
    return f"select {_bucket(table, width)} as b, count(*), coalesce(sum(crc32({line(table)})), 0) {rows_of(table, condition(part), where)} group by b"


def digest(table: Table, width: int, *, part: Optional[Range] = None, where: str = "") -> str:
    """As `checksum`, of rows that are compared with themselves alone: in half of the time. Bytes that UTF-8 doesn't know stand between
    fields and for NULL."""
    fields = [(column, field(table, column, escaped=False)) for column in table.stored]
    texts = [value if column.not_null else f"ifnull({value}, unhex('fe'))" for column, value in fields]
    # A row that is too long for the server to put together counts as changed.
    summed = f"coalesce(sum(ifnull(crc32(concat_ws(unhex('ff'), {', '.join(texts)})), floor(rand() * 4294967296))), 0)"
    return f"select {_bucket(table, width)} as b, count(*), {summed} {rows_of(table, condition(part), where)} group by b"


def _bucket(table: Table, width: int) -> str:
    return f"{name('t', table.ranged)} div {int(width)}" if width else "0"


def inside(table: Table, width: int, buckets: Sequence[int]) -> str:
    """The condition of the rows of these buckets."""
    return within(name("t", table.ranged), width, buckets) if width else "true"


def within(place: str, width: int, buckets: Sequence[int]) -> str:
    """The numbers of these buckets; neighbours are one range."""
    found: list[list[int]] = []
    for bucket in sorted(buckets):
        # DIV cuts towards zero: bucket 0 has both sides of it.
        first = bucket * width if bucket > 0 else (bucket - 1) * width + 1
        last = (bucket + 1) * width if bucket >= 0 else bucket * width + 1
        if found and found[-1][1] == first:
            found[-1][1] = last
        else:
            found.append([first, last])
    if len(found) > RANGES:
        listed = ", ".join(map(str, sorted(buckets)))
        return f"{place} >= {found[0][0]} and {place} < {found[-1][1]} and {place} div {int(width)} in ({listed})"
    return " or ".join(f"({place} >= {first} and {place} < {last})" for first, last in found)


def total(table: Table, rules: Optional[Rules], where: str) -> str:
    """(rows, sum of CRCs) of some rows, as they are or as they would be masked."""
    return f"select count(*), coalesce(sum(crc32({line(table, rules)})), 0) {rows_of(table, where)}"


def key_checksum(table: Table, width: int) -> str:
    key = name("t", table.ranged)
    return f"select {_bucket(table, width)} as b, count(*), coalesce(sum(crc32({key})), 0) {rows_of(table)} group by b"


def keys(table: Table, where: str) -> str:
    return f"select {name('t', table.ranged)} {rows_of(table, where)}"


def delete(table: Table, schema: str, where: str) -> str:
    return f"delete t from {name(schema, table.name)} t where {where}"


def bounds(table: Table) -> str:
    key = name("t", table.ranged)
    return f"select min({key}), max({key}) {rows_of(table)}"


def orphans(table: Table, schema: str, referenced: str, relation: Any, *, where: str = "") -> str:
    """Rows whose foreign key leads nowhere."""
    pairs = list(zip(relation.key.columns, relation.key.keys))
    joined = " and ".join(f"{name('p', there)} = {name('t', here)}" for here, there in pairs)
    given = " and ".join(f"{name('t', here)} is not null" for here, _there in pairs)
    other = relation.key.references.split(".", 1)[1]
    missing = f"not exists (select 1 from {name(referenced, other)} p where {joined})"
    return f"select count(*) {rows_of(table._replace(schema=schema), where, given)} and {missing}"


def masked_total(table: Table, rules: Rules, where: str) -> tuple[list[str], str]:
    """(columns, a query): rows, sum of the CRCs of their masked lines, and in how many rows the mask of each column equals the value."""
    found = parts(table, rules)
    checked, counts = _equal(table, rules, found)
    return checked, f"select {', '.join(['count(*)', f'coalesce(sum(crc32({found.line})), 0)', *counts])} {rows_of(table, where)}"


def column_totals(table: Table, rules: Optional[Rules], where: str) -> str:
    """The sum of CRCs of each stored column."""
    found = parts(table, rules)
    fields = [f"concat({found.first}, {one})" if found.first and not number else one for number, one in enumerate(found.fields)]
    return f"select {', '.join(f'coalesce(sum(crc32({one})), 0)' for one in fields)} {rows_of(table, where)}"


def _equal(table: Table, rules: Rules, found: Parts) -> tuple[list[str], list[str]]:
    checked, counts = [], []
    for column in table.stored:
        rule = rules[column.name]
        if not rule.mask or not rule.hashed or rule.mask in MIXED or rule.leaves:
            continue
        value = f"cast({name('t', column.name)} as char)"
        # Signs alone (an empty text, a dash) hold nothing to hide.
        counts.append(f"sum(cast({found.made[column.name]} as char) = binary {value} and {value} regexp '[^ ()*+,./-]')")
        checked.append(column.name)
    return checked, counts


def equals(table: Table, rules: Rules, *, sample: int) -> tuple[list[str], str]:
    """(columns, a query): rows, and in how many the mask equals its value. Computed in the source, counts only."""
    found = parts(table, rules)
    checked, counts = _equal(table, rules, found)
    first = [f"sum(concat({found.first}) <> '')"] if found.first else []
    return checked, f"select {', '.join(['count(*)', *first, *counts])} from (select * from {name(table.schema, table.name)} limit {int(sample)}) t"
