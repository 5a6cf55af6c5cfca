# SPDX-License-Identifier: GPL-3.0-or-later
"""Any rule of a plan: in Python for a value or a column, as SQL of PostgreSQL for those masks that are more than one expression.

The SQL has two storeys. `inner` belongs into a sub-select over the table (alias t, OFFSET 0), where hashes are computed once;
`outer` puts the result together in the select over it (alias s). Neither holds a brace or a percent sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking import structural_table as table
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import element_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_json import mask_json, takes_numbers
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_json_sql import WHOLE, At, Scope, beneath, document, redacted, singles
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_leaf import Sources, digest, leaf_python
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_paths import tree
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import MaskingError

__all__ = ("Expression", "Row", "Sources", "by_value", "column_of", "expression", "is_structural", "value_of")

NOTHING: Mapping[int, str] = MappingProxyType({})
Row = table.Row
Refer = Callable[[str], str]
DIMENSIONS = 6  # of an array, at most
CHECKED_CASTS = 160000  # server_version_num from which a text can be tried as jsonb


class Expression(NamedTuple):
    inner: Mapping[str, str]  # name -> SQL over t
    outer: str  # SQL over s, of the column's own type but for a cast; NULL of the column stays NULL


def is_structural(rule: Rule) -> bool:
    """Whether its SQL is made here, and not by `TRANSFORMERS[mask].sql`."""
    return rule.mask in ("json", "array") or rule.table_level


def value_of(rule: Rule, value: Optional[str], *, key: str, entity: Optional[str] = None) -> Optional[str]:
    """One value by its rule, as text of PostgreSQL; `entity` is the text of the row's entity key."""
    if value is None or rule.mask is None:
        return value
    if rule.table_level:
        raise MaskingError(f"{rule.mask} needs all rows of its table; column_of() masks those.")
    if rule.mask == "json":
        return mask_json(value, tree(rule.leaves), _others(rule), lambda leaf, text: value_of(leaf, text, key=key, entity=entity))
    if rule.mask == "array":
        raise MaskingError("array: elements are masked one by one; array_of() does.")
    return leaf_python(rule, value, digest(rule, value, key=key, entity=entity))


def array_of(rule: Rule, values: Any, *, key: str) -> Any:
    """A list of texts, of any depth, by the rule of an array column."""
    if isinstance(values, list):
        return [array_of(rule, one, key=key) for one in values]
    return value_of(rule.leaves[0][1], values, key=key)


def column_of(rule: Rule, rows: Sequence[Row], *, key: str) -> list[Optional[str]]:
    """A whole column by a rule that needs one."""
    return table.shuffle(rows, rule, key=key) if rule.mask == "shuffle" else table.noise_total(rows, rule, key=key)


def _others(rule: Rule) -> str:
    return str(next(iter(rule.options["others"])))


def expression(
    rule: Rule,
    column: Column,
    *,
    sources: Sources,
    value: Callable[[str, str], str],
    refer: Refer,
    primary_key: Sequence[str] = (),
    version: int = 0,
    looked_up: Mapping[int, str] = NOTHING,
) -> Expression:
    """`value(storey, column)` is the SQL of a column in storey t or s, `refer(name)` that of an inner name in storey s,
    `primary_key` names the table's, `version` is the server's number, `looked_up` has masked texts of leaves in storey s."""
    here, there, sources = value("t", column.name), value("s", column.name), sources._replace(version=version)
    if rule.mask == "array":
        return Expression({}, _array(rule, column, there, sources))
    if rule.mask == "json":
        return _json(rule, column, here, there, Scope(refer, sources, _others(rule), looked_up=looked_up), version)
    ordered = sources.hash(f"domain/{rule.domain}", table.order_text([value("t", name) for name in primary_key]))
    group = [value("t", name) for name in rule.options.get("within", ())]
    if rule.mask == "shuffle":
        return Expression({"m": table.sql_shuffle(here, group, ordered)}, refer("m"))
    inner = table.sql_noise_total(here, group, ordered)
    return Expression(inner, table.sql_noise_sum(there, {name: refer(name) for name in inner}, rule))


