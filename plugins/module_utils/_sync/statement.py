# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL that masks a table inside the source. Names and constants are composed, the keys are session settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import DATE, TIMESTAMP, TRANSFORMERS
from ansible_collections.evenkeel.release.plugins.module_utils._sync.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import sql

Rules = Mapping[str, Rule]


def domains(tables: Mapping[str, Rules]) -> list[str]:
    return sorted({rule.domain for rules in tables.values() for rule in rules.values() if _hashed(rule)})


def _hashed(rule: Rule) -> bool:
    return bool(rule.mask) and TRANSFORMERS[rule.mask or ""].hashed


def _shaped(rule: Rule) -> bool:
    return "{b}" in TRANSFORMERS[rule.mask or ""].sql(rule.options) if _hashed(rule) else False


def hand_over(connection: Any, *, key: str, names: list[str]) -> None:
    """Subkeys as bound values of this transaction: in no SQL text, gone at its end."""
    for place, name in enumerate(names):
        for side, block in zip("io", pads(subkey(key, name))):
            setting = f"evenkeel.{side}{place}"
            connection.execute("select pg_catalog.set_config(%s, %s, true)", (setting, block.hex()), binary=False)


def _pad(side: str, place: int) -> Any:
    # A sub-select without references is computed once for a whole statement.
    return sql.SQL("(select decode(current_setting({}), 'hex'))").format(sql.Literal(f"evenkeel.{side}{place}"))


def _hash(column: str, place: int) -> Any:
    return sql.SQL("sha256({outer} || sha256({inner} || convert_to({value}::text, 'UTF8')))").format(
        outer=_pad("o", place), inner=_pad("i", place), value=sql.Identifier("t", column)
    )


def masked(column: Column, rule: Rule, *, number: int) -> Any:
    """The column's value after masking, of the column's own type."""
    value = sql.Identifier("s", column.name)
    kind = sql.SQL(column.type)  # format_type() quotes what needs it
    if not rule.mask:
        return value
    template = sql.SQL(TRANSFORMERS[rule.mask].sql(rule.options))
    words = {
        "h": sql.Identifier("s", f"{number}#h"),
        "b": sql.Identifier("s", f"{number}#b"),
        "v": sql.SQL("({}::text)").format(value),
        "constant": sql.Literal(str(rule.options.get("value", ""))),
    }
    result = template.format(**words)
    if rule.mask == "date_shift":
        unit = "({} + {})" if column.family == DATE else "({} + {} * interval '1 day')"
        result = sql.SQL(unit).format(value, result)
    whole = sql.SQL("case when {} is null then null else ({})::{} end").format(value, result, kind)
    return whole if column.family != TIMESTAMP or rule.mask != "date_shift" else sql.SQL("({})").format(whole)


def _inner(table: Table, rules: Rules, names: list[str], blocks: Optional[tuple[int, int]]) -> Any:
    wanted: list[Any] = [sql.Identifier("t", name) for name in table.stored]
    for number, column in enumerate(table.columns):
        rule = rules[column.name]
        if not column.generated and _hashed(rule):
            alias = sql.Identifier(f"{number}#h")
            wanted.append(sql.SQL("{} as {}").format(_hash(column.name, names.index(rule.domain)), alias))
        if not column.generated and _shaped(rule):
            value, alias = sql.Identifier("t", column.name), sql.Identifier(f"{number}#b")
            wanted.append(sql.SQL("convert_to({}::text, 'UTF8') as {}").format(value, alias))
    text = sql.SQL("select {} from only {} t").format(sql.SQL(", ").join(wanted), sql.Identifier(table.schema, table.name))
    if blocks is not None:
        text += sql.SQL(" where t.ctid >= {}::tid and t.ctid < {}::tid").format(sql.Literal(f"({blocks[0]},0)"), sql.Literal(f"({blocks[1]},0)"))
    # OFFSET 0 keeps the planner from pulling the hash up into every place that uses it.
    return text + sql.SQL(" offset 0")


def _columns(table: Table, rules: Rules) -> list[Any]:
    return [masked(column, rules[column.name], number=number) for number, column in enumerate(table.columns) if not column.generated]


def copy_out(table: Table, rules: Rules, names: list[str], blocks: tuple[int, int]) -> Any:
    return sql.SQL("copy (select {} from ({}) s) to stdout (format {})").format(
        sql.SQL(", ").join(_columns(table, rules)), _inner(table, rules, names, blocks), _format(table)
    )


def copy_in(table: Table, schema: str) -> Any:
    return sql.SQL("copy {} ({}) from stdin (format {})").format(
        sql.Identifier(schema, table.name), sql.SQL(", ").join(map(sql.Identifier, table.stored)), _format(table)
    )


def _format(table: Table) -> Any:
    return sql.SQL("binary" if table.builtin else "text")


def fingerprint(table: Table) -> Any:
    """(rows, text) that stays as long as nobody writes to the table: a version of a row never changes in its place, and
    whoever makes a new version signs it (xmin). The columns' numbers tell a column that was dropped and made again.
    A rewrite of the table (VACUUM FULL, CLUSTER) looks like a change; ten times cheaper than reading the values."""
    place = sql.SQL("{}::oid").format(sql.Literal(table.oid))
    return sql.SQL(
        "select count(*), concat_ws(' ', sum(hashtidextended(t.ctid, t.xmin::text::bigint)), pg_relation_filenode({place}), "
        "(select string_agg(a.attnum::text, ',' order by a.attnum) from pg_attribute a where a.attrelid = {place} and a.attnum > 0 and not a.attisdropped)) "
        "from only {table} t"
    ).format(place=place, table=sql.Identifier(table.schema, table.name))


def leaks(table: Table, rules: Rules, names: list[str], *, sample: int) -> tuple[list[str], Any]:
    """(columns, a query that counts the masked values equal to their source): computed in the source, counts only."""
    checked: list[str] = []
    counts: dict[str, Any] = {}
    for number, column in enumerate(table.columns):
        rule = rules[column.name]
        if not rule.mask or not _hashed(rule):
            continue
        checked.append(column.name)
        value = sql.Identifier("s", column.name)
        # Signs alone (an empty text, a dash) and endless dates hold nothing to hide.
        counts[column.name] = sql.SQL(
            "count(*) filter (where ({})::text = {}::text collate \"C\" and {}::text ~ '[^ ()*+,./-]' and {}::text not in ('infinity', '-infinity'))"
        ).format(masked(column, rule, number=number), value, value, value)
    inner = _inner(table, rules, names, None) + sql.SQL(" limit {}").format(sql.Literal(sample))
    wanted = sql.SQL(", ").join(counts.values()) if counts else sql.SQL("1")
    return checked, sql.SQL("select {} from ({}) s").format(wanted, inner)
