# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows belong together, for every engine: the option `subset` read and checked, the graph of relations, the order of work.

An engine does three things with it, in SQL of its own:

1. `request, faults = read(document, tables, foreign_keys)`: `tables` is {full name: Table}, `foreign_keys` a list of Edge with
   `declared=True` (`proved=True` when the server enforces the key and has checked all rows). Refuse when `faults` has anything.
2. `order = arrange(request)`: two lists of `Component`, each in the order in which to work.
   - `order.down` (parents first) makes the *base* rows. A row of table T is a base row when it is a start row of T, or when
     T is whole (`order.whole`), or when an edge of `followed` leads from it to a base row that isn't there only because T's
     parent is whole. `component.into` are the edges that come from components done before, `component.inside` those within
     a cycle: there go round until nothing new comes. With `per_parent` or `total` only the first rows of an edge count, in
     the order of `newest`, else of a hash of the row's key.
   - `order.up` (children first) adds what integrity needs: for each edge that leaves a table (`component.out` to components
     that follow, `component.inside` to itself), the parents that rows of base and of what was added refer to. `implied()`
     tells edges for which base rows can't need anything. What is added brings no children.
3. Tables in neither list are `order.unreached`: empty in the target. `whole` ones are copied as they are.

A reference with a NULL in any of its columns refers to nothing (MATCH SIMPLE).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "in", "like", "null", "not_null")
INTEGERS = ("smallint", "integer", "bigint", "int", "tinyint", "mediumint")
TEXTS = ("text", "character varying", "varchar", "character", "char", "tinytext", "mediumtext", "longtext")


class Table(NamedTuple):
    name: str
    columns: Mapping[str, str]  # name: type as the server shows it
    key: tuple[str, ...]  # its primary key, else a unique key without NULL, else nothing
    rows: int  # as the server estimates


class Edge(NamedTuple):
    name: str  # child.column[,column]
    child: str
    columns: tuple[str, ...]
    parent: str
    references: tuple[str, ...]
    declared: bool = False
    proved: bool = False
    when: tuple[tuple[str, Any], ...] = ()  # the relation holds for rows with these values only
    follow: bool = True  # base rows of the parent bring their children
    per_parent: Optional[int] = None
    total: Optional[int] = None
    newest: str = ""
    constraint: str = ""

    @property
    def limited(self) -> bool:
        return self.per_parent is not None or self.total is not None


class Condition(NamedTuple):
    column: str
    op: str
    value: Any


class Start(NamedTuple):
    table: str
    where: tuple[Condition, ...] = ()
    sql: str = ""
    percent: Optional[float] = None
    newest: str = ""
    limit: Optional[int] = None


class Request(NamedTuple):
    tables: Mapping[str, Table]
    edges: tuple[Edge, ...]
    starts: tuple[Start, ...]
    reference: tuple[str, ...]
    unreached: str
    max_rows: Optional[int]


class Component(NamedTuple):
    tables: tuple[str, ...]
    cyclic: bool
    into: tuple[Edge, ...]  # from components before it, in the direction of the work
    inside: tuple[Edge, ...]
    out: tuple[Edge, ...]  # to components after it


class Order(NamedTuple):
    down: tuple[Component, ...]
    up: tuple[Component, ...]
    whole: tuple[str, ...]
    unreached: tuple[str, ...]


def seed(key: str) -> int:
    """A number for the server's own hash functions: the choice of rows depends on the key, and tells nothing about it."""
    return int.from_bytes(hmac.new(key.encode("utf-8"), b"evenkeel/subset", hashlib.sha256).digest()[:7], "big")


def threshold(percent: float) -> int:
    """Hashes of 63 bits below it are in."""
    return min(int(percent * 2**63 / 100), 2**63 - 1)


# ---- the document


def read(document: Mapping[str, Any], tables: Mapping[str, Table], foreign_keys: Iterable[Edge]) -> tuple[Request, list[str]]:
    faults = _structure(document)
    if faults:
        return Request(tables, (), (), (), "none", None), faults
    edges = list(foreign_keys)
    for place, entry in enumerate(document.get("relations") or []):
        edge, more = _relation(entry, tables)
        faults += [f"subset.relations[{place}]: {fault}" for fault in more]
        edges += [edge] if edge else []
    edges, more = _directed(document, _named(edges), tables)
    faults += more
    starts = []
    for place, entry in enumerate(document["start"]):
        start, more = _start(entry, tables)
        faults += [f"subset.start[{place}]: {fault}" for fault in more]
        starts.append(start)
    reference = tuple(document.get("reference") or ())
    faults += [f"subset.reference: {_no_table(name, tables)}" for name in reference if name not in tables]
    request = Request(tables, tuple(edges), tuple(starts), reference, document.get("unreached") or "none", document.get("max_rows"))
    return request, faults or _cyclic_totals(request)


