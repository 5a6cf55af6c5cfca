# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption with a public key as MySQL's logins use it: RSA with OAEP (RFC 8017, SHA-1), from the key's PEM text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Optional

_SEQUENCE, _INTEGER, _BITS = 0x30, 0x02, 0x03


class KeyFault(ValueError):
    pass


def public_numbers(pem: bytes) -> tuple[int, int]:
    """(n, e) of a SubjectPublicKeyInfo."""
    lines = [line for line in pem.strip().split(b"\n") if line and not line.startswith(b"-----")]
    try:
        der = base64.b64decode(b"".join(lines), validate=True)
        info = _content(der, _SEQUENCE)[0]
        _algorithm, rest = _content(info, _SEQUENCE)
        key = _content(_content(rest, _BITS)[0][1:], _SEQUENCE)[0]
        modulus, rest = _content(key, _INTEGER)
        exponent = _content(rest, _INTEGER)[0]
    except (binascii.Error, IndexError) as exc:
        raise KeyFault("it is no public key of RSA") from exc
    numbers = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if numbers[0].bit_length() < 1024:
        raise KeyFault("its key has fewer than 1024 bits")
    return numbers


def _content(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """(content of the first element, what comes after it)"""
    if data[0] != tag:
        raise KeyFault("it is no public key of RSA")
    size, at = data[1], 2
    if size & 0x80:
        at = 2 + (size & 0x7F)
        size = int.from_bytes(data[2:at], "big")
    if at + size > len(data):
        raise KeyFault("it is no public key of RSA")
    return data[at : at + size], data[at + size :]


def encrypt(message: bytes, pem: bytes, seed: Optional[bytes] = None) -> bytes:
    n, e = public_numbers(pem)
    size = (n.bit_length() + 7) // 8
    length = hashlib.sha1(usedforsecurity=False).digest_size  # the protocol says SHA-1; here it is no signature
    if len(message) > size - 2 * length - 2:
        raise KeyFault("the password is too long for its key")
    seed = seed or os.urandom(length)
    empty = hashlib.sha1(b"", usedforsecurity=False).digest()
    block = empty + bytes(size - len(message) - 2 * length - 2) + b"\1" + message
    masked = _xor(block, _mask(seed, len(block)))
    padded = b"\0" + _xor(seed, _mask(masked, length)) + masked
    return pow(int.from_bytes(padded, "big"), e, n).to_bytes(size, "big")


def _mask(seed: bytes, size: int) -> bytes:
    out = b""
    counter = 0
    while len(out) < size:
        out += hashlib.sha1(seed + counter.to_bytes(4, "big"), usedforsecurity=False).digest()
        counter += 1
    return out[:size]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right))
