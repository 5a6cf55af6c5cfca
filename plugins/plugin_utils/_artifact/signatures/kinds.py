# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of signatures by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures import cosign, ed25519, gpg, minisign, ssh
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import Key
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject


class Kind(Protocol):
    """`check_key` raises BadKeyError, `verify` raises BadSignatureError; neither returns a verdict that could be overlooked."""

    def check_key(self, key: Key) -> None: ...

    def key_id(self, key: Key) -> str: ...

    def verify(self, subject: Subject, signature: bytes, key: Key) -> None: ...


KINDS: Mapping[str, Kind] = {"ssh": ssh, "minisign": minisign, "ed25519": ed25519, "cosign": cosign, "gpg": gpg}
