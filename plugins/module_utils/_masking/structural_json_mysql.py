# SPDX-License-Identifier: GPL-3.0-or-later
"""A JSON document by paths, as SQL of MariaDB and MySQL; the same value as structural_json makes, in the server's own text.

Every step is kept in a user variable, computed once per row in the order of the steps; every value between two steps is the text of
a JSON value, and NULL where a document lacks the place. A list is put together in a sub-select with steps of its own.
"""

from __future__ import annotations

import json
from typing import Protocol

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_json import takes_numbers
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_leaf import Literal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_paths import Node, tree
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import REDACTED

WHOLE = f"'\"{REDACTED}\"'"
NUMBERS = "('INTEGER','UNSIGNED INTEGER','DOUBLE','DECIMAL')"
EXACT = "^-?[0-9]{1,28}([.][0-9]{1,15})?$"  # what structural_mysql computes with
TWINS = 5  # names written more than once: so many of them give way to the last
# What the server takes for JSON, and no standard does: an unknown escape; a point without digits, a sign after a sign, a number
# beyond any numeric. The character zero is no text of a jsonb.
ESCAPES = r'\\(?:[^"\\/bfnrtu]|u0000)'
LONE = r"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F])"
BAD_NUMBERS = r"[0-9][.](?![0-9])|[eE][+]-|[eE][+]?(?:1[3-9]|[2-9][0-9])[0-9]{4}|[eE][+]?[0-9]{7}|[eE]-(?:1[6-9]|[2-9][0-9])[0-9]{3}|[eE]-[0-9]{6}"
STRINGS = r'"(?:[^"\\]|\\.)*+"'
NUMBER_LIKE = rf"(?:^|[:,\[])[ \t\r\n]*-?[0-9.eE+-]*?(?:{BAD_NUMBERS})"
ODD_NAME = r'[\\][^"]*"[ \t\r\n]*:'  # a name with an escape; or a text with one before a quote and a colon
NO_NAME = r"\x04[^\x05]*\x05(?![ \t\r\n]*:)"  # a text in brackets that no colon follows


class Storey(Protocol):
    """What a statement lends: one row of a table, or one element of a list."""

    literal: Literal

    def keep(self, expression: str, kind: str = "u") -> str:
        """A reference to the expression, which is computed before all that follows."""

    def masked(self, rule: Rule, text: str) -> str:
        """SQL of the mask of a text, which may be used several times."""

    def below(self) -> Storey:
        """For the elements of a list."""

    def first(self) -> str:
        """SQL of an empty text, which computes what is kept."""


def expression(rule: Rule, value: str, storey: Storey) -> str:
    """SQL of the document's text; `value` is SQL of the text of the column."""
    document = storey.keep(_checked(storey.keep(value), storey.literal))
    return Walk(str(next(iter(rule.options["others"])))).node(tree(rule.leaves), document, storey)


def _checked(text: str, literal: Literal) -> str:
    """The document, or a text in its place where Python finds none."""
    plain_text = f"replace({text},{literal(chr(92) * 2)},'__')"
    escaped = f"{plain_text} regexp {literal(ESCAPES)} or {plain_text} regexp {literal(LONE)}"
    # The second look costs the more the more texts there are: only where the first found something like it.
    number = f"{text} regexp {literal(NUMBER_LIKE)} and regexp_replace({text},{literal(STRINGS)},'') regexp {literal(BAD_NUMBERS)}"
    broken = f"not json_valid({text}) or (locate({literal(chr(92))},{text})>0 and ({escaped})) or ({number})"
    return f"if({text} is null,null,if({broken},{WHOLE},{text}))"


def redacted(text: str, literal: Literal) -> str:
    """A document whose texts are hidden; names stay. Control characters never stand in JSON as themselves: with escapes put out of
    the way every text is found whole, from its first quote on, and gets brackets that differ at its two ends."""
    away = f"replace(replace({text},{literal(chr(92) * 2)},x'02'),{literal(chr(92) + chr(34))},x'03')"
    bracketed = f"""regexp_replace(convert({away} using utf8mb4),'"([^"]*)"',{literal(chr(4) + chr(92) + "1" + chr(5))})"""
    hidden = f"regexp_replace({bracketed},{literal(NO_NAME)},{WHOLE})"
    back = f"replace(replace({hidden},x'04',x'22'),x'05',x'22')"
    back = f"replace(replace({back},x'03',{literal(chr(92) + chr(34))}),x'02',{literal(chr(92) * 2)})"
    return f"convert({back} using utf8mb4)"


def plain(number: str) -> str:
    """The text of a number without an exponent, as structural_json shows it."""
    mantissa = f"substring_index(trim(leading '-' from lower({number})),'e',1)"
    digits = f"replace({mantissa},'.','')"
    after = f"if(locate('.',{mantissa})>0,char_length({mantissa})-locate('.',{mantissa}),0)"
    scale = f"({after}-cast(substring_index(lower({number}),'e',-1) as signed))"
    padded = f"lpad({digits},greatest(char_length({digits}),{scale}+1),'0')"
    point = f"concat(left({padded},char_length({padded})-{scale}),'.',right({padded},{scale}))"
    body = f"regexp_replace(if({scale}<=0,concat({digits},repeat('0',-{scale})),{point}),'^0+(?=[0-9])','')"
    sign = f"if(left({number},1)='-' and {digits} regexp '[1-9]','-','')"
    without = f"if({number} regexp '^-[0.]+$',substr({number},2),{number})"
    return f"if({number} regexp '[eE]',concat({sign},{body}),{without})"


