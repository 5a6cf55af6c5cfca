# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements of the proof: checksums of rows, and the places of a table where a personal value could be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import ARRAY, IP, JSON, TEXT, UUID, Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import BITS, FOLDED, MIXED, bits, form, simple_path

# Types whose values have one hash on every server, whatever its version. Others are hashed as text.
HASHED = frozenset(["smallint", "integer", "bigint", "numeric", "boolean", "text", "bytea", "uuid", "date", "interval", "jsonb", "inet", "oid", "real"]) | {
    "character varying",
    "double precision",
    "timestamp without time zone",
    "timestamp with time zone",
}
SUMS = "evenkeel.checksum"
ROOT = 14  # the first major version that hashes a whole row
BLANKS = '"{}[]=|\t\n\r'  # between words, always
SIGNS = BLANKS + ",;:"  # between words, too, but also inside of some values
EDGES = "().,;:!?'<>"  # what may stand around a word
LETTERS = 32  # first letters that a shape tells apart


def row_hash(table: Table, *, alias: str, seed: int, modern: bool) -> Any:
    """Of the stored columns. Numbers count by value (1.0 is 1.00), everything else by its bytes."""
    parts = []
    for column in table.columns:
        if not column.generated:
            value = sql.Identifier(alias, column.name)
            parts.append(value if column.type.split("(")[0] in HASHED else sql.SQL("{}::text").format(value))
    row = sql.SQL("row({})").format(sql.SQL(", ").join(parts))
    text = "hash_record_extended({}, {})" if modern else "hashtextextended({}::text, {})"
    return sql.SQL(text).format(row, sql.Literal(seed))


class Seal(NamedTuple):
    """A checksum, in any order of the rows, of what the source computes, taken by the source while it sends."""

    seed: int
    modern: bool

    def wrap(self, select: Any, table: Table) -> Any:
        """The same rows; their sum is computed once, before the first of them leaves."""
        total = sql.SQL("select coalesce(sum({}), 0)::text from m").format(row_hash(table, alias="m", seed=self.seed, modern=self.modern))
        text = "with m as materialized ({}) select m.* from m where (select set_config({}, ({}), true)) is not null"
        return sql.SQL(text).format(select, sql.Literal(SUMS), total)

    def read(self, source: Any) -> int:
        """Of the statement before, in the same transaction."""
        return int(source.execute("select current_setting(%s)", (SUMS,)).fetchone()[0])

    def apart(self, source: Any, select: Any, table: Table) -> int:
        """By a statement of its own, in the same snapshot: where masks cost next to nothing, running it twice costs less than keeping its rows."""
        digest = row_hash(table, alias="m", seed=self.seed, modern=self.modern)
        return int(source.execute(sql.SQL("select coalesce(sum({}), 0)::text from ({}) m").format(digest, select)).fetchone()[0])


class Field(NamedTuple):
    """One place of a table's rows that holds texts: a column, or a path into it."""

    table: str  # full name
    column: str
    path: str
    transformer: str  # empty: nothing masks it
    value: Any  # SQL of a text, over t and, when there is a lateral part, x(v)
    lateral: Optional[Any] = None
    form: str = ""  # a LIKE pattern that all results of the mask fit, and no real value; of whole columns and plain paths

    @property
    def place(self) -> str:
        return f"{self.table}.{self.column}{' at ' + self.path if self.path else ''}"

    @property
    def hashed(self) -> Any:
        return hashed(self.value, folded=self.transformer in FOLDED)

    @property
    def by_value(self) -> bool:
        return not self.form and bits(self.transformer) >= BITS


def texts(column: Column) -> bool:
    """Whether the column's type can hold somebody's text."""
    if column.labels:
        return False
    return column.family in (TEXT, UUID, JSON, IP) or column.kind in ("xml", "hstore", "name") or column.composite or _text_array(column)


def _text_array(column: Column) -> bool:
    return column.family == ARRAY and column.element.split("(")[0] in ("text", "character varying", "character", "citext", "uuid", "json", "jsonb", "inet")


