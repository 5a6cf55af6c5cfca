# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the masking algorithm: one subkey per domain and per kind of entity; never the key itself reaches a server.

Another key is another algorithm to everyone who compares: it has another key_id(), every mask differs, and a target that was
filled under the old one has to be filled anew as a whole.
"""

from __future__ import annotations

import hashlib
import hmac

CONTEXT = "evenkeel/mask/v1/"
BLOCK = 64  # bytes in a block of SHA-256
MINIMUM = 16
ROTATIONS = 25  # a slice of eight bytes that begins at the first byte never runs over the end


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
    """Of the hashes of a domain's values."""
    return _derive(key, "domain/" + domain)


def entity_subkey(key: str, name: str) -> bytes:
    """Of the hashes of entities' keys: one hash per row gives the masks of all its columns."""
    return _derive(key, "entity/" + name)


def permutation_subkey(key: str, domain: str) -> bytes:
    """Of the permutation that unique: true stands for."""
    return _derive(key, "unique/" + domain)


def purpose_subkey(key: str, purpose: str) -> bytes:
    """By the name that a rule gives it: domain/…, entity/… or unique/…."""
    return _derive(key, purpose)


def rotation(domain: str) -> int:
    """Bytes by which an entity's hash is rotated left for the masks of a domain, so that two domains differ."""
    return hashlib.sha256(domain.encode("utf-8")).digest()[0] % ROTATIONS


def rotated(h: bytes, places: int) -> bytes:
    return h[places:] + h[:places]


def pads(secret: bytes) -> tuple[bytes, bytes]:
    """The inner and the outer block of HMAC (RFC 2104) of a key of 32 bytes: all that SQL needs besides sha256()."""
    padded = secret.ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def keyed(secret: bytes, value: str) -> bytes:
    return hmac.new(secret, value.encode("utf-8"), hashlib.sha256).digest()


def fingerprint(key: str, text: str) -> str:
    """A digest that says whether two texts are equal to those who hold the key, and nothing to others."""
    return keyed(_derive(key, "fingerprint"), text).hex()