def _array(rule: Rule, column: Column, value: str, sources: Sources) -> str:
    leaf = rule.leaves[0][1]
    text = "x.e::text"
    needed = "".join(f",{sql} as {name}" for name, sql in sources.hashes(leaf, text).items())
    masked = sources.masked(leaf, lambda name: f"y.{name}", v="y.v", own="y.e", column=element_of(column))
    element = f"case when y.e is null then null else ({masked})::{column.element} end"
    below = f"select x.e,x.o,{text} as v{needed} from unnest({value}) with ordinality as x(e,o) offset 0"  # noqa: S608
    flat = f"select array_agg({element} order by y.o) from ({below}) y"  # noqa: S608
    deep = f"select string_agg({_bounded(f'({element})::text', value)},',' order by y.o)::{column.element}[] from ({below}) y"  # noqa: S608
    return f"(case when array_ndims({value}) is null then {value} when array_ndims({value})=1 then ({flat}) else ({deep}) end)"


def _bounded(element: str, value: str) -> str:
    """An element of an array of several dimensions as its text has it: with the braces that begin and end before and after it."""
    sizes = [f"coalesce(array_length({value},{depth}),1)" for depth in range(1, DIMENSIONS + 1)]
    below = ["*".join(sizes[depth:]) for depth in range(DIMENSIONS)]

    def braces(brace: int, place: str) -> str:
        ends = "+".join(f"case when {depth + 1}<=array_ndims({value}) and mod({place},{size})=0 then 1 else 0 end" for depth, size in enumerate(below))
        return f"repeat(chr({brace}),{ends})"

    quoted = f"coalesce('\"'||replace(replace({element},E'\\\\',E'\\\\\\\\'),'\"',E'\\\\\"')||'\"','NULL')"
    return f"{braces(123, 'y.o-1')}||{quoted}||{braces(125, 'y.o')}"


def by_value(rule: Rule, column: Column, value: str, literal: Callable[[Any], str]) -> dict[int, tuple[Rule, str]]:
    """number -> (rule, SQL of its text) of the leaves of a jsonb whose mask depends on their text alone: it can be looked up."""
    if rule.mask != "json" or column.kind != "jsonb":
        return {}
    found = {}
    for number, text in singles(tree(rule.leaves), At(value), Scope(str, Sources(lambda _purpose, text: text, literal), _others(rule))).items():
        leaf = rule.leaves[number][1]
        if leaf.mask and leaf.hashed and leaf.by == "value" and not leaf.permuted and not takes_numbers(leaf):
            found[number] = (leaf, text)
    return found


def _json(rule: Rule, column: Column, here: str, there: str, scope: Scope, version: int) -> Expression:
    root, others, refer = tree(rule.leaves), scope.others, scope.refer
    if column.kind == "jsonb":
        inner = beneath(root, At(here), scope)
        if others == "mask":
            inner["b"] = redacted(here)
        made = document(At(there), At(refer("b") if others == "mask" else there), root, scope)
        return Expression(inner, f"(case when {there} is not null then {made} end)")
    if version and version < CHECKED_CASTS:
        raise MaskingError(f"json: {column.name} is a {column.type}; documents that aren't jsonb can be tried from PostgreSQL 16 on. Use redact, or null.")
    scope = Scope(lambda name: f"y.{name}", scope.sources, others)
    needed = "".join(f",{sql} as {name}" for name, sql in beneath(root, At("z.d"), scope).items())
    base = f",{redacted('z.d')} as b" if others == "mask" else ""
    made = document(At("y.d"), At("y.b" if base else "y.d"), root, scope)
    cast = f"case when pg_input_is_valid({there}::text,'jsonb') then {there}::text::jsonb end as d"
    below = f"select z.d{needed}{base} from (select {cast} offset 0) z offset 0"  # noqa: S608
    whole = f"select case when y.d is null then '{WHOLE}' else {made}::text end from ({below}) y"  # noqa: S608
    return Expression({}, f"(case when {there} is not null then ({whole}) end)")