def _leaf(table: Table, column: Column, path: str, rule: Rule) -> Field:
    transformer, pattern = rule.mask or "", form(rule.mask or "", rule.options)
    value = sql.Identifier("t", column.name)
    keys = simple_path(path)
    if keys:
        # Member by member: a path as an array is taken apart anew for every row.
        steps = [sql.SQL("->{}").format(sql.Literal(key)) for key in keys[:-1]]
        head = sql.SQL("{}::jsonb" if column.kind == "json" else "{}").format(value)
        text = sql.SQL("({}{}->>{})").format(head, sql.SQL("").join(steps), sql.Literal(keys[-1]))
        return Field(table.full, column.name, path, transformer, text, form=pattern)
    lateral = sql.SQL("jsonb_path_query({}::jsonb, {}::jsonpath) x(v)").format(value, sql.Literal(path))
    return Field(table.full, column.name, path, transformer, sql.SQL("(x.v #>> '{{}}')").format(), lateral)


def masked_fields(table: Table, rules: Mapping[str, Rule]) -> list[Field]:
    """What must not be seen elsewhere: the values of masked columns that a text can show."""
    found: list[Field] = []
    for column in table.columns:
        rule = rules[column.name]
        if not rule.mask or rule.mask in MIXED or column.generated or not texts(column):
            continue
        value = sql.Identifier("t", column.name)
        if rule.leaves and column.family == JSON:
            found += [_leaf(table, column, path, leaf) for path, leaf in rule.leaves if leaf.mask and leaf.mask not in MIXED]
        elif column.family == ARRAY:
            mask = rule.leaves[0][1].mask if rule.leaves else rule.mask
            found.append(Field(table.full, column.name, "", mask or "", sql.SQL("x.v"), sql.SQL("unnest({}::text[]) x(v)").format(value)))
        elif column.family == JSON:
            text = sql.SQL("jsonb_path_query({}::jsonb, {}) x(v)").format(value, sql.Literal('strict $.** ? (@.type() == "string")'))
            found.append(Field(table.full, column.name, "", rule.mask, sql.SQL("(x.v #>> '{{}}')").format(), text))
        else:
            found.append(Field(table.full, column.name, "", rule.mask, sql.SQL("({}::text)").format(value), form=form(rule.mask, rule.options)))
    return found


def shown_fields(table: Table, rules: Mapping[str, Rule]) -> list[Field]:
    """Where a source value could be seen that no mask put there: kept and computed columns, and what a mask leaves of JSON."""
    found = []
    for column in table.columns:
        rule = rules[column.name]
        value = sql.Identifier("t", column.name)
        if not texts(column) or (rule.mask and not (rule.leaves and column.family == JSON)):
            continue
        for path, _leaf_rule in rule.leaves if column.family == JSON else ():
            keys = simple_path(path)
            if keys is not None:
                value = sql.SQL("({}{} #- {}::text[])").format(value, sql.SQL("::jsonb"), sql.Literal(keys))
        found.append(Field(table.full, column.name, "", "", sql.SQL("({}::text)").format(value)))
    return found


BOUND = re.compile("@@([a-z0-9]+)@@")


def run(connection: Any, text: Any, words: Mapping[str, Any]) -> Any:
    """Executes with @@name@@ bound: a name or a text of the statement may hold a percent sign."""
    return connection.execute(bindable(connection, text), words)


def bindable(connection: Any, text: Any) -> str:
    return BOUND.sub(r"%(\1)s", text.as_string(connection).replace("%", "%%"))


def hashed(value: Any, *, folded: bool) -> Any:
    """Of the text, or of it in small letters; the seed is bound."""
    text = 'hashtextextended({} collate "C", @@seed@@)' if not folded else 'hashtextextended(lower({} collate "C"), @@seed@@)'
    return sql.SQL(text).format(value)


def shape(value: Any) -> Any:
    """Length and first letter, small or capital alike: equal texts have equal ones, and it costs a tenth of a hash in small letters."""
    return sql.SQL("(octet_length({0}) * {1} + (ascii({0}) & {2}))").format(value, sql.Literal(LETTERS), sql.Literal(LETTERS - 1))


