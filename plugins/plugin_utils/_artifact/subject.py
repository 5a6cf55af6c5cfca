# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that signatures are checked against. Each hash is made once, however many signatures need it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

CHUNK = 1 << 20
# Ed25519 signs the content itself: it has to be in memory.
MOST_IN_MEMORY = 1 << 30


class Subject:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._digests: dict[str, bytes] = {}

    def digest(self, algorithm: str) -> bytes:
        if algorithm not in self._digests:
            self._digests[algorithm] = file_digest(self.path, algorithm)
        return self._digests[algorithm]

    def content(self) -> bytes:
        size = self.path.stat().st_size
        if size > MOST_IN_MEMORY:
            raise ArtifactError(
                f"{self.path} has {size} bytes: a signature over the content itself needs all of it in memory, at most {MOST_IN_MEMORY}."
                " Sign with a kind that hashes first: ssh, cosign, gpg, or minisign -H."
            )
        return self.path.read_bytes()


def file_digest(path: Path, algorithm: str = "sha256") -> bytes:
    digest = hashlib.new(algorithm)
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(CHUNK), b""):
            digest.update(block)
    return digest.digest()
