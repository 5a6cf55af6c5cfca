# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an item may be shown: only the attributes that differ, and of a secret only that it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Item = Mapping[str, Any]
REDACTED, DIFFERS = "[REDACTED]", "differs"
TWO_KEYS = "the secrets were fingerprinted with different keys"


def is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("secret") is True


def whole(item: Item | None) -> dict[str, Any] | None:
    if item is None:
        return None
    return {name: REDACTED if is_secret(value) else value for name, value in attributes(item).items()}


def attributes(item: Item) -> dict[str, Any]:
    """A secret item as one whose attribute `secret` is the secret."""
    if not is_secret(item):
        return dict(item)
    marks = ("secret", "fingerprint", "key")
    return {"secret": {name: item.get(name) for name in marks}, **{name: value for name, value in item.items() if name not in marks}}


def difference(old: Item, new: Item) -> tuple[dict[str, Any], dict[str, Any], str]:
    """(attributes before, attributes after, why the rest cannot be told), each only with what differs."""
    left, right = attributes(old), attributes(new)
    for side, other in ((left, right), (right, left)):
        # What is a secret on one side alone was or became one: its plain form is nothing to print either.
        if is_secret(side.get("secret")) and not is_secret(other.get("secret")):
            _hide(other, side)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    unlike = ""
    for name in sorted({*left, *right}):
        a, b = left.get(name), right.get(name)
        if a == b and (name in left) == (name in right):
            continue
        if is_secret(a) and is_secret(b) and dict(a or {}).get("key") != dict(b or {}).get("key"):
            unlike = TWO_KEYS
            continue
        hidden = is_secret(a) or is_secret(b)
        if name in left:
            before[name] = REDACTED if hidden else a
        if name in right:
            after[name] = DIFFERS if hidden and name in left else REDACTED if hidden else b
    return before, after, unlike


def _hide(plain: dict[str, Any], secret: Mapping[str, Any]) -> None:
    for name in [name for name in plain if name not in secret]:
        del plain[name]
    plain["secret"] = {"secret": True, "fingerprint": None, "key": secret["secret"]["key"]}
