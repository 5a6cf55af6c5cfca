# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs checkpoints: an Ed25519 key as ssh-keygen or openssl make it."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import COSIGNATURE, ED25519, Key, signature_line, valid_name
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, load_ssh_private_key

ALLOWED = "an Ed25519 private key without a passphrase: ssh-keygen -t ed25519 -N '', or openssl genpkey -algorithm ed25519"


class Signer(NamedTuple):
    """A name and a private key; `kind` is what its signatures are: those of the ledger, or cosignatures of a witness."""

    key: Key
    private: Ed25519PrivateKey

    @staticmethod
    def load(name: str, text: str, *, kind: int = ED25519) -> Signer:
        """text: the key in OpenSSH's form or in PEM. Raises LedgerError, which never shows it."""
        if not valid_name(name):
            raise LedgerError(f"The name of a signing key is {name!r}, allowed: no spaces and no plus; a URL without its scheme is usual.")
        read = load_ssh_private_key if "OPENSSH" in text else load_pem_private_key
        try:
            private = read(text.strip().encode() + b"\n", None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # What the library says may show a part of the key.
            raise LedgerError(f"The signing key of {name} can't be read. Allowed: {ALLOWED}.") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise LedgerError(f"The signing key of {name} is of another kind. Allowed: {ALLOWED}.")
        return Signer(Key(name, kind, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)), private)

    def note(self, text: str) -> str:
        """The text with its first signature."""
        return f"{text}\n{self.line(text)}"

    def line(self, text: str, *, moment: int = 0) -> str:
        """One line of a signature; moment: seconds since 1970, of a cosignature."""
        if self.key.kind == COSIGNATURE:
            signed = self.private.sign(f"cosignature/v1\ntime {moment}\n{text}".encode())
            return signature_line(self.key, moment.to_bytes(8, "big") + signed)
        return signature_line(self.key, self.private.sign(text.encode()))
