# SPDX-License-Identifier: GPL-3.0-or-later
"""One column's mask as an expression over the row `t`; keyed hashes are kept in user variables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking import structural_json_mysql, structural_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect import placeholders
from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_mysql import MySQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, purpose_subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import literal, name

SAFE = frozenset(  # whose results hold nothing that a line of LOAD DATA must escape
    ("name", "first_name", "last_name", "city", "street", "company", "username", "email", "iban", "card", "token", "hash", "uuid", "text", "url", "mac", "ip")
)
HASHES = 600  # user variables of one statement, of each type
UTF8 = ("", "utf8mb4", "utf8mb3", "utf8", "ascii")


def purposes(tables: Mapping[str, Mapping[str, Rule]]) -> tuple[str, ...]:
    """Every subkey that the statements need."""
    found = {purpose for rules in tables.values() for rule in rules.values() for purpose in rule.purposes}
    found |= {f"unique/{rule.domain}" for rules in tables.values() for rule in rules.values() if rule.options.get("unique")}
    return tuple(sorted(found))


def keys(key: str, purposes: Sequence[str]) -> dict[str, bytes]:
    """{user variable: what SQL needs of a subkey}."""
    found = {}
    for purpose in purposes:
        raw = purpose_subkey(key, purpose)
        for side, block in zip("iok", (*pads(raw), raw)):
            found[f"evenkeel_{side}_{purpose}"] = block
    return found


TEXT = "evenkeel_u"
TYPES = {"h": "x''", "n": "cast(0 as unsigned)", "u": "''"}


def typed() -> str:
    """The types of variables must be known before a statement is prepared that uses them: bytes, numbers, texts."""
    return "set " + ", ".join(f"@{name(f'evenkeel_{kind}{number}')} = {zero}" for kind, zero in TYPES.items() for number in range(HASHES))


class Kept(dict[str, str]):
    """{user variable: expression} that a statement computes once per row, in this order."""

    def __init__(self, above: Optional[Kept] = None) -> None:
        super().__init__()
        self.numbers: Iterator[int] = above.numbers if above is not None else itertools.count()
        self.hashes: dict[str, str] = {}

    def free(self, kind: str) -> str:
        number = next(self.numbers)
        if number >= HASHES:
            raise SyncError(f"More than {HASHES} intermediate results are needed for one row of a table; mask fewer columns or paths by value in it.")
        return f"evenkeel_{kind}{number}"

    def hash(self, expression: str) -> str:
        if expression not in self.hashes:
            self.hashes[expression] = variable = self.free("h")
            self[variable] = expression
        return self.hashes[expression]

    def first(self) -> str:
        """SQL of an empty text, which computes all of them; empty when there are none."""
        # A text that can't be NULL isn't computed for IS NULL alone; of hashes and numbers the server never knows, and it's cheaper.
        forms = {True: "if(left(@{0} := {1}, 0) = '', '', '')", False: "if((@{0} := {1}) is null, '', '')"}
        return ", ".join(forms[variable.startswith(TEXT)].format(name(variable), text) for variable, text in self.items())


class Variables(MySQL):
    """Keeps in user variables what an expression needs more than once."""

    def __init__(self, kept: Kept, *, rotation: int, family: str) -> None:
        super().__init__(rotation=rotation, family=family)
        self.kept = kept
        self.numbers: dict[str, str] = {}

    def let(self, expression: str) -> str:
        if expression not in self.numbers:
            self.numbers[expression] = self.kept.free("n")
        return "@" + name(self.numbers[expression])

    def unless(self, first: str, second: str) -> str:
        variable = "@" + name(self.kept.free("u"))
        return f"if(cast(({variable}:={first}) as binary)=cast({{v}} as binary),{second},{variable})"


def variable(side: str, purpose: str) -> str:
    return "@" + name(f"evenkeel_{side}_{purpose}")


def keyed(purpose: str, value: str) -> str:
    """HMAC-SHA-256 (RFC 2104) of a text, as 32 bytes."""
    inner = f"unhex(sha2(concat({variable('i', purpose)},cast({value} as binary)),256))"
    return f"unhex(sha2(concat({variable('o', purpose)},{inner}),256))"


def text_of(table: Any, column: str, *, alias: str = "t") -> str:
    """The value as text of utf8mb4, as every engine would write it."""
    place = name(alias, column)
    if not table.charsets[column]:
        return f"cast({place} as char)"
    return place if table.charsets[column] in UTF8 else f"convert({place} using utf8mb4)"


class Row(NamedTuple):
    """What a mask may be made of besides its value: the row's entity, and what is computed once for it."""

    table: Any
    kept: Kept

    def entity(self, rule: Rule) -> str:
        return "@" + name(self.kept.hash(keyed(f"entity/{rule.entity}", text_of(self.table, rule.key))))

    def hash(self, rule: Rule, value: str, kept: Kept) -> str:
        """`kept`: of the row, or of an element of a list inside of its value."""
        if rule.by == "entity" and not rule.fallback:
            return self.entity(rule)
        other = "@" + name(kept.hash(keyed(f"domain/{rule.domain}", value)))
        if rule.by != "entity":
            return other
        found = self.entity(rule)
        turned = f"concat(substr({found},{rule.rotation + 1}),substr({found},1,{rule.rotation}))" if rule.rotation else found
        return f"if({name('t', rule.key)} is null, {other}, {turned})"

    def masked(self, rule: Rule, value: str, kept: Kept, *, own: str, family: str) -> str:
        """SQL of the mask of any text."""
        rotation = 0 if rule.fallback else rule.rotation
        if rule.mask in structural_mysql.SQL:
            h = self.hash(rule, value, kept) if rule.hashed else ""
            return structural_mysql.SQL[rule.mask](h, value, rule.options, literal=literal, rotation=rotation)
        dialect = Variables(kept, rotation=rotation, family=family)
        made = TRANSFORMERS[rule.mask or ""].sql(dialect, rule.options)
        needed = {word for text in (made, *dialect.numbers) for word in placeholders(text)}
        words = {
            "h": self.hash(rule, value, kept) if "h" in needed else "",
            "k": variable("k", f"unique/{rule.domain}"),
            "v": value,
            "s": own,
            "constant": literal(str(rule.options.get("value", ""))),
        }
        for text, number in dialect.numbers.items():
            kept[number] = text.format(**words)
        return made.format(**words)


