# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the masking algorithm: one subkey per domain, never the key itself, reaches a server."""

from __future__ import annotations

import hashlib
import hmac

CONTEXT = "evenkeel/mask/v1/"
BLOCK = 64  # bytes in a block of SHA-256
MINIMUM = 16


class KeyTooShort(ValueError):
    pass


def _key_bytes(key: str) -> bytes:
    raw = key.encode("utf-8")
    if len(raw) < MINIMUM:
        raise KeyTooShort(f"The masking key has {len(raw)} bytes; at least {MINIMUM} are needed. Take 32 random bytes as 64 hexadecimal digits.")
    return raw


def _derive(key: str, purpose: str) -> bytes:
    return hmac.new(_key_bytes(key), (CONTEXT + purpose).encode("utf-8"), hashlib.sha256).digest()


def key_id(key: str) -> str:
    """Names a key in records without telling anything about it."""
    return _derive(key, "key-id").hex()[:16]


def subkey(key: str, domain: str) -> bytes:
    return _derive(key, "domain/" + domain)


def pads(secret: bytes) -> tuple[bytes, bytes]:
    """The inner and the outer block of HMAC (RFC 2104) of a key of 32 bytes: all that SQL needs besides sha256()."""
    padded = secret.ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def keyed(secret: bytes, value: str) -> bytes:
    return hmac.new(secret, value.encode("utf-8"), hashlib.sha256).digest()


def fingerprint(key: str, text: str) -> str:
    """A digest that says whether two texts are equal to those who hold the key, and nothing to others."""
    return keyed(_derive(key, "fingerprint"), text).hex()
