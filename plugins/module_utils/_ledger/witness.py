# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A witness: a host that remembers the newest checkpoint of a ledger and signs a newer one only when it adds to that.

What it has signed is on its disk before anybody gets the signature. Ed25519 is openssl's, since Python's standard library has none.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import (
    COSIGNATURE,
    EMPTY,
    Checkpoint,
    Key,
    ProofError,
    Trust,
    consistent,
    hashes,
    signature_line,
    valid_name,
)

Run = Callable[[list[str]], tuple[int, bytes, str]]  # argv to (exit code, stdout, stderr)
# What stands before the 32 bytes of a public key in its DER form, RFC 8410.
SPKI = bytes.fromhex("302a300506032b6570032100")


class Openssl:
    """Ed25519 by the program; files are its only way for this kind of key."""

    def __init__(self, run: Run, program: str) -> None:
        self._run, self._program = run, program

    def public(self, path: str) -> bytes:
        code, found, fault = self._run([self._program, "pkey", "-in", path, "-pubout", "-outform", "DER"])
        if code or not found.startswith(SPKI):
            raise ProofError(f"{path} is no Ed25519 private key that openssl can read{': ' + fault.strip().splitlines()[0] if fault.strip() else ''}")
        return found[len(SPKI) :]

    def sign(self, path: str, text: bytes) -> bytes:
        with _Files({"text": text}) as files:
            code, made, fault = self._run([self._program, "pkeyutl", "-sign", "-inkey", path, "-rawin", "-in", files["text"]])
        if code or len(made) != 64:
            raise ProofError(f"openssl did not sign: {fault.strip() or 'it gave no Ed25519 signature'}")
        return made

    def fits(self, public: bytes, signature: bytes, text: bytes) -> bool:
        with _Files({"key": SPKI + public, "signature": signature, "text": text}) as files:
            argv = [self._program, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files["key"], "-rawin", "-in", files["text"]]
            code, said, _fault = self._run([*argv, "-sigfile", files["signature"]])
        return code == 0 and b"Verified Successfully" in said


class _Files:
    """Files that only we can read and that are gone afterwards."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents, self._folder = contents, tempfile.TemporaryDirectory(prefix="evenkeel-witness-")

    def __enter__(self) -> dict[str, str]:
        for name, content in self._contents.items():
            Path(self._folder.name, name).write_bytes(content)
        return {name: os.path.join(self._folder.name, name) for name in self._contents}

    def __exit__(self, *_exc: object) -> None:
        self._folder.cleanup()


class Witness:
    """name and key of the witness, and the folder where it remembers the ledgers that it knows."""

    def __init__(self, openssl: Openssl, *, name: str, key: str, state: str) -> None:
        if not valid_name(name):
            raise ProofError(f"the name of a witness is {name!r}, allowed: no spaces and no plus")
        self._openssl, self._path, self._state = openssl, key, Path(state)
        self.key = Key(name, COSIGNATURE, openssl.public(key))

    def seen(self, ledger: Key) -> Optional[Checkpoint]:
        place = self._place(ledger)
        return Checkpoint.parse(place.read_text(encoding="utf-8")) if place.exists() else None

    def cosign(self, ledger: Key, note: str, proof: Sequence[str], *, dry: bool = False) -> str:
        """The line of its signature; raises ProofError for whatever does not add to what it has seen."""
        new = Trust(ledger, fits=self._openssl.fits).checkpoint(note)
        with _Lock(self._state, dry=dry):
            old = self.seen(ledger)
            consistent(old.size if old else 0, new.size, old.root if old else EMPTY, new.root, hashes(proof))
            if dry:
                return ""
            if old is None or old.size < new.size:
                _keep(self._place(ledger), note)
        moment = int(time.time())
        signed = self._openssl.sign(self._path, f"cosignature/v1\ntime {moment}\n{new.note.text}".encode())
        return signature_line(self.key, moment.to_bytes(8, "big") + signed)

    def _place(self, ledger: Key) -> Path:
        # A name may have slashes; the key's own bytes keep two ledgers of one name apart.
        return self._state / hashlib.sha256(str(ledger).encode()).hexdigest()[:32]


class _Lock:
    """Two checkpoints at once must not both add to the same older one."""

    def __init__(self, folder: Path, *, dry: bool) -> None:
        self._folder, self._dry, self._descriptor = folder, dry, -1

    def __enter__(self) -> None:
        if self._dry:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_exc: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _keep(place: Path, note: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(note)
            stream.flush()
            os.fsync(handle)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
