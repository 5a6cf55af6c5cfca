# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of baselines: Ed25519 through ssh-keygen, so that a key may lie in a file, in an agent or on a token, and anybody can check by hand.

ssh-keygen -Y verify -f allowed_signers -I <principal> -n evenkeel-baseline -s v1.json.sig < v1.json
"""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._files import create
from ansible_collections.evenkeel.release.plugins.plugin_utils._ssh import keygen, sshsig

NAMESPACE = "evenkeel-baseline"
PRINCIPAL = "evenkeel"
TYPES = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com")


class SigningError(Exception):
    """Says what was done to which file, what was found, and what to do next."""


class Signer(NamedTuple):
    principal: str
    fingerprint: str


def make_key(key: Path, signers: Path | None) -> bool:
    """The default key and, unless None, the file that trusts it, once; False when the key is there. Several runs may start at the same moment."""
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = not key.exists()
    if made:
        with tempfile.TemporaryDirectory(dir=key.parent, prefix=".key-") as folder:
            fresh = Path(folder) / "key"
            _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PRINCIPAL, "-f", str(fresh)], doing=f"Making the signing key {key}")
            try:
                os.link(fresh, key)  # whoever comes second takes the key of the first
            except FileExistsError:
                made = False
    if signers and not signers.exists():
        line = f'{PRINCIPAL} namespaces="{NAMESPACE}" {_public_line(key)}\n'
        _write_new(signers, line)
    return made


def fingerprint_of(key: Path) -> str:
    """Of a private key, or of the public half of one that an agent holds."""
    return sshsig.fingerprint(base64.b64decode(_public_line(key).split()[1]))


def sign(data: bytes, *, key: Path) -> bytes:
    line = _public_line(key)
    if line.split()[0] not in TYPES:
        raise SigningError(f"Signing with {key} was refused: it is a key of type {line.split()[0]}, allowed: {', '.join(TYPES)}. Next: set drift_signing_key.")
    done = _run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE],
        doing=f"Signing a baseline with {key}",
        data=data,
        hint="Is its passphrase with an agent? Load the key with ssh-add and keep SSH_AUTH_SOCK in the environment.",
    )
    return done.stdout


def verify(data: bytes, signature: bytes, *, signers: Path, what: str) -> Signer:
    """Who signed; SigningError when nobody did who is allowed to, or when the data is not what was signed."""
    found = signer_of(signature, what)
    if not signers.is_file():
        raise SigningError(f"Checking {what} was refused: {signers} is missing, so no signer is known. Next: restore it, or set drift_allowed_signers.")
    with tempfile.TemporaryDirectory(prefix="evenkeel-") as folder:
        path = Path(folder) / "sig"
        path.write_bytes(signature)
        principals = _answer(["ssh-keygen", "-Y", "find-principals", "-s", str(path), "-f", str(signers)], b"")
        if not principals:
            raise SigningError(
                f"Checking {what} was refused: it is signed by {found}, whom {signers} does not list. Next: find out who did; only then list the key."
            )
        for principal in principals:
            command = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", principal, "-n", NAMESPACE, "-s", str(path)]
            if _answer(command, data):
                return Signer(principal, found)
    raise SigningError(
        f"Checking {what} was refused: the signature of {principals[0]} ({found}) does not fit its content. Next: find out who changed it, then take a new one."
    )


def signer_of(signature: bytes, what: str) -> str:
    """The fingerprint of the key that the signature names; whether it is right is for `verify` to say."""
    try:
        return sshsig.parse(signature).fingerprint
    except ValueError:
        raise SigningError(f"Checking {what} was refused: its signature is no SSH signature. Next: find out who changed it, then take a new one.") from None


def signers_line(key: Path) -> str:
    """What an allowed_signers file needs to trust this key."""
    return f'<who> namespaces="{NAMESPACE}" {_public_line(key)}'


def _public_line(key: Path) -> str:
    """`type base64`, from <key>.pub or from the key itself; the file may as well be the public half."""
    for path in (key, Path(f"{key}.pub")):
        text = path.read_text(errors="replace") if path.is_file() else ""
        if text.startswith(("ssh-", "sk-", "ecdsa-")):
            return " ".join(text.split()[:2])
    done = _run(["ssh-keygen", "-y", "-P", "", "-f", str(key)], doing=f"Reading the signing key {key}", hint=f"Keep its public half in {key}.pub.")
    return " ".join(done.stdout.decode().split()[:2])


def _run(command: Sequence[str], *, doing: str, data: bytes = b"", hint: str = "") -> subprocess.CompletedProcess[bytes]:
    try:
        done = keygen.call(command, data)
    except OSError as exc:
        raise SigningError(f"{doing} failed: ssh-keygen cannot be run ({exc.strerror}). Next: install OpenSSH 8.2 or newer on the controller.") from exc
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise SigningError(f"{doing} failed: {said or f'code {done.returncode}'}. {hint}".rstrip())
    return done


def _answer(command: Sequence[str], data: bytes) -> list[str]:
    """Lines of the answer; none when ssh-keygen says no."""
    try:
        done = keygen.call(command, data)
    except OSError as exc:
        raise SigningError(f"{' '.join(command[:3])} cannot be run ({exc.strerror}). Next: install OpenSSH 8.2 or newer on the controller.") from exc
    return done.stdout.decode(errors="replace").splitlines() if done.returncode == 0 else []


def _write_new(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    create(path, text.encode("utf-8"))
