# SPDX-License-Identifier: GPL-3.0-or-later
"""One value, masked in Python exactly as the SQL of a data synchronization masks it in the source server."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking import keys
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import value_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS, MaskingError, Transformer, check

__all__ = ("mask_value", "masker")

Hash = Callable[[str], bytes]
Masker = Callable[[Optional[str], Optional[str]], Optional[str]]


@functools.lru_cache(maxsize=256)
def _hasher(key: str, purpose: str) -> Hash:
    """HMAC whose two halves are kept after their first block: what remains is a third of the work."""
    inner, outer = (hashlib.sha256(pad) for pad in keys.pads(keys.purpose_subkey(key, purpose)))

    def keyed(text: str) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(text.encode("utf-8"))
        second.update(first.digest())
        return bytes(second.digest())

    return functools.lru_cache(maxsize=4)(keyed) if purpose.startswith("entity/") else keyed  # one hash serves a whole row


_KNOWN: dict[tuple[str, str], Transformer] = {}


def _checked(name: str, options: Mapping[str, Any]) -> Transformer:
    """check(), once for each set of options: they are checked for every value else."""
    asked = (name, repr(options))
    if asked not in _KNOWN:
        if len(_KNOWN) >= 1024:
            _KNOWN.clear()
        _KNOWN[asked] = check(name, options)
    return _KNOWN[asked]


def mask_value(
    value: Optional[str],
    /,
    transformer: str,
    *,
    key: str,
    domain: Optional[str] = None,
    entity: Optional[str] = None,
    entity_name: Optional[str] = None,
    **options: Any,
) -> Optional[str]:
    """`value` is the text PostgreSQL shows for it (DateStyle ISO, TimeZone UTC); None is NULL and stays None.
    `entity` is the text of the entity's key, `entity_name` the name the policy gives to that kind of entity."""
    found = _checked(transformer, options)
    if (entity is None) != (entity_name is None):
        raise MaskingError("A mask by entity needs both: entity, the text of its key, and entity_name.")
    domain = domain or transformer
    hashed = _hasher(key, f"domain/{domain}" if entity_name is None else f"entity/{entity_name}")  # a key that is too short is refused for NULL, too
    if value is None:
        return None
    if options.get("unique") and not found.unique_bits:
        return found.python(keys.permutation_subkey(key, domain), value, options)
    if entity is None:
        return found.python(hashed(value), value, options)
    return found.python(keys.rotated(hashed(entity), keys.rotation(domain)), value, options)


def masker(rule: Rule, *, key: str) -> Masker:
    """A function of the text of a value and that of its row's entity key, for the many values of a column."""
    if rule.mask is None or rule.mask not in TRANSFORMERS:
        return lambda value, entity: value_of(rule, value, key=key, entity=entity)
    made, options, rotation = _checked(rule.mask, rule.options).python, rule.options, rule.rotation
    if rule.permuted:
        secret = keys.permutation_subkey(key, rule.domain)
        return lambda value, _entity: None if value is None else made(secret, value, options)
    by_value = _hasher(key, f"domain/{rule.domain}")
    by_entity = _hasher(key, rule.purpose) if rule.by == "entity" else None

    def mask(value: Optional[str], entity: Optional[str]) -> Optional[str]:
        if value is None:
            return None
        if by_entity is None or entity is None:
            return made(by_value(value), value, options)
        return made(keys.rotated(by_entity(entity), rotation), value, options)

    return mask