class Storey:
    """What the SQL of a JSON mask may use: of the row, or of one element of a list."""

    def __init__(self, row: Row, kept: Kept) -> None:
        self.literal: Callable[[Any], str] = literal
        self.row = row
        self.kept = kept

    def keep(self, expression: str, kind: str = "u") -> str:
        variable = self.kept.free(kind)
        self.kept[variable] = expression
        return "@" + name(variable)

    def masked(self, rule: Rule, text: str) -> str:
        return "null" if rule.mask == "null" else self.row.masked(rule, text, self.kept, own=text, family="text")

    def below(self) -> Storey:
        return Storey(self.row, Kept(self.kept))

    def first(self) -> str:
        return self.kept.first() or "''"


def masked(table: Any, column: Column, rule: Rule, hashes: Kept) -> Optional[str]:
    """None: always NULL. `hashes` collects what has to be computed first."""
    if rule.mask == "null":
        return None
    row, value = Row(table, hashes), text_of(table, column.name)
    if rule.mask == "json":
        return structural_json_mysql.expression(rule, value, Storey(row, hashes))
    return row.masked(rule, value, hashes, own=name("t", column.name), family=column.family)


def faults(rule: Rule) -> list[str]:
    if not rule.mask or rule.mask == "json" or rule.mask in TRANSFORMERS or (rule.mask in structural_mysql.SQL and not rule.table_level):
        return []
    return [f"{rule.mask}: isn't there for MariaDB and MySQL; use another mask"]
