# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of an SSH signature, what `ssh-keygen -Y sign` writes (openssh-portable, PROTOCOL.sshsig). Nothing is verified here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from typing import NamedTuple

MAGIC = b"SSHSIG"
TOUCHED = 1
_ARMOUR = re.compile(rb"\s*-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*")


class Signature(NamedTuple):
    """`public` is the key (or certificate) that made it, `made` the signature itself; both are SSH strings of PROTOCOL.sshsig."""

    public: bytes
    namespace: bytes
    reserved: bytes
    algorithm: bytes
    made: bytes

    @property
    def type(self) -> str:
        return string(self.public)[0].decode("ascii", "replace")

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def parse(armoured: bytes) -> Signature:
    """ValueError for what is no SSHSIG of version 1."""
    match = _ARMOUR.fullmatch(armoured)
    try:
        blob = base64.b64decode(b"".join((match[1] if match else b"!").split()), validate=True)
        if blob[:6] != MAGIC or struct.unpack(">I", blob[6:10]) != (1,):
            raise ValueError("no SSHSIG of version 1")
        parts, rest = [], blob[10:]
        for _number in range(5):
            part, rest = string(rest)
            parts.append(part)
        string(parts[0])
    except (binascii.Error, struct.error) as exc:
        raise ValueError("no SSH signature") from exc
    if rest:
        raise ValueError("bytes after the end")
    return Signature(*parts)


def touched(signature: Signature) -> bool:
    """Whether somebody touched the token, where the key is on one. ssh-keygen -Y verify does not ask."""
    if not signature.type.startswith("sk-"):
        return True
    try:
        trailer = string(string(signature.made)[1])[1]
    except (ValueError, struct.error):
        return False
    return len(trailer) == 5 and bool(trailer[0] & TOUCHED)


def fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def string(data: bytes) -> tuple[bytes, bytes]:
    """(the SSH string at the beginning, what comes after it)."""
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise ValueError("cut short")
    return data[4 : 4 + length], data[4 + length :]
