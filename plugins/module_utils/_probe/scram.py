# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Optional


class ScramError(Exception):
    pass


class ScramClient:
    def __init__(self, password: str, nonce: Optional[str] = None) -> None:
        self._password = password.encode()
        self._nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        self._bare = f"n=,r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        return b"n,," + self._bare.encode()

    def final(self, server_first: bytes) -> bytes:
        text = server_first.decode("ascii", "replace")
        try:
            fields = dict(part.split("=", 1) for part in text.split(","))
            nonce, salt, rounds = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        except (KeyError, ValueError, binascii.Error) as exc:
            raise ScramError("the server's SCRAM message is not readable") from exc
        if not nonce.startswith(self._nonce) or not 1 <= rounds <= 1_000_000:
            raise ScramError("the server's SCRAM message is not an answer to ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        without_proof = f"c=biws,r={nonce}"
        message = f"{self._bare},{text},{without_proof}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), message)
        proof = bytes(left ^ right for left, right in zip(client_key, signature))
        self._signature = _hmac(_hmac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        expected = b"v=" + base64.b64encode(self._signature)
        if not hmac.compare_digest(server_final.split(b",")[0], expected):
            raise ScramError("the server could not prove that it knows the password")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
