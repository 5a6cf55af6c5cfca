# SPDX-License-Identifier: GPL-3.0-or-later
"""A fingerprint key from a transit engine: what it answers for a fixed text is the key, and its own key never leaves it."""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.keys import context_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.answers import Refusal, shared_fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError, fail
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.vault import Vault

ANSWER = re.compile(r"\w+:v[0-9]+:([A-Za-z0-9+/]{43}=)")
PART = re.compile(r"[A-Za-z0-9_.-]+")


class Transit(Vault):
    def derive(self, *, mount: str, name: str, term: str, version: int | None) -> str:
        text = base64.b64encode(context_of(term)).decode()

        def attempt() -> Any:
            engine = self._client.secrets.transit
            return engine.generate_hmac(name, hash_input=text, key_version=version, algorithm="sha2-256", mount_point=mount)["data"]["hmac"]

        found = ANSWER.fullmatch(str(self._call(attempt, lambda refusal: self._refused(refusal, mount, name))))
        if found is None:
            raise fail("server", f"The transit engine {mount} did not answer with an HMAC of SHA-256 for the key {name}.")
        return found.group(1)

    def _refused(self, refusal: Refusal, mount: str, name: str) -> Fault:
        shared = shared_fault(refusal, url=self.access.url)
        if shared is not None:
            return shared
        said = "; ".join(refusal.errors) or "no reason given"
        if refusal.status == 403:
            policy = f'path "{mount}/hmac/{name}" {{ capabilities = ["update"] }}'
            return Fault("forbidden", f"The transit key {mount}/{name} may not be used (403, {said}). The policy of this login needs: {policy}.")
        hint = f"'bao list {mount}/keys' shows the keys; 'bao write -f {mount}/keys/{name}' makes one."
        return Fault("absent", f"The transit key {mount}/{name} cannot be used ({refusal.status}: {said}). {hint}")


def from_transit(access: Access, *, mount: str, name: str, term: str, version: int | None = None) -> str:
    """Raises SecretsError or KeyFault. The login is given back at once."""
    context_of(term)
    for option, text in (("transit_mount", mount), ("transit_key", name)):
        if any(PART.fullmatch(part) is None for part in text.split("/")) or (option == "transit_key" and "/" in text):
            raise fail("option", f"Option {option} is {text!r}; allowed are letters, digits and _.-")
    vault = Transit(access)
    try:
        grant = vault.login()
        try:
            return vault.derive(mount=mount, name=name, term=term, version=version)
        finally:
            if grant.own and not grant.batch:
                with contextlib.suppress(SecretsError):
                    vault.revoke(grant.token)
    finally:
        vault.close()
