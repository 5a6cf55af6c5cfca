# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan of masking is made of: columns and foreign keys as a catalog shows them, and the rule of each column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import rotation

TEXT, UUID, DATE, TIMESTAMP, NUMBER, JSON, ARRAY, IP = "text", "uuid", "date", "timestamp", "number", "json", "array", "ip"
FAMILIES = {
    "text": TEXT,
    "character varying": TEXT,
    "varchar": TEXT,
    "character": TEXT,
    "char": TEXT,
    "bpchar": TEXT,
    "citext": TEXT,
    "tinytext": TEXT,
    "mediumtext": TEXT,
    "longtext": TEXT,
    "uuid": UUID,
    "date": DATE,
    "datetime": TIMESTAMP,
    "timestamp": TIMESTAMP,
    "timestamp without time zone": TIMESTAMP,
    "timestamp with time zone": TIMESTAMP,
    "json": JSON,
    "jsonb": JSON,
    "inet": IP,
    "cidr": IP,
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "decimal", "real", "double precision"), NUMBER),
    **dict.fromkeys(("tinyint", "mediumint", "int", "double", "float"), NUMBER),
}


class Column(NamedTuple):
    name: str
    type: str  # as format_type() shows it, with its modifier; of MariaDB and MySQL COLUMN_TYPE
    not_null: bool
    generated: bool = False
    unique: str = ""  # "alone": a unique index (or primary key) over just this column; "part": one over more columns
    key: int = 0  # place in the primary key from 1; 0: no part of it
    labels: tuple[str, ...] = ()  # of an enum
    base: str = ""  # what a domain is made of, with its modifier
    element: str = ""  # type of an array's elements
    composite: bool = False
    identity: str = ""  # "a": always, "d": by default
    default: str = ""  # the expression
    sequence: str = ""  # schema.name of the sequence it owns
    collation: str = ""  # when it isn't the type's own
    checks: tuple[str, ...] = ()  # names of the check constraints, the domain's too

    @property
    def kind(self) -> str:
        """The type without its modifier; a domain's is that of its base."""
        return re.sub(r"\([^)]*\)", "", self.base or self.type).replace("  ", " ").replace(" unsigned", "").strip()

    @property
    def family(self) -> str:
        return ARRAY if self.element else FAMILIES.get(self.kind, "")

    @property
    def length(self) -> int:
        found = re.search(r"^(?:var)?char\w*(?: varying)?\((\d+)\)", self.base or self.type)
        return int(found.group(1)) if found else 0

    @property
    def scale(self) -> Optional[int]:
        """Digits after the point; None: as many as the value has, or a binary fraction."""
        if re.search(r"int", self.kind):
            return 0
        found = re.search(r"^(?:numeric|decimal)\(\d+(?:,\s*(-?\d+))?\)", self.base or self.type)
        return int(found.group(1) or 0) if found else None


class ForeignKey(NamedTuple):
    name: str
    table: str  # schema.table
    columns: tuple[str, ...]
    references: str  # schema.table
    keys: tuple[str, ...]  # the referenced columns, in the order of `columns`


class Rule(NamedTuple):
    mask: Optional[str]  # None: the column is kept, for a reason the policy gives
    domain: str
    options: Mapping[str, Any]
    by: str = "value"  # or "entity"
    entity: str = ""  # its name, when by is "entity"
    key: str = ""  # the column that tells the entity
    fallback: bool = False  # the entity's key may be NULL: such a row is masked by value
    hashed: bool = False  # a keyed hash of the value or of the entity is needed
    table_level: bool = False  # needs all rows of the table in one statement
    permuted: bool = False  # unique: true by a permutation: its key is {k}, no hash of the value is needed
    leaves: tuple[tuple[str, Rule], ...] = ()  # json: a rule for each path; array: one for the elements, its path is ""

    @property
    def purpose(self) -> str:
        """Which subkey its hash is made with."""
        if self.permuted:
            return f"unique/{self.domain}"
        return f"entity/{self.entity}" if self.by == "entity" else f"domain/{self.domain}"

    @property
    def purposes(self) -> tuple[str, ...]:
        """All subkeys its SQL needs."""
        found = [self.purpose] if self.hashed and not self.leaves else []
        if self.hashed and self.fallback:
            found.append(f"domain/{self.domain}")
        for _path, leaf in self.leaves:
            found.extend(leaf.purposes)
        return tuple(dict.fromkeys(found))

    @property
    def rotation(self) -> int:
        """Bytes by which the hash of an entity is rotated left, so that its columns don't tell of each other."""
        return rotation(self.domain) if self.by == "entity" else 0


class Plan(NamedTuple):
    tables: dict[str, dict[str, Rule]]
    faults: list[str]
    additions: list[str]  # lines of YAML that would cure the faults

    @property
    def rules(self) -> dict[str, dict[str, Rule]]:
        return self.tables

    @property
    def purposes(self) -> tuple[str, ...]:
        """Every subkey the plan needs, in a stable order."""
        return tuple(sorted({purpose for rules in self.tables.values() for rule in rules.values() for purpose in rule.purposes}))
