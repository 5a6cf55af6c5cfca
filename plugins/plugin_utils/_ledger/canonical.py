# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 8785 bytes of plain data, and the hash that chains them."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import rfc8785

GENESIS = bytes(32)
SAFE_INTEGER = 2**53 - 1


def dumps(data: Any) -> bytes:
    """The canonical form. For data without floats, huge integers and keys beyond ASCII (RFC 8785 sorts by UTF-16 units) orjson
    gives the same bytes in a small part of the time; all else goes to the reference."""
    if _is_simple(data):
        try:
            return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            pass  # such as half of a surrogate pair: the reference tells it
    return rfc8785.dumps(data)


def _is_simple(data: Any) -> bool:
    """Looks at every value of every entry, so it is written to be fast: by exact types, without a call for what is no container."""
    # A tagged string of a template is not plain: it goes the slow way.
    kind = type(data)
    if kind is dict:
        for key, value in data.items():
            if type(key) is not str or not key.isascii():  # pylint: disable=unidiomatic-typecheck
                return False
            if type(value) is not str and not _is_simple(value):  # pylint: disable=unidiomatic-typecheck
                return False
        return True
    if kind is list:
        return all(map(_is_simple, data))
    if kind is int:
        return bool(-SAFE_INTEGER <= data <= SAFE_INTEGER)
    return kind is str or kind is bool or data is None


def link(previous: bytes, content: bytes) -> bytes:
    return hashlib.sha256(previous + content).digest()
