# SPDX-License-Identifier: GPL-3.0-or-later
"""minisign (https://jedisct1.github.io/minisign): Ed25519 over BLAKE2b-512 of the content, or over the content itself in the old format.

The trusted comment is signed as well: by a second signature over the first one and the comment.
"""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, BadSignatureError, Key, unbase64
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UNTRUSTED, TRUSTED = "untrusted comment:", "trusted comment: "
PLAIN, PREHASHED = b"Ed", b"ED"


def check_key(key: Key) -> None:
    _public(key)


def key_id(key: Key) -> str:
    number, _raw = _public(key)
    return _told(number)


def _told(number: bytes) -> str:
    """As minisign prints it: without the zeros in front, which one key in sixteen has."""
    return f"{int.from_bytes(number, 'little'):X}"


def verify(subject: Subject, signature: bytes, key: Key) -> None:
    number, raw = _public(key)
    algorithm, signer, made, comment, over_all = _parse(signature)
    if signer != number:
        raise BadSignatureError(f"it is of another key, {_told(signer)}")
    signed = subject.digest("blake2b") if algorithm == PREHASHED else subject.content()
    public = Ed25519PublicKey.from_public_bytes(raw)
    try:
        public.verify(made, signed)
        public.verify(over_all, made + comment)
    except InvalidSignature as exc:
        raise BadSignatureError("it does not fit the content or its comment") from exc


def _parse(signature: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    lines = signature.decode("utf-8", "replace").splitlines()
    try:
        if len(lines) < 4 or not lines[0].startswith(UNTRUSTED) or not lines[2].startswith(TRUSTED) or any(line.strip() for line in lines[4:]):
            raise ValueError("not four lines")
        head = unbase64(lines[1], length=74)
        over_all = unbase64(lines[3], length=64)
        if head[:2] not in (PLAIN, PREHASHED):
            raise ValueError("another algorithm")
    except ValueError as exc:
        raise BadSignatureError("it is no minisign signature") from exc
    return head[:2], head[2:10], head[10:], lines[2][len(TRUSTED) :].encode(), over_all


def _public(key: Key) -> tuple[bytes, bytes]:
    """(key number, key) of the one line of base64, with or without the comment line above it."""
    lines = [line.strip() for line in key.text.splitlines() if line.strip() and not line.startswith(UNTRUSTED)]
    try:
        raw = unbase64(lines[0] if len(lines) == 1 else "!", length=42)
        if raw[:2] != PLAIN:
            raise ValueError("another algorithm")
    except ValueError as exc:
        raise BadKeyError("the public key of minisign: one line that begins with RW") from exc
    return raw[2:10], raw[10:]
