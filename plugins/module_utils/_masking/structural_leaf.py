# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask of one text inside of something larger, in Python and as SQL of PostgreSQL."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.dialect_postgresql import PostgreSQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import entity_subkey, keyed, permutation_subkey, rotated, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural_values import PYTHON, SQL
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS

Literal = Callable[[Any], str]


class Sources(NamedTuple):
    """What a statement lends: hashes of texts, the row's entity, constants."""

    hash: Callable[[str, str], str]  # (purpose, SQL of a text) -> SQL of 32 bytes
    literal: Literal
    permutation: Callable[[str], str] = str  # domain -> SQL of the 32 bytes of its permutation's key; for unique: true in a value
    entity: str = ""  # SQL of the hash of the row's entity where the result is put together; "" when no rule is by entity
    version: int = 0  # of the server

    def hashes(self, rule: Rule, text: str) -> dict[str, str]:
        """What has to be computed beneath."""
        if not rule.hashed or rule.permuted or (rule.by == "entity" and not rule.fallback):
            return {}
        return {"h": self.hash(f"domain/{rule.domain}", text)}

    def hash_of(self, rule: Rule, refer: Callable[[str], str]) -> tuple[str, int]:
        """(SQL of the hash, or of the permutation's key; by how many bytes it has to be rotated still)."""
        if rule.permuted:
            return self.permutation(rule.domain), 0
        if not rule.hashed or rule.by == "value":
            return (refer("h") if rule.hashed else "null::bytea"), 0
        if not rule.fallback:
            return self.entity, rule.rotation
        r = rule.rotation
        turned = f"(substr({self.entity},{r + 1})||substr({self.entity},1,{r}))" if r else self.entity
        return f"coalesce({turned},{refer('h')})", 0

    def masked(self, rule: Rule, refer: Callable[[str], str], *, v: str, own: str = "", column: Optional[Column] = None) -> str:
        h, rotation = self.hash_of(rule, refer)
        return leaf_sql(rule, h=h, v=v, literal=self.literal, own=own, column=column, rotation=rotation, version=self.version)


def leaf_sql(
    rule: Rule,
    *,
    h: str,
    v: str,
    literal: Literal,
    own: str = "",
    column: Optional[Column] = None,
    rotation: int = 0,
    version: int = 0,
) -> str:
    """SQL of a text, or of the value's own type for a date; h, v and own (the value in its own type) may be used many times."""
    mask = rule.mask or ""
    if mask in SQL:
        return SQL[mask](h, v, rule.options, literal=literal, rotation=rotation)
    dialect = PostgreSQL(rotation=rotation, family=column.family if column else "text", version=version, lets=False)
    words = {"h": h, "k": h, "v": v, "s": own, "constant": literal(str(rule.options.get("value", "")))}
    return TRANSFORMERS[mask].sql(dialect, rule.options).format(**words)


def reads_text(rule: Rule) -> bool:
    """Whether its SQL looks at the text itself, and not only at the hash."""
    return "\0v" in leaf_sql(rule, h="", v="\0v", literal=lambda _value: "")


def digest(rule: Rule, text: str, *, key: str, entity: Optional[str] = None) -> bytes:
    """The hash that a mask is made of; `entity` is the text of the row's key."""
    if not rule.hashed:
        return b""
    if rule.permuted:
        return permutation_subkey(key, rule.domain)
    if rule.by == "value" or entity is None:
        return keyed(subkey(key, rule.domain), text)
    return rotated(keyed(entity_subkey(key, rule.entity), entity), rule.rotation)


def leaf_python(rule: Rule, text: str, h: bytes) -> Optional[str]:
    mask = rule.mask or ""
    if mask in PYTHON:
        return PYTHON[mask](h, text, rule.options)
    return TRANSFORMERS[mask].python(h, text, rule.options)