SHAPES = {
    "start": list,
    "limits": Mapping,
    "children": str,
    "follow": list,
    "stop": list,
    "relations": list,
    "reference": list,
    "unreached": str,
    "max_rows": int,
}


def _structure(document: Any) -> list[str]:
    if not isinstance(document, Mapping):
        return ["subset: a mapping is needed"]
    faults = [f"subset.{key}: unknown key; there are {', '.join(SHAPES)}" for key in document if key not in SHAPES]
    for key, shape in SHAPES.items():
        value = document.get(key)
        if value is not None and (not isinstance(value, shape) or isinstance(value, bool)):
            faults.append(f"subset.{key}: a {'mapping' if shape is Mapping else shape.__name__} is needed")
    if not document.get("start"):
        faults.append("subset.start: at least one entry is needed")
    allowed = {"children": ("all", "none"), "unreached": ("all", "none")}
    faults += [
        f"subset.{key}: found {document[key]!r}, allowed are {words}" for key, words in allowed.items() if document.get(key) and document[key] not in words
    ]
    if isinstance(document.get("max_rows"), int) and document["max_rows"] < 1:
        faults.append("subset.max_rows: a number from 1 is needed")
    return faults


def _no_table(name: Any, tables: Mapping[str, Table]) -> str:
    known = [other for other in tables if str(name).rsplit(".", 1)[-1] == other.rsplit(".", 1)[-1]]
    return f"no synchronized table is named {name!r}" + (f"; did you mean {known[0]}?" if known else "")


def _no_columns(table: Table, names: Iterable[Any]) -> list[str]:
    return [f"{table.name} has no column {name!r}" for name in names if name not in table.columns]


def _unknown(entry: Any, allowed: Sequence[str], needed: Sequence[str]) -> list[str]:
    if not isinstance(entry, Mapping):
        return [f"a mapping with {', '.join(needed)} is needed"]
    faults = [f"{key}: unknown key; there are {', '.join(allowed)}" for key in entry if key not in allowed]
    return faults + [f"{key} is needed" for key in needed if not entry.get(key)]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _relation(entry: Any, tables: Mapping[str, Table]) -> tuple[Optional[Edge], list[str]]:
    faults = _unknown(entry, ("from", "columns", "to", "references", "when"), ("from", "columns", "to", "references"))
    if faults:
        return None, faults
    faults = [_no_table(entry[side], tables) for side in ("from", "to") if entry[side] not in tables]
    if faults:
        return None, faults
    child, parent = tables[entry["from"]], tables[entry["to"]]
    columns, references = tuple(entry["columns"]), tuple(entry["references"])
    when, faults = _when(entry.get("when"), child)
    faults += _no_columns(child, columns) + _no_columns(parent, references)
    if len(columns) != len(references):
        faults.append(f"{len(columns)} columns can't refer to {len(references)}")
    if faults:
        return None, faults
    for column, other in zip(columns, references):
        here, there = child.columns[column], parent.columns[other]
        if family(here) != family(there):
            faults.append(f"{child.name}.{column} is {here}, {parent.name}.{other} is {there}; a relation needs columns of one type")
    return Edge(f"{child.name}.{','.join(columns)}", child.name, columns, parent.name, references, when=when), faults


def _when(entry: Any, child: Table) -> tuple[tuple[tuple[str, Any], ...], list[str]]:
    if entry is None:
        return (), []
    faults = _unknown(entry, ("column", "value"), ("column",))
    if faults or "value" not in entry:
        return (), [f"when: {fault}" for fault in faults or ["value is needed"]]
    return ((entry["column"], entry["value"]),), _no_columns(child, [entry["column"]])


def family(kind: str) -> str:
    """Types that compare without a loss have one family."""
    bare = re.sub(r"\s*\(.*?\)| unsigned| zerofill", "", kind).strip().lower()
    return "integer" if bare in INTEGERS else "text" if bare in TEXTS else bare


def _named(edges: list[Edge]) -> list[Edge]:
    """Two relations of the same columns get their parent (and condition) into the name."""
    plain = [edge.name for edge in edges]
    longer = [f"{edge.name}->{edge.parent}" if plain.count(edge.name) > 1 else edge.name for edge in edges]
    full = [f"{name}[{edge.when[0][1]}]" if longer.count(name) > 1 and edge.when else name for name, edge in zip(longer, edges)]
    return [edge._replace(name=name) for name, edge in zip(full, edges)]


