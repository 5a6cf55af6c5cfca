# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL that masks a table inside the source. Names and constants are composed, the keys are session settings.

A row climbs three storeys, each a sub-select that the planner can't pull up: t holds the table's columns and makes the hashes,
l what several masks or several places of one need, s the masks themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_postgresql import PostgreSQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, purpose_subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import TEXT, Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import Sources, by_value, expression, is_structural
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_values import SQL as TEXTS
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Leaf, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

Rules = Mapping[str, Rule]
Blocks = Optional[tuple[int, int]]
NOTHING = "nothing"  # instead of a condition: no row of this table
ENTITY = "#e"
SAMPLE = 30000  # rows whose values are masked beforehand where few differ


def domains(tables: Mapping[str, Rules]) -> list[str]:
    """The purposes of all subkeys that the statements of these tables need."""
    return sorted({purpose for rules in tables.values() for rule in rules.values() for purpose in rule.purposes})


def hand_over(connection: Any, *, key: str, names: list[str]) -> None:
    """Subkeys as bound values of this transaction: in no SQL text, gone at its end."""
    for place, name in enumerate(names):
        secret = purpose_subkey(key, name)
        blocks = {"k": secret} if name.startswith("unique/") else dict(zip("io", pads(secret)))
        for side, block in blocks.items():
            setting = f"evenkeel.{side}{place}"
            connection.execute("select pg_catalog.set_config(%s, %s, true)", (setting, block.hex()), binary=False)


def rows_of(table: Any, schema: Optional[str] = None) -> Any:
    """What stands after FROM: the rows of a table alone, or of all partitions of a root."""
    only = "" if getattr(table, "partitioned", False) else "only "
    return sql.SQL(only + "{}").format(sql.Identifier(schema or table.schema, table.name))


def _name(*parts: str) -> str:
    return str(sql.Identifier(*parts).as_string(None))


def _constant(value: Any) -> str:
    return str(sql.Literal(value).as_string(None)).strip()


def _handed(side: str, place: int) -> str:
    # A sub-select without references is computed once for a whole statement.
    return f"(select decode(current_setting('evenkeel.{side}{place}'),'hex'))"


def _hash(place: int, text: str) -> str:
    """HMAC-SHA-256 of a text, of built-in functions only. textsend() gives its bytes in UTF-8, as the session's encoding is."""
    return f"sha256({_handed('o', place)}||sha256({_handed('i', place)}||textsend({text})))"


