# SPDX-License-Identifier: GPL-3.0-or-later
"""SSHSIG, what `ssh-keygen -Y sign -n evenkeel-artifact` writes (openssh-portable, PROTOCOL.sshsig).

The signed bytes are "SSHSIG", then as SSH strings: namespace, reserved, hash algorithm, hash of the content.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, BadSignatureError, Key, unbase64
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject
from ansible_collections.evenkeel.release.plugins.plugin_utils._ssh import sshsig
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

NAMESPACE = "evenkeel-artifact"
SMALLEST_RSA = 2048
_KEY = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+) ([A-Za-z0-9+/=]+)(?:\s|$)")
_CURVES: dict[str, hashes.HashAlgorithm] = {"nistp256": hashes.SHA256(), "nistp384": hashes.SHA384(), "nistp521": hashes.SHA512()}
_RSA: dict[bytes, hashes.HashAlgorithm] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
SK_ED25519 = "sk-ssh-ed25519@openssh.com"


def check_key(key: Key) -> None:
    _blob(key)


def key_id(key: Key) -> str:
    return sshsig.fingerprint(_blob(key))


def verify(subject: Subject, signature: bytes, key: Key) -> None:
    public, namespace, reserved, algorithm, made = _parse(signature)
    if public != _blob(key):
        raise BadSignatureError("it is of another key")
    wanted = key.namespace or NAMESPACE
    if namespace.decode("utf-8", "replace") != wanted:
        raise BadSignatureError(f"it was made for the namespace {namespace.decode('utf-8', 'replace')!r}, allowed: {wanted!r}")
    if algorithm not in (b"sha256", b"sha512"):
        raise BadSignatureError(f"it uses the hash {algorithm.decode('ascii', 'replace')!r}, allowed: sha256, sha512")
    signed = sshsig.MAGIC + b"".join(map(_packed, (namespace, reserved, algorithm, subject.digest(algorithm.decode()))))
    try:
        _check(public, made, signed)
    except (InvalidSignature, struct.error, UnsupportedAlgorithm, ValueError) as exc:
        raise BadSignatureError("it does not fit the content") from exc


def _check(public: bytes, made: bytes, signed: bytes) -> None:
    kind, rest = sshsig.string(public)
    name, after = sshsig.string(made)
    value, trailer = sshsig.string(after)
    if kind.decode() == SK_ED25519:
        _check_token(rest, name, value, trailer, signed)
        return
    if trailer:
        raise ValueError("bytes after the signature")
    loaded = load_ssh_public_key(kind + b" " + _base64(public).encode())
    if isinstance(loaded, ed25519.Ed25519PublicKey) and name == b"ssh-ed25519":
        loaded.verify(value, signed)
    elif isinstance(loaded, ec.EllipticCurvePublicKey) and name == kind:
        r, tail = sshsig.string(value)
        s, _end = sshsig.string(tail)
        der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        loaded.verify(der, signed, ec.ECDSA(_CURVES[kind.decode().rsplit("-", 1)[1]]))
    elif isinstance(loaded, rsa.RSAPublicKey) and name in _RSA:
        loaded.verify(value, signed, padding.PKCS1v15(), _RSA[name])
    else:
        raise ValueError("another algorithm than the key's")


def _check_token(rest: bytes, name: bytes, value: bytes, trailer: bytes, signed: bytes) -> None:
    """A key on a token signs hash(application), flags, counter and hash(message); bit 0 of the flags: somebody touched it."""
    raw, tail = sshsig.string(rest)
    application, _end = sshsig.string(tail)
    flags, _counter = struct.unpack(">BI", trailer)
    if name.decode() != SK_ED25519 or not flags & 1:
        raise ValueError("another algorithm, or nobody touched the token")
    message = hashlib.sha256(application).digest() + trailer + hashlib.sha256(signed).digest()
    ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(value, message)


def _parse(signature: bytes) -> sshsig.Signature:
    try:
        return sshsig.parse(signature)
    except ValueError as exc:
        raise BadSignatureError("it is no SSH signature (ssh-keygen -Y sign)") from exc


def _blob(key: Key) -> bytes:
    """Of `type base64`, or of a line of an allowed_signers file with principals and options before it."""
    match = _KEY.search(key.text.strip())
    if not match or "cert-authority" in key.text[: match.start()].lower():
        raise BadKeyError("an SSH public key, or a line of allowed_signers without cert-authority")
    try:
        blob = unbase64(match[2])
        kind, _rest = sshsig.string(blob)
        if kind.decode() != match[1]:
            raise ValueError("type and key differ")
        if match[1] != SK_ED25519:
            loaded = load_ssh_public_key(match[1].encode() + b" " + match[2].encode())
            if isinstance(loaded, rsa.RSAPublicKey) and loaded.key_size < SMALLEST_RSA:
                raise ValueError("too short")
    except (ValueError, struct.error, UnsupportedAlgorithm) as exc:
        raise BadKeyError("an SSH public key of type ssh-ed25519, ecdsa-sha2-*, ssh-rsa (2048 bits or more) or sk-ssh-ed25519@openssh.com") from exc
    return blob


def _packed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
