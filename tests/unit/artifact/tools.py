# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and signatures by the tools that people use: ssh-keygen, openssl, gpg. minisign's are made by hand after its documentation."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import Key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def run(*argv: str | Path, data: bytes | None = None, env: dict[str, str] | None = None) -> bytes:
    done = subprocess.run([str(each) for each in argv], input=data, capture_output=True, env={**os.environ, **(env or {})}, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass
class Ssh:
    folder: Path
    type: str = "ed25519"
    bits: str = ""

    def __post_init__(self):
        self.folder.mkdir(parents=True)
        self.key = self.folder / "key"
        run("ssh-keygen", "-q", "-t", self.type, *(["-b", self.bits] if self.bits else []), "-N", "", "-C", "build@example", "-f", self.key)

    def public(self, **options) -> Key:
        return Key("build", "ssh", (self.folder / "key.pub").read_text(), **options)

    def sign(self, path: Path, namespace: str = "evenkeel-artifact", hashed: str = "sha512") -> bytes:
        return run("ssh-keygen", "-Y", "sign", "-q", "-O", f"hashalg={hashed}", "-f", self.key, "-n", namespace, data=path.read_bytes())


@dataclass
class Openssl:
    folder: Path
    type: tuple[str, ...] = ("ED25519",)

    def __post_init__(self):
        self.folder.mkdir(parents=True)
        self.key = self.folder / "key.pem"
        run("openssl", "genpkey", "-algorithm", *self.type, "-out", self.key)

    def public(self, kind: str) -> Key:
        return Key("build", kind, run("openssl", "pkey", "-in", self.key, "-pubout").decode())

    def sign(self, path: Path) -> bytes:
        if self.type[0] == "ED25519":
            return run("openssl", "pkeyutl", "-sign", "-inkey", self.key, "-rawin", "-in", path)
        return base64.b64encode(run("openssl", "dgst", "-sha256", "-sign", self.key, path))


def cosign(folder: Path, curve: str = "P-256") -> Openssl:
    """What `cosign sign-blob --key` does, by openssl."""
    return Openssl(folder, ("EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"))


@dataclass
class Gpg:
    folder: Path

    def __post_init__(self):
        self.folder.mkdir(mode=0o700, parents=True)
        self("--passphrase", "", "--quick-gen-key", "Build <build@example>", "ed25519", "sign", "2y")
        listed = self("--with-colons", "--list-keys").decode().splitlines()
        self.fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def __call__(self, *arguments: str | Path, data: bytes | None = None) -> bytes:
        return run("gpg", "--homedir", self.folder, "--batch", "--no-tty", "--pinentry-mode", "loopback", *arguments, data=data)

    def public(self) -> Key:
        return Key("build", "gpg", self("--armor", "--export").decode(), fingerprint=self.fingerprint)

    def sign(self, path: Path, *options: str) -> bytes:
        return self("--armor", *options, "--detach-sign", "--output", "-", path)

    def revoke(self) -> None:
        """With the certificate that gpg makes beside each key; its first colon keeps it from being imported by accident."""
        text = next((self.folder / "openpgp-revocs.d").glob("*.rev")).read_text().replace(":-----BEGIN", "-----BEGIN")
        self("--import", data=text.encode())

    def stop(self) -> None:
        run("gpgconf", "--homedir", self.folder, "--kill", "all")


class Minisign:
    """minisign 0.11 without a key file: public key "Ed", number, key; signature "ED", number, Ed25519 over BLAKE2b-512."""

    def __init__(self, number: bytes = b"\x01\x02\x03\x04\x05\x06\x07\x08"):
        self.number = number
        self._key = Ed25519PrivateKey.generate()

    def public(self) -> Key:
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return Key("build", "minisign", f"untrusted comment: minisign public key\n{base64.b64encode(b'Ed' + self.number + raw).decode()}\n")

    def sign(self, path: Path, *, comment: str = "timestamp:1", legacy: bool = False) -> bytes:
        content = path.read_bytes()
        made = self._key.sign(content if legacy else hashlib.blake2b(content).digest())
        over_all = self._key.sign(made + comment.encode())
        head = base64.b64encode((b"Ed" if legacy else b"ED") + self.number + made).decode()
        return f"untrusted comment: x\n{head}\ntrusted comment: {comment}\n{base64.b64encode(over_all).decode()}\n".encode()