def _directed(document: Mapping[str, Any], edges: list[Edge], tables: Mapping[str, Table]) -> tuple[list[Edge], list[str]]:
    faults: list[str] = []

    def find(name: Any, where: str) -> list[int]:
        found = [place for place, edge in enumerate(edges) if name in (edge.name, f"{edge.child}.{edge.constraint}")]
        if not found:
            known = ", ".join(sorted(edge.name for edge in edges)) or "none"
            faults.append(f"subset.{where}: no relation is named {name!r}; there are {known}")
        return found

    default = document.get("children", "all") != "none"
    edges = [edge._replace(follow=default) for edge in edges]
    for where, follow in (("follow", True), ("stop", False)):
        for name in document.get(where) or []:
            for place in find(name, where):
                edges[place] = edges[place]._replace(follow=follow)
    for name, entry in (document.get("limits") or {}).items():
        words = {"per_parent": entry} if not isinstance(entry, Mapping) else dict(entry)
        for place in find(name, "limits"):
            more = _unknown(words, ("per_parent", "total", "newest"), ())
            more += [f"{key}: a number from 1 is needed" for key in ("per_parent", "total") if key in words and not _is_count(words[key])]
            more += _no_columns(tables[edges[place].child], [words["newest"]] if words.get("newest") else [])
            more += [] if "per_parent" in words or "total" in words else ["per_parent or total is needed"]
            faults += [f"subset.limits.{name}: {fault}" for fault in more]
            if not more:
                edges[place] = edges[place]._replace(**words)
    return edges, faults


def _start(entry: Any, tables: Mapping[str, Table]) -> tuple[Start, list[str]]:
    faults = _unknown(entry, ("table", "where", "sql", "percent", "newest"), ("table",))
    if faults:
        return Start(""), faults
    table = tables.get(entry["table"])
    if table is None:
        return Start(""), [_no_table(entry["table"], tables)]
    where, faults = _conditions(entry.get("where") or [], table)
    percent, newest = entry.get("percent"), entry.get("newest")
    if percent is not None and (isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 < percent <= 100):
        faults.append("percent: a number above 0, up to 100, is needed")
    if entry.get("sql") is not None and not (isinstance(entry["sql"], str) and entry["sql"].strip()):
        faults.append("sql: one expression as text is needed")
    if newest is not None:
        more = _unknown(newest, ("column", "count"), ("column", "count"))
        more = more or _no_columns(table, [newest["column"]]) + ([] if _is_count(newest["count"]) else ["count: a number from 1 is needed"])
        faults += [f"newest: {fault}" for fault in more]
    if faults:
        return Start(table.name), faults
    words = newest or {}
    return Start(table.name, where, (entry.get("sql") or "").strip(), percent, words.get("column", ""), words.get("count")), []


def _conditions(entries: Any, table: Table) -> tuple[tuple[Condition, ...], list[str]]:
    if not isinstance(entries, list):
        return (), ["where: a list of {column, op, value} is needed"]
    found, faults = [], []
    for entry in entries:
        more = _unknown(entry, ("column", "op", "value"), ("column",))
        if not more:
            op, value = entry.get("op", "="), entry.get("value")
            more = _no_columns(table, [entry["column"]])
            more += [] if op in OPERATORS else [f"op: found {op!r}, allowed are {' '.join(OPERATORS)}"]
            if op in OPERATORS:
                more += _value_faults(op, value)
            found.append(Condition(entry["column"], op, value))
        faults += [f"where: {fault}" for fault in more]
    return tuple(found), faults


def _value_faults(op: str, value: Any) -> list[str]:
    if op in ("null", "not_null"):
        return [] if value is None else [f"value: {op} takes none"]
    if op == "in":
        return [] if isinstance(value, list) and value and None not in value else ["value: `in` needs a list"]
    return [] if isinstance(value, (str, int, float)) else [f"value: {op} needs a text, a number or a boolean"]


def _cyclic_totals(request: Request) -> list[str]:
    """How many rows a cycle brings in all depends on where one starts to count: not deterministic, so refused."""
    inside = [edge for component in arrange(request).down for edge in component.inside]
    return [f"subset.limits.{edge.name}: total isn't possible in a cycle; use per_parent" for edge in inside if edge.total is not None]


# ---- the graph