class Statement:
    """Collects what the storeys hold; then it is put together once."""

    def __init__(self, table: Table, rules: Rules, names: list[str], *, mapped: Collection[str], origin: Any) -> None:
        self.table, self.rules, self.names, self.origin = table, rules, names, origin
        self.first: dict[str, str] = {}  # alias -> SQL over t
        self.second: dict[str, str] = {}  # alias -> SQL over l
        self.joins: list[Any] = []
        self.maps: list[Any] = []
        self.outer: dict[str, str] = {}
        # Nothing to compute but what is looked up: no storey is needed above the table's.
        self.mapped = mapped
        self.flat = bool(mapped) and all(self._looked_up(column, mapped) for column in table.columns if not column.generated)
        for number, column in enumerate(table.columns):
            if not column.generated:
                rule = rules[column.name]
                if column.name in mapped and mappable(column, rule):
                    self._map(number, column, rule)
                else:
                    self.outer[column.name] = self._masked(number, column, rule)

    def _looked_up(self, column: Column, mapped: Collection[str]) -> bool:
        rule = self.rules[column.name]
        return not rule.mask or (column.name in mapped and mappable(column, rule))

    def _place(self, purpose: str) -> int:
        return self.names.index(purpose)

    def _entity(self, purpose: str, key: str) -> None:
        self.first.setdefault(ENTITY, _hash(self._place(purpose), f"{_name('t', key)}::text"))

    def _masked(self, number: int, column: Column, rule: Rule) -> str:
        value = _name("t" if self.flat else "s", column.name)
        if not rule.mask:
            return value
        made = self._structural(number, column, rule) if is_structural(rule) else self._plain(number, column, rule)
        return _typed(made, column, value)

    def _structural(self, number: int, column: Column, rule: Rule) -> str:
        for _path, leaf in rule.leaves:
            if leaf.by == "entity" and leaf.hashed:
                self._entity(leaf.purpose, leaf.key)
        sources = Sources(
            hash=lambda purpose, text: _hash(self._place(purpose), text),
            literal=_constant,
            permutation=lambda domain: _handed("k", self._place(f"unique/{domain}")),
            entity=_name("s", ENTITY),
        )
        looked_up = {}
        for place, (leaf, text) in by_value(rule, column, _name("t", column.name), _constant).items():
            if leaf_name(column.name, place) in self.mapped:
                self._look_up(f"{number}#{place}", text, column._replace(type="text", base=""), leaf)
                looked_up[place] = _name("s", f"{number}#{place}w")
        found = expression(
            rule,
            column,
            looked_up=looked_up,
            sources=sources,
            value=_name,
            refer=lambda name: _name("s", f"{number}#{name}"),
            primary_key=[one.name for one in sorted(self.table.columns, key=lambda one: one.key) if one.key],
            version=self.table.version,
        )
        self.first.update({f"{number}#{name}": text for name, text in found.inner.items()})
        return found.outer

    def _plain(self, number: int, column: Column, rule: Rule) -> str:
        alias = self._hashed(number, column, rule) if rule.hashed and not rule.permuted else ""
        # What falls back to a hash of the value has been turned already.
        return self._template(number, column, rule, alias, rotation=0 if rule.fallback else rule.rotation)

    def _hashed(self, number: int, column: Column, rule: Rule) -> str:
        """The alias of the hash that the column's mask is made of."""
        own = _hash(self._place(f"domain/{rule.domain}"), f"{_name('t', column.name)}::text") if rule.by == "value" or rule.fallback else ""
        if rule.by == "value":
            self.first[f"{number}#h"] = own
            return f"{number}#h"
        self._entity(rule.purpose, rule.key)
        if not rule.fallback:
            return ENTITY
        key, places = _name("t", rule.key), rule.rotation
        turned = f"substr({_name('l', ENTITY)},{places + 1})||substr({_name('l', ENTITY)},1,{places})"
        self.first[f"{number}#v"] = f"case when {key} is null then {own} end"
        self.second[f"{number}#h"] = f"coalesce({_name('l', f'{number}#v')},{turned})"
        return f"{number}#h"

    def _template(self, number: int, column: Column, rule: Rule, alias: str, *, rotation: int) -> str:
        mask, storey = rule.mask or "", "s"
        value = f"{_name('s', column.name)}::text"
        if mask in TEXTS:
            return TEXTS[mask](_name(storey, alias) if alias else "null", value, rule.options, literal=_constant, rotation=rotation)
        # A hash of the second storey isn't there yet when the second storey's expressions need it.
        dialect = PostgreSQL(rotation=rotation, family=column.family, version=self.table.version, lets=alias not in self.second)
        template = TRANSFORMERS[mask].sql(dialect, rule.options)
        words = {
            "s": _name("s", column.name),
            "v": f"({value})",
            "h": _name("s", alias) if alias else "",
            "k": _handed("k", self._place(rule.purpose)) if rule.permuted else "",
            "constant": _constant(str(rule.options.get("value", ""))),
        }
        below = {**words, "s": _name("l", column.name), "v": f"({_name('l', column.name)}::text)", "h": _name("l", alias) if alias else ""}
        for name, text in dialect.lets.items():
            self.second[f"{number}#{name}"] = text.format(**below)
            words[name] = _name("s", f"{number}#{name}")
        return template.format(**words)

    def _map(self, number: int, column: Column, rule: Rule) -> None:
        name = self._look_up(f"{number}#", f"{_name('t', column.name)}::text", column, rule)
        shown = name if self.flat else _name("s", f"{number}#w")
        self.outer[column.name] = shown if column.type == "text" else f"({shown})::{column.type}"

    def _look_up(self, prefix: str, text: str, column: Column, rule: Rule) -> str:
        """Few different values: those of a sample are masked once, in a table of the statement's own, and looked up for every row.

        What the sample lacks is masked where it stands. A look at all rows first would keep the target waiting."""
        name, only = _name(f"{prefix}m"), column._replace(not_null=True, name="v", type="text")
        # Of the bytes alone: another collation may call different texts equal.
        value = f'({text} collate "C")'
        inner = Statement(self.table._replace(columns=[only]), {"v": rule}, self.names, mapped=(), origin=None)
        # Out of an array, as the planner takes a DISTINCT of an expression for as many rows as the table has, and makes room for them.
        distinct = sql.SQL("from unnest(array(select distinct {} {})) t(v) where t.v is not null").format(sql.SQL(value), self.origin)
        made = inner.select({"v": _name("s", "v"), "w": inner.outer["v"]}, stored=["v"], origin=distinct, where=sql.SQL(""))
        alone = inner.select({"w": inner.outer["v"]}, stored=["v"], origin=sql.SQL(f"from (select {value} as v) t"), where=sql.SQL(""))
        self.maps.append(sql.SQL("{} as materialized ({})").format(sql.SQL(name), made))
        self.joins.append(sql.SQL(f" left join {name} on {name}.v = {value}"))
        found = f"case when {name}.v is not null then {name}.w when {value} is not null then ({alone.as_string(None)}) end"
        self.first[f"{prefix}w"] = found
        return f"({found})"

    def select(self, wanted: Mapping[str, str], *, stored: list[str], origin: Any, where: Any) -> Any:
        """OFFSET 0 keeps the planner from pulling a storey up into every place that uses it."""
        listed = ", ".join(f"{text} as {_name(name)}" for name, text in wanted.items())
        maps = sql.SQL("with ") + sql.SQL(", ").join(self.maps) + sql.SQL(" ") if self.maps else sql.SQL("")
        if self.flat:
            return sql.SQL("{}select {} {}{}{}").format(maps, sql.SQL(listed), origin, sql.SQL("").join(self.joins), where)
        columns = [_name("t", name) for name in stored] + [f"{text} as {_name(alias)}" for alias, text in self.first.items()]
        storey = sql.SQL("select {} {}{}{} offset 0").format(sql.SQL(", ".join(columns)), origin, sql.SQL("").join(self.joins), where)
        if self.second:
            more = ", ".join(["l.*", *[f"{text} as {_name(alias)}" for alias, text in self.second.items()]])
            storey = sql.SQL("select {} from ({}) l offset 0").format(sql.SQL(more), storey)
        return sql.SQL("{}select {} from ({}) s").format(maps, sql.SQL(listed), storey)


