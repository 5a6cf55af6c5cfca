# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server's refusals mean. Pure: statuses and texts in, faults out; never a value of a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref


@dataclass(frozen=True)
class Refusal:
    """An answer that is not a success. `status` 0 is no answer at all: `errors` then holds the reason."""

    status: int
    errors: Sequence[str] = ()
    body: Mapping[str, Any] = field(default_factory=dict)

    def says(self, text: str) -> bool:
        return any(text in error.lower() for error in self.errors)


def shared_fault(refusal: Refusal, *, url: str) -> Fault | None:
    """Faults of the server or the way to it, the same whatever was asked; None when it is about the request."""
    said = "; ".join(refusal.errors) or "no reason given"
    if refusal.status == 0:
        return _no_answer(refusal, url=url)
    if refusal.says("sealed"):
        return Fault(
            "sealed",
            f"The secrets server {url} is sealed, so it can't decrypt anything. Check with 'bao status' (or 'vault "
            "status'), unseal it with 'bao operator unseal', then run again.",
        )
    if refusal.status == 501:
        return Fault("server", f"The secrets server {url} is not initialised. Run 'bao operator init' once, then unseal it.")
    if refusal.status == 429:
        return Fault(
            "busy",
            f"The secrets server {url} limits our rate (429) even after retries. Lower concurrency, or raise retries.",
        )
    if refusal.status >= 500:
        return Fault("server", f"The secrets server {url} answered {refusal.status} even after retries: {said}. See its log.")
    return None


def _no_answer(refusal: Refusal, *, url: str) -> Fault:
    said = "; ".join(refusal.errors) or "no reason given"
    if refusal.says("certificate") or refusal.says("ssl"):
        return Fault(
            "tls",
            f"The TLS connection to the secrets server {url} failed: {said}. Set ca_cert (VAULT_CACERT, BAO_CACERT) to "
            "the file of the authority that signed its certificate, and use the name the certificate was made for.",
        )
    return Fault(
        "unreachable",
        f"The secrets server {url} can't be reached: {said}. Check the address, that it runs, and any proxy or firewall between.",
    )


def login_fault(refusal: Refusal, *, url: str, method: str) -> Fault:
    said = "; ".join(refusal.errors) or "no reason given"
    shared = shared_fault(refusal, url=url)
    if shared is not None:
        return shared
    hint = {
        "approle": "Check role_id and secret_id (expired, used up, or of another role?), and auth_mount. "
        "A new secret id: 'bao write -f auth/approle/role/NAME/secret-id'.",
        "token": "The token is unknown, expired or revoked. Check with 'bao token lookup'.",
    }.get(method, "Check the credentials.")
    return Fault(
        "login",
        f"The secrets server {url} refused the login with auth_method {method} ({refusal.status}: {said}). {hint}",
    )


def read_fault(refusal: Refusal, ref: Ref, *, url: str) -> Fault:
    said = "; ".join(refusal.errors) or "no reason given"
    shared = shared_fault(refusal, url=url)
    if shared is not None:
        return shared
    if refusal.status == 403:
        return Fault(
            "forbidden",
            f"Reading {ref} was refused (403, permission denied). The policy of this login needs: "
            f'path "{ref.mount}/data/{ref.path}" {{ capabilities = ["read"] }}. '
            "(A path outside any mount is refused too.)",
        )
    if refusal.status == 404:
        return _absent(refusal, ref, url=url)
    return Fault("server", f"Reading {ref} failed ({refusal.status}: {said}).")


def _absent(refusal: Refusal, ref: Ref, *, url: str) -> Fault:
    metadata = (refusal.body.get("data") or {}).get("metadata") or {}
    if metadata:
        return _gone(metadata, ref)
    if refusal.says("no handler for route") or refusal.says("unsupported path"):
        return Fault(
            "absent",
            f"There is no KV secrets engine at mount {ref.mount!r} (asked for {ref}). Check mount; 'bao secrets list' shows them.",
        )
    hint = ""
    if ref.path.startswith(("data/", f"{ref.mount}/")):
        hint = f" The path starts below the mount: leave out {ref.path.split('/')[0] + '/'!r}."
    folder = ref.path.rpartition("/")[0]
    return Fault(
        "absent",
        f"There is no secret {ref} (404): mount {ref.mount!r}, path {ref.path!r}, server {url}.{hint} "
        f"'bao kv list -mount={ref.mount} {folder}' shows what is there; the mount must be a KV version 2 engine.",
    )


def _gone(metadata: Mapping[str, Any], ref: Ref) -> Fault:
    version = metadata.get("version")
    if metadata.get("destroyed"):
        return Fault("deleted", f"Secret {ref.mount}/{ref.path}: version {version} was destroyed. Write a new version.")
    return Fault(
        "deleted",
        f"Secret {ref.mount}/{ref.path}: version {version} was deleted at {metadata.get('deletion_time')}. "
        f"Bring it back with 'bao kv undelete -mount={ref.mount} -versions={version} {ref.path}', or write a new one.",
    )


def key_fault(ref: Ref, key: str, keys: Sequence[str]) -> Fault:
    there = ", ".join(sorted(keys)) or "none"
    return Fault("key", f"Secret {ref} has no key {key!r}. Keys it has: {there}.")
