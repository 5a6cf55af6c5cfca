# SPDX-License-Identifier: GPL-3.0-or-later
"""A JSON document by paths, as SQL of PostgreSQL without any function of its own.

What a leaf needs (its text, the hash of it) is computed beneath, once for a row, or once for an element of a list; the document
is then put together from accessors only. But for the short way of document() no branch of SQL repeats another, so the text grows
with the paths, not with their depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_json import takes_numbers
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_leaf import Literal, Sources, reads_text
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_paths import Node
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import REDACTED

NULL = "'null'::jsonb"
REPLACED = f"'\"{REDACTED}\"'::jsonb"
WHOLE = f'"{REDACTED}"'
BRACKETS = "(91,123)"  # codes of the characters that the text of a list or an object begins with


class Scope(NamedTuple):
    """What the expressions of one storey may use."""

    refer: Callable[[str], str]  # SQL of what was computed beneath under this name
    sources: Sources
    others: str
    depth: int = 0
    looked_up: Mapping[int, str] = {}  # number of a leaf -> SQL of its masked text, where that is known already

    @property
    def literal(self) -> Literal:
        return self.sources.literal


class At(NamedTuple):
    """A place in a document."""

    document: str
    path: tuple[str, ...] = ()  # SQL of texts
    keys: bool = True  # no place in a list

    def below(self, step: object, scope: Scope) -> At:
        return At(self.document, (*self.path, scope.literal(str(step))), self.keys and isinstance(step, str))

    @property
    def json(self) -> str:
        return f"({self.document} #> array[{','.join(self.path)}])" if self.path else self.document

    @property
    def text(self) -> str:
        if self.keys and self.path:
            # Of objects alone; a path would also find the key '0' in a list.
            return f"({'->'.join([self.document, *self.path[:-1]])}->>{self.path[-1]})"
        return f"({self.document} #>> array[{','.join(self.path)}]::text[])"


def redacted(document: str) -> str:
    """SQL of a jsonb whose texts are hidden; names stay.

    Cut at its quotes, the text of a jsonb is by turns what stands outside and inside of them, once escaped quotes are put out of
    the way; control characters never stand there as themselves. What is inside, and is followed by no colon, gives way. A third
    of the time of regular expressions."""
    text = f"{document}::text"
    away = f"replace(replace({text},E'\\\\\\\\',E'\\x01'),E'\\\\\"',E'\\x02')"
    parts = f"select string_to_array(case when strpos({text},E'\\\\')>0 then {away} else {text} end,'\"') as p offset 0"
    piece = f"case when mod(u.o,2)=1 or left(u.n,1)=':' then u.e else '{REDACTED}' end"
    whole = f"select string_agg({piece},'\"' order by u.o) from ({parts}) q cross join lateral unnest(q.p,q.p[2:]) with ordinality as u(e,n,o)"  # noqa: S608
    return f"replace(replace(({whole}),E'\\x02',E'\\\\\"'),E'\\x01',E'\\\\\\\\')::jsonb"


def beneath(node: Node, at: At, scope: Scope) -> dict[str, str]:
    """name -> SQL of what the leaves that are no part of a list need."""
    return _beneath(node, at, scope, needed=bool(_usual(node, scope)))


def _beneath(node: Node, at: At, scope: Scope, *, needed: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    if node.rule is not None:
        if node.rule.mask is not None:
            if node.number not in scope.looked_up:
                found.update({f"{name}{node.number}": sql for name, sql in scope.sources.hashes(node.rule, at.text).items()})
            if reads_text(node.rule) or needed:
                found[f"v{node.number}"] = at.text
        return found
    for step, inner in (*node.keys.items(), *node.places.items()):
        found.update(_beneath(inner, at.below(step, scope), scope, needed=needed))
    return found


def singles(node: Node, at: At, scope: Scope) -> dict[int, str]:
    """number -> SQL of the text of the leaves that stand in objects alone."""
    if node.rule is not None:
        return {node.number: at.text} if at.path else {}
    found: dict[int, str] = {}
    for name, inner in node.keys.items():
        found.update(singles(inner, at.below(name, scope), scope))
    return found


def _usual(node: Node, scope: Scope, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], tuple[int, Rule]]:
    """The leaves by their paths, where a document that has them all as texts or numbers can be put together at once."""
    found: dict[tuple[str, ...], tuple[int, Rule]] = {}
    if scope.others == "drop" or node.places or node.each:
        return found
    for name, inner in node.keys.items():
        here = (*path, scope.literal(name))
        rule = inner.rule
        below = {here: (inner.number, rule)} if rule is not None and rule.mask and not takes_numbers(rule) else _usual(inner, scope, here)
        if not below:
            return {}
        found.update(below)
    return found


def document(value: At, base: At, node: Node, scope: Scope) -> str:
    """SQL of a masked document. What every row has, all leaves as single values, costs half of what asking each step for its kind does."""
    leaves = _usual(node, scope)
    general = walk(value, base, node, scope)
    if not leaves:
        return general
    texts = {path: f"({_masked(number, rule, scope)})::text" for path, (number, rule) in leaves.items()}
    top = {path: text for path, text in texts.items() if len(path) == 1}
    made = base.json
    if len(top) > 1:
        made = f"({made}||jsonb_object(array[{','.join(f'{path[0]},{text}' for path, text in top.items())}]))"
    for path, text in texts.items():
        if path not in top or len(top) == 1:
            made = f"jsonb_set({made},array[{','.join(path)}],coalesce(to_jsonb({text}),{NULL}),false)"
    # NULL, so the other way, where a leaf is missing or null.
    single = " and ".join(f"ascii({scope.refer(f'v{number}')}) not in {BRACKETS}" for number, _rule in leaves.values())
    return f"(case when {single} then {made} else {general} end)"


def walk(value: At, base: At, node: Node, scope: Scope) -> str:
    """SQL of the masked document; nobody looks at it where nothing is."""
    if node.rule is not None:
        return _leaf(value, node, node.rule, scope)
    if node.keys and scope.others == "drop":
        made = _dropping(value, node, scope)
    elif node.each:
        made = _each(value, base, node.each[0], scope)
    else:
        made = _setting(value, base, node, scope)
    return f"(case jsonb_typeof({value.json}) when '{node.kind}' then {made} when 'null' then {NULL} else {REPLACED} end)"


def _setting(value: At, base: At, node: Node, scope: Scope) -> str:
    made = base.json
    for step, inner in (*node.keys.items(), *node.places.items()):
        here = value.below(step, scope)
        path, below = f"array[{here.path[-1]}]", walk(here, base.below(step, scope), inner, scope)
        children = [*inner.keys.items(), *inner.places.items()]
        if len(children) == 1:
            # One way down: set the place below at once, which is cheaper than to build what is around it.
            last, leaf = children[0]
            deeper = here.below(last, scope)
            kind = f"case jsonb_typeof({here.json}) when '{inner.kind}'"
            lower = f"coalesce({walk(deeper, base.below(step, scope).below(last, scope), leaf, scope)},{NULL})"
            path = f"{kind} then array[{here.path[-1]},{deeper.path[-1]}] else {path} end"
            below = f"{kind} then {lower} when 'null' then {NULL} else {REPLACED} end"
        made = f"jsonb_set({made},{path},coalesce({below},{NULL}),false)"
    return made


def _dropping(value: At, node: Node, scope: Scope) -> str:
    parts = []
    for name, inner in node.keys.items():
        here = value.below(name, scope)
        below = walk(here, here, inner, scope)
        parts.append(f"(case when jsonb_exists({value.json},{here.path[-1]}) then jsonb_build_object({here.path[-1]},{below}) else jsonb_build_object() end)")
    return "(" + " || ".join(parts) + ")"


def _each(value: At, base: At, node: Node, scope: Scope) -> str:
    """Elements one by one: their own storey, numbered, so that lists may stand in lists."""
    element, other, row = f"e{scope.depth}", f"b{scope.depth}", f"y{scope.depth}"
    deeper = scope._replace(refer=lambda name: f"{row}.{name}", depth=scope.depth + 1)
    needed = beneath(node, At(f"x{scope.depth}.{element}"), deeper)
    wanted = "".join(f",{sql} as {name}" for name, sql in needed.items())
    two = scope.others == "mask"
    lists = f"rows from (jsonb_array_elements({value.json}){f',jsonb_array_elements({base.json})' if two else ''})"
    names = f"{element},{other},o" if two else f"{element},o"
    made = document(At(f"{row}.{element}"), At(f"{row}.{other if two else element}"), node, deeper)
    below = f"select x{scope.depth}.*{wanted} from {lists} with ordinality as x{scope.depth}({names}) offset 0"  # noqa: S608
    return f"coalesce((select jsonb_agg({made} order by {row}.o) from ({below}) {row}),jsonb_build_array())"  # noqa: S608


def _leaf(value: At, node: Node, rule: Rule, scope: Scope) -> str:
    if rule.mask is None:
        return value.json
    masked = _masked(node.number, rule, scope)
    kind = f"jsonb_typeof({value.json})"
    if takes_numbers(rule):
        return f"(case {kind} when 'number' then to_jsonb(({masked})::numeric) when 'null' then {NULL} else {REPLACED} end)"
    made = f"coalesce(to_jsonb(({masked})::text),{NULL})"
    return f"(case when {kind} in ('string','number','boolean') then {made} when {kind}='null' then {NULL} else {REPLACED} end)"


def _masked(number: int, rule: Rule, scope: Scope) -> str:
    known = scope.looked_up.get(number)
    return known or scope.sources.masked(rule, lambda name: scope.refer(f"{name}{number}"), v=scope.refer(f"v{number}"))
