# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPGP through gpg, in a home of its own that holds this one key and is gone afterwards. Nobody's keyring is asked, no server either."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, BadSignatureError, Key
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject

TIMEOUT = 120
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
# A key or signature that is over, or a hash that is broken, is no good whatever else gpg says.
_REFUSED = {
    "BADSIG": "it does not fit the content",
    "NO_PUBKEY": "it is of another key",
    "EXPSIG": "it has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key is revoked by its owner",
}


def check_key(key: Key) -> None:
    if not _FINGERPRINT.fullmatch(key_id(key)):
        raise BadKeyError("a fingerprint of 40 or 64 hexadecimal digits beside the key")
    if "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in key.text:
        raise BadKeyError("an armoured public key: gpg --armor --export")


def key_id(key: Key) -> str:
    return key.fingerprint.replace(" ", "").upper()


def verify(subject: Subject, signature: bytes, key: Key) -> None:
    with tempfile.TemporaryDirectory(prefix="evenkeel-gpg-") as home:
        made = Path(home) / "signature"
        made.write_bytes(signature)
        imported = _gpg(home, ["--import"], key.text.encode())
        if not any(line.startswith("IMPORT_OK ") for line in imported):
            raise BadSignatureError("the policy's key could not be read by gpg")
        _judge(_gpg(home, ["--verify", str(made), str(subject.path)]), key_id(key))


def _judge(status: Sequence[str], wanted: str) -> None:
    for line in status:
        words = line.split()
        reason = _REFUSED.get(words[0]) if words else None
        if reason:
            raise BadSignatureError(reason)
    good = [line for line in status if line.startswith("GOODSIG ")]
    valid = [line.split() for line in status if line.startswith("VALIDSIG ")]
    if any(line.startswith("ERRSIG ") for line in status):
        raise BadSignatureError("it uses an algorithm or a hash that is no longer safe")
    if not good or len(valid) != 1:
        raise BadSignatureError("it is no OpenPGP signature, or more than one")
    # The last word is the primary key's fingerprint, the first that of the subkey that signed.
    if valid[0][-1].upper() != wanted:
        raise BadSignatureError(f"it is of another key, {valid[0][-1]}")


def _gpg(home: str, arguments: list[str], data: bytes = b"") -> list[str]:
    """Lines of the status protocol (GnuPG, doc/DETAILS)."""
    command = ["gpg", "--homedir", home, "--batch", "--no-tty", "--no-options", "--no-autostart", "--disable-dirmngr", "--no-auto-key-retrieve"]
    command += ["--trust-model", "always", "--weak-digest", "SHA1", "--weak-digest", "RIPEMD160", "--status-fd", "1", *arguments]
    try:
        done = subprocess.run(command, input=data, capture_output=True, env={**os.environ, "LC_ALL": "C"}, timeout=TIMEOUT, check=False)
    except OSError as exc:
        raise ArtifactError(f"A GPG signature can't be checked: gpg cannot be run ({exc.strerror}). Install GnuPG on the controller.") from exc
    except subprocess.TimeoutExpired as exc:
        raise ArtifactError(f"A GPG signature can't be checked: gpg gave no answer within {TIMEOUT} s.") from exc
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [line.removeprefix("[GNUPG:] ") for line in lines if line.startswith("[GNUPG:] ")]
