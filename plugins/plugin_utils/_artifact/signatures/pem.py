# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys in PEM, as openssl and cosign write them."""

from __future__ import annotations

import hashlib

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


def load(text: str, allowed: str) -> PublicKeyTypes:
    try:
        return load_pem_public_key(text.strip().encode() + b"\n")
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise BadKeyError(allowed) from exc


def fingerprint(key: PublicKeyTypes) -> str:
    """SHA-256 of the DER form: `openssl pkey -pubin -outform DER | sha256sum`."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