def path(step: object) -> str:
    return f"$[{step}]" if isinstance(step, int) else f"$.{json.dumps(step, ensure_ascii=False)}"


def quoted(text: str) -> str:
    """For JSON_TABLE, which takes no other literal. The session's mode is known: a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Walk:
    def __init__(self, others: str) -> None:
        self.others = others  # keep, mask or drop: the key of the policy's option

    def node(self, node: Node, document: str, storey: Storey) -> str:
        """SQL of the masked text of a place that is an object or a list."""
        kind = storey.keep(f"json_type({document})")
        if node.each:
            made = self.each(node.each[0], document, storey)
        elif node.keys:
            made = self.children(node, storey.keep(self.named(node, document, kind, storey)), storey)
        else:
            made = self.children(node, document, storey)
        wanted = "OBJECT" if node.keys else "ARRAY"
        return f"(case when {kind}='{wanted}' then {made} when {document} is null or {kind}='NULL' then {document} else {WHOLE} end)"

    def named(self, node: Node, document: str, kind: str, storey: Storey) -> str:
        """The object with each name of ours once, and in the one spelling that JSON_EXTRACT finds: of the same names, the last counts."""
        known = storey.keep("null")
        steps = [f"{known}:={document}"]
        for name in node.keys:
            at = storey.literal(path(name))
            twice = f"json_length(json_remove({known},{at},{at}))=json_length({known})-2"
            steps += [f"{known}:=if({twice},json_remove({known},{at}),{known})"] * TWINS
            steps.append(f"{known}:=if({twice},{WHOLE},{known})")
            there = f"json_length(json_remove({known},{at}))<json_length({known})"
            found = f"(select j.e from json_table({known},'$' columns(e json path {quoted(path(name))})) j)"  # noqa: S608 - nothing but literals and names of variables
            steps.append(f"{known}:=if({there},json_insert(json_remove({known},{at}),{at},json_extract({found},'$')),{known})")
        made = known
        for step in reversed(steps):
            made = f"if(({step}) is null,null,{made})"
        odd = f"json_length({document})<>json_length(json_keys({document})) or {document} regexp {storey.literal(ODD_NAME)}"
        return f"if({kind}='OBJECT' and ({odd}),{made},{document})"

    def children(self, node: Node, document: str, storey: Storey) -> str:
        parts = []
        for step, inner in (*node.keys.items(), *node.places.items()):
            here = storey.keep(f"json_extract({document},{storey.literal(path(step))})")
            if inner.rule is None:
                parts.append((step, here, self.node(inner, here, storey)))
            elif inner.rule.mask is not None or self.others != "keep":
                parts.append((step, here, self.leaf(inner.rule, here, storey)))
        if self.others == "drop":
            members = [
                f"if({here} is null,null,concat({storey.literal(json.dumps(step, ensure_ascii=False) + ': ')},coalesce({made},'null')))"
                for step, here, made in parts
            ]
            return f"concat('{{',concat_ws(', ',{','.join(members)}),'}}')"
        base = redacted(document, storey.literal) if self.others == "mask" else document
        changes = ",".join(f"{storey.literal(path(step))},json_extract({made},'$')" for step, _here, made in parts)
        return f"json_replace({base},{changes})" if changes else base

    def leaf(self, rule: Rule, here: str, storey: Storey) -> str:
        if rule.mask is None:
            return here
        kind = storey.keep(f"json_type({here})")
        number = f"{kind} in {NUMBERS}"
        if takes_numbers(rule):
            text = storey.keep(f"if({number},{plain(here)},null)")
            exact = f"{text} regexp '{EXACT}'"
            made = f"if({exact},{storey.masked(rule, storey.keep(f'if({exact},{text},null)'))},{WHOLE})"
        else:
            other = f"when {kind}='BOOLEAN' then {here} when {kind} in ('OBJECT','ARRAY','NULL') then null else json_unquote({here})"
            text = storey.keep(f"case when {number} then {plain(here)} {other} end")
            made = f"json_quote(cast({storey.masked(rule, text)} as char))"
        return f"(case when {text} is not null then {made} when {here} is null or {kind}='NULL' then {here} else {WHOLE} end)"

    def each(self, node: Node, document: str, storey: Storey) -> str:
        inner = storey.below()
        # No column for the element: a long text in it would make the server keep the list in a file.
        element = inner.keep(f"json_extract({document},concat('$[',j.o-1,']'))")
        made = self.node(node, element, inner) if node.rule is None else self.leaf(node.rule, element, inner)
        # Whatever cuts the text short, half a list is none.
        items = f"group_concat(concat({inner.first()},coalesce({made},'null')) order by j.o separator ', ')"
        rows = f"json_table({document},'$[*]' columns(o for ordinality)) j"
        whole = storey.keep(f"coalesce((select concat('[',{items},']') from {rows}),'[]')")  # noqa: S608
        return f"if(json_length({whole})=json_length({document}),{whole},{WHOLE})"