def components(nodes: Iterable[str], arcs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Strongly connected components, so that every arc leads to the same or to a later one. Always in the same order."""
    after: dict[str, list[str]] = {node: [] for node in sorted(nodes)}
    for here, there in sorted(set(arcs)):
        after[here].append(there)
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    held: set[str] = set()
    found: list[tuple[str, ...]] = []
    for root in after:
        if root in number:
            continue
        walk = [(root, iter(after[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        held.add(root)
        while walk:  # by hand: a chain of tables may be longer than Python's stack
            node, rest = walk[-1]
            following = next((one for one in rest if one not in number or one in held), None)
            if following is None:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == number[node]:
                    place = stack.index(node)
                    found.append(tuple(sorted(stack[place:])))
                    held.difference_update(stack[place:])
                    del stack[place:]
            elif following in number:
                low[node] = min(low[node], number[following])
            else:
                number[following] = low[following] = len(number)
                stack.append(following)
                held.add(following)
                walk.append((following, iter(after[following])))
    return found[::-1]


def reach(begin: Iterable[str], arcs: Iterable[tuple[str, str]]) -> set[str]:
    after: dict[str, list[str]] = {}
    for here, there in arcs:
        after.setdefault(here, []).append(there)
    found, waiting = set(begin), list(begin)
    while waiting:
        fresh = set(after.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return found


def _layers(nodes: Collection[str], edges: Sequence[Edge], *, downwards: bool) -> tuple[Component, ...]:
    """Edges between the nodes, each as an arc in the direction of the work."""
    used = [(edge, *((edge.parent, edge.child) if downwards else (edge.child, edge.parent))) for edge in edges]
    used = [arc for arc in used if arc[1] in nodes and arc[2] in nodes]
    found = []
    for tables in components(nodes, [(here, there) for _edge, here, there in used]):
        into = tuple(edge for edge, here, there in used if there in tables and here not in tables)
        inside = tuple(edge for edge, here, there in used if there in tables and here in tables)
        out = tuple(edge for edge, here, there in used if there not in tables and here in tables)
        found.append(Component(tables, bool(inside), into, inside, out))
    return tuple(found)


def arrange(request: Request) -> Order:
    followed = [edge for edge in request.edges if edge.follow]
    below = reach({start.table for start in request.starts}, [(edge.parent, edge.child) for edge in followed])
    whole = set(request.reference)
    upwards = [(edge.child, edge.parent) for edge in request.edges]
    reached = reach(below | whole, upwards)
    if request.unreached == "all":
        whole |= set(request.tables) - reached
        reached = reach(reached | whole, upwards)
    return Order(
        down=_layers(below, followed, downwards=True),
        up=_layers(reached, request.edges, downwards=False),
        whole=tuple(sorted(whole)),
        unreached=tuple(sorted(set(request.tables) - reached)),
    )


def implied(edge: Edge, base: Sequence[Optional[Edge]]) -> bool:
    """Whether base rows of the edge's child can't need a parent: `base` holds the edge of each way into the base rows, None
    for start rows and whole tables. A row that came along this edge has its parent."""
    return bool(base) and all(way is not None and way == edge for way in base)


def guess_rows(request: Request, order: Order) -> dict[str, int]:
    """A rough number per table before anything was read: the share of its parents' rows that are in, at most all."""
    share: dict[str, float] = {}
    for start in request.starts:
        rows = max(request.tables[start.table].rows, 1)
        part = (start.percent if start.percent is not None else 100) / 100 * 0.3 ** len(start.where)
        part = min(part, start.limit / rows) if start.limit else part
        share[start.table] = min(1.0, share.get(start.table, 0.0) + part)
    for component in order.down:
        for edge in (*component.into, *component.inside):
            if edge.child != edge.parent:
                share[edge.child] = min(1.0, max(share.get(edge.child, 0.0), share.get(edge.parent, 0.0)))
    share.update(dict.fromkeys(order.whole, 1.0))
    found = {name: int(share.get(name, 0.0) * table.rows) for name, table in request.tables.items()}
    for component in order.up:
        for edge in component.into:
            if edge.parent not in share:
                found[edge.parent] = min(request.tables[edge.parent].rows, max(found[edge.parent], found[edge.child]))
    return found


def outline(request: Request, order: Order) -> dict[str, Any]:
    """For check mode: parents first, with rough numbers of rows."""
    rows = guess_rows(request, order)
    tables = [name for component in reversed(order.up) for name in component.tables]
    return {
        "tables": [{"name": name, "rows": rows[name], "of": request.tables[name].rows, "whole": name in order.whole} for name in tables],
        "edges": [describe(edge) for edge in request.edges if edge.child in tables],
        "cycles": [list(component.tables) for component in order.up if component.cyclic],
        "unreached": list(order.unreached),
    }


def describe(edge: Edge) -> dict[str, Any]:
    found: dict[str, Any] = {"edge": edge.name, "parent": edge.parent, "children": edge.follow, "declared": edge.declared}
    found.update({word: getattr(edge, word) for word in ("per_parent", "total", "newest") if getattr(edge, word)})
    return found
