# SPDX-License-Identifier: GPL-3.0-or-later
"""Which texts of a table hide something, which show something, and the SQL of their hashes under the seed of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import masks, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import literal, name
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import BITS, MIXED, SILENT, bits, form, simple_path

SEED = "evenkeel_seed"
LONG = ("text", "mediumtext", "longtext", "json")
SHOWN = ("char", "varchar", "tinytext", *LONG, "uuid")
SIGNS = "'[^ ()*+,./-]'"  # an empty text or a dash holds nothing to hide


class Field(NamedTuple):
    table: str  # full name
    column: str
    path: str
    mask: str  # empty: nothing masks it
    value: str  # SQL of a text of utf8mb4 over t
    form: str = ""  # a LIKE pattern that all results of the mask fit, and no real value
    long: bool = False  # free text, of which words are read

    @property
    def place(self) -> str:
        return f"{self.table}.{self.column}{' at ' + self.path if self.path else ''}"

    @property
    def by_value(self) -> bool:
        """The mask has so many results that one of the source's values among them is no chance."""
        return not self.form and self.mask not in SILENT and bits(self.mask) >= BITS

    @property
    def fits(self) -> str:
        return f"{self.value} like {literal(self.form)}"


def hidden(full: str, table: Table, rules: Mapping[str, Any]) -> list[Field]:
    """What must not be seen: values of masked columns that a text can show."""
    found: list[Field] = []
    for column in table.stored:
        rule = rules[column.name]
        if not rule.mask or rule.mask in MIXED or table.types[column.name] not in SHOWN:
            continue
        text = masks.text_of(table, column.name)
        for path, leaf in rule.leaves:
            keys = simple_path(path)
            if keys and leaf.mask and leaf.mask not in MIXED:
                place = literal("$" + "".join(f'."{key}"' for key in keys))
                value = f"convert(json_unquote(json_extract({text}, {place})) using utf8mb4)"
                found.append(Field(full, column.name, path, leaf.mask, value, form(leaf.mask, leaf.options)))
        if not rule.leaves:
            found.append(Field(full, column.name, "", rule.mask, text, form(rule.mask, rule.options)))
    return found


def shown(full: str, table: Table, rules: Mapping[str, Any]) -> list[Field]:
    """Where a source value could be seen that no mask put there: kept and computed columns, and what a mask leaves of JSON."""
    found = []
    for column in table.columns:
        rule, kind = rules.get(column.name), table.types[column.name]
        if kind in SHOWN and (rule is None or not rule.mask or rule.leaves):
            found.append(Field(full, column.name, "", "", masks.text_of(table, column.name), long=kind in LONG))
    return found


def digest(value: str) -> str:
    """Eight bytes of the keyed hash of the text in small letters."""
    return f"substr(unhex(sha2(concat(@{name(SEED)}, cast(lower({value}) as binary)), 256)), 1, 8)"


def number(value: str) -> str:
    return f"cast(conv(hex({digest(value)}), 16, 10) as unsigned)"


def shape(value: str) -> str:
    """Length and first letter, in a fraction of the time of a hash."""
    return f"(length(lower({value})) * 32 + (ascii({value}) & 31))"


def long_enough(field: Field, least: int) -> str:
    return f"char_length({field.value}) >= {int(least)}"


def forms(table: Table, fields: Sequence[Field], where: str, *, fitting: bool) -> str:
    """How many values of each field are of its mask's form, or aren't."""
    counts = [f"coalesce(sum({one.fits}), 0)" if fitting else f"coalesce(sum(not ({one.fits}) and {one.value} regexp {SIGNS}), 0)" for one in fields]
    return f"select {', '.join(counts)} {statement.rows_of(table, where)}"


def packed(entries: Sequence[tuple[int, Field, Table, str]], *, least: int, buckets: int, part: int, parts: int) -> str:
    """One text for each bucket and field: its two numbers as two bytes each, and the hashes. In the order of buckets."""
    each = []
    for place, field, table, where in entries:
        rows = statement.rows_of(table, where, long_enough(field, least))
        each.append(f"select {int(place)} as c, {digest(field.value)} as h {rows}")
    chosen = f" where ord(substr(h, 7, 1)) % {int(parts)} = {int(part)}" if parts > 1 else ""
    bucket = f"(ord(substr(h, 8, 1)) & {buckets - 1})"
    text = "concat(unhex(lpad(hex(b), 4, '0')), unhex(lpad(hex(c), 4, '0')), group_concat(h separator ''))"
    inner = f"select {bucket} as b, c, h from ({' union all '.join(each)}) u{chosen}"
    return f"select {text} from ({inner}) w group by b, c order by b, c"