def _typed(made: str, column: Column, value: str) -> str:
    """Of the column's own type; NULL stays NULL."""
    cast = made if column.type == "text" else f"({made})::{column.type}"  # format_type() quotes what needs it
    return cast if column.not_null else f"case when {value} is null then null else {cast} end"


def leaf_name(column: str, number: int) -> str:
    """Of a leaf of a JSON column among the columns that are looked up; no column's name holds a NUL."""
    return f"{column}\0{number}"


def leaf_texts(column: Column, rule: Optional[Rule]) -> dict[int, str]:
    """number -> SQL over t of the leaves of a JSON column that can be looked up."""
    found = by_value(rule, column, _name("t", column.name), _constant) if rule else {}
    return {place: text for place, (_leaf, text) in found.items()}


def mappable(column: Column, rule: Rule) -> bool:
    return bool(rule.mask) and rule.hashed and not is_structural(rule) and not rule.permuted and rule.by == "value" and column.family == TEXT


def light(table: Table, rules: Rules, *, mapped: Collection[str]) -> bool:
    """Whether no row has to be hashed: what is masked is looked up."""
    stored = [column for column in table.columns if not column.generated]
    return all(not rules[one.name].mask or (one.name in mapped and mappable(one, rules[one.name])) for one in stored)


def masked_select(
    table: Table,
    rules: Rules,
    names: list[str],
    *,
    condition: Any = None,
    blocks: Blocks = None,
    leaf: Optional[Leaf] = None,
    mapped: Collection[str] = (),
) -> Any:
    """SELECT of the stored columns, in the table's order and under their names, masked."""
    origin = sql.SQL("from {} t").format(rows_of(leaf or table))
    where = _where(blocks, condition)
    if not any(rules[name].mask for name in table.stored):
        return sql.SQL("select {} {}{}").format(sql.SQL(", ").join(sql.Identifier("t", name) for name in table.stored), origin, where)
    part = sql.SQL(" tablesample system ({}) repeatable (1)").format(sql.Literal(min(100.0, 100.0 * SAMPLE / max(table.rows, 1))))
    found = Statement(table, rules, names, mapped=mapped, origin=origin + part + where)
    return found.select(found.outer, stored=table.stored, origin=origin, where=where)


def _where(blocks: Blocks, condition: Any) -> Any:
    tests = []
    if blocks is not None:
        bounds = [sql.Literal(f"({block},0)") for block in blocks]
        tests.append(sql.SQL("t.ctid >= {}::tid and t.ctid < {}::tid").format(*bounds))
    if condition is not None:
        tests.append(sql.SQL("false") if condition == NOTHING else sql.SQL("({})").format(condition))
    return sql.SQL(" where ") + sql.SQL(" and ").join(tests) if tests else sql.SQL("")


def copy_out(
    table: Table,
    rules: Rules,
    names: list[str],
    *,
    blocks: Blocks = None,
    condition: Any = None,
    leaf: Optional[Leaf] = None,
    mapped: Collection[str] = (),
    binary: Optional[bool] = None,
    seal: Any = None,
) -> Any:
    text = masked_select(table, rules, names, condition=condition, blocks=blocks, leaf=leaf, mapped=mapped)
    if seal is not None:
        text = seal.wrap(text, table)  # sums up what passes, in the source
    return sql.SQL("copy ({}) to stdout (format {})").format(text, _format(table, binary))


def copy_in(table: Table, schema: str, *, name: Optional[str] = None, binary: Optional[bool] = None, freeze: bool = False) -> Any:
    return sql.SQL("copy {} ({}) from stdin (format {}{})").format(
        sql.Identifier(schema, name or table.name),
        sql.SQL(", ").join(map(sql.Identifier, table.stored)),
        _format(table, binary),
        sql.SQL(", freeze" if freeze else ""),
    )


def _format(table: Table, binary: Optional[bool]) -> Any:
    return sql.SQL("binary" if (table.builtin if binary is None else binary) else "text")