def origin(schema: Optional[str], table: Table, field: Optional[Field], *, where: Optional[Any], sample: Any = None) -> Any:
    """FROM and WHERE of a field's texts."""
    text = sql.SQL("from {} t").format(rows_of(table, schema))
    if sample is not None:
        text += sample
    if field is not None and field.lateral is not None:
        text += sql.SQL(" cross join lateral {}").format(field.lateral)
    return text if where is None else text + sql.SQL(" where ({})").format(where)


def packed(fields: list[tuple[int, Field, Any]]) -> Any:
    """All hashes of these (number, field, FROM and WHERE), in the order of their buckets."""
    parts = []
    for number, field, rows in fields:
        inner = sql.SQL("select {} as h, octet_length({}) as n {} offset 0").format(field.hashed, field.value, rows)
        text = """select (h & @@buckets@@)::int as bucket, {}::int as place, string_agg(int8send(h), ''::bytea) as packed
          from ({}) f where n >= @@least@@ and (@@parts@@ = 1 or abs((h >> 8) % @@parts@@) = @@part@@) group by 1"""
        parts.append(sql.SQL(text).format(sql.Literal(number), inner))
    return sql.SQL("select bucket, place, packed from ({}) u order by bucket").format(sql.SQL(" union all ").join(parts))


def pieces(field: Field, rows: Any, *, json: bool) -> Any:
    """The different hashes of a shown field: whole values, and what they are put together of; as they are and in small letters.

    Of JSON every text between quotation marks, keys too; then every word and every two, three and four words in a row."""
    whole = sql.SQL("select {} as v {}").format(field.value, rows)
    if json:
        whole = sql.SQL("select unnest(string_to_array(v, '\"')) as v from ({}) j").format(whole)
    # What stands between the texts of JSON is numbers and signs: only its words count.
    texts_ = sql.SQL(" where v !~ '^ ?[]:,{}[]'" if json else "")
    text = """with p as materialized (select distinct v from ({whole}) w where octet_length(v) >= @@least@@),
      d as materialized (select v from p{texts} union all select v from ({words}) w where octet_length(v) >= @@least@@)
      select {plain} as h, {shape} as shape from d union select {small}, {shape} from d where v <> lower(v collate "C")"""
    return sql.SQL(text).format(
        whole=whole,
        texts=texts_,
        words=_words(texts_),
        plain=hashed(sql.SQL("v"), folded=False),
        small=hashed(sql.SQL("v"), folded=True),
        shape=shape(sql.SQL("v")),
    )


def _words(texts_: Any) -> Any:
    """One to four words of p in a row. Cut at all signs, and of texts once more only at blanks, because a value may hold signs."""
    text = """select btrim(array_to_string(w[i:i + k], ' '), {edges}) as v from (
      select w, cardinality(w) as n from (
        select array_remove(string_to_array(translate(v, {signs}, {blanks}), ' ', ''), null) as w from (select v from p{texts}) p where v ~ {where} offset 0
      ) a
    ) b, generate_series(1, n) i, generate_series(0, least(3, n - i)) k"""
    variants = ((SIGNS, "[ {}=|,;:\\[\\]]|[^[:alnum:]]$", sql.SQL("")), (BLANKS, "[,;:].* | .*[,;:]|@.*[,;:]", texts_))
    made = [
        sql.SQL(text).format(edges=sql.Literal(EDGES), signs=sql.Literal(signs), blanks=sql.Literal(" " * len(signs)), where=sql.Literal(where), texts=only)
        for signs, where, only in variants
    ]
    return sql.SQL(" union all ").join(made)


def fits(field: Field) -> Any:
    return sql.SQL('{} collate "C" like {}').format(field.value, sql.Literal(field.form))


def counted(field: Field, *, fitting: bool) -> Any:
    """How many values are, or aren't, of the mask's form."""
    return sql.SQL("count(*) filter (where {}{})").format(sql.SQL("" if fitting else "not "), fits(field))
