# SPDX-License-Identifier: GPL-3.0-or-later
"""`cosign sign-blob --key`: ECDSA P-256 over SHA-256 of the content, as base64 or inside a bundle.

Only the key is asked. What a bundle says of certificates and of the transparency log is not read.
"""

from __future__ import annotations

import json

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures import pem
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, BadSignatureError, Key, unbase64
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

ALLOWED = "the public key of cosign: ECDSA P-256 in PEM"


def check_key(key: Key) -> None:
    _public(key)


def key_id(key: Key) -> str:
    return "sha256:" + pem.fingerprint(_public(key))


def verify(subject: Subject, signature: bytes, key: Key) -> None:
    try:
        _public(key).verify(_der(signature), subject.digest("sha256"), ec.ECDSA(Prehashed(hashes.SHA256())))
    except InvalidSignature as exc:
        raise BadSignatureError("it is of another key, or does not fit the content") from exc


def _public(key: Key) -> ec.EllipticCurvePublicKey:
    found = pem.load(key.text, ALLOWED)
    if not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, ec.SECP256R1):
        raise BadKeyError(ALLOWED)
    return found


def _der(signature: bytes) -> bytes:
    """Of the bare base64, of a Sigstore bundle (messageSignature), or of cosign's older one (base64Signature)."""
    text: object = signature
    try:
        if signature.lstrip().startswith(b"{"):
            bundle = json.loads(signature)
            text = bundle["messageSignature"]["signature"] if "messageSignature" in bundle else bundle["base64Signature"]
        if not isinstance(text, (str, bytes)):
            raise ValueError("no text")
        return unbase64(text)
    except (ValueError, KeyError, TypeError) as exc:
        raise BadSignatureError("it is neither base64 nor a bundle of cosign sign-blob") from exc
