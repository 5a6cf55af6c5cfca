# SPDX-License-Identifier: GPL-3.0-or-later
"""Bare Ed25519 over the content: `openssl pkeyutl -sign -rawin`. The signature is 64 bytes, or their base64."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures import pem
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, BadSignatureError, Key, unbase64
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALLOWED = "an Ed25519 public key in PEM"
LENGTH = 64


def check_key(key: Key) -> None:
    _public(key)


def key_id(key: Key) -> str:
    return "sha256:" + pem.fingerprint(_public(key))


def verify(subject: Subject, signature: bytes, key: Key) -> None:
    try:
        made = signature if len(signature) == LENGTH else unbase64(signature, length=LENGTH)
    except ValueError as exc:
        raise BadSignatureError("it is no Ed25519 signature: 64 bytes or their base64") from exc
    try:
        _public(key).verify(made, subject.content())
    except InvalidSignature as exc:
        raise BadSignatureError("it is of another key, or does not fit the content") from exc


def _public(key: Key) -> Ed25519PublicKey:
    found = pem.load(key.text, ALLOWED)
    if not isinstance(found, Ed25519PublicKey):
        raise BadKeyError(ALLOWED)
    return found
