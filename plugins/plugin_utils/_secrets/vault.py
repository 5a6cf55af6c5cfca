# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file that talks to the server, and the only one that imports hvac; the broker loads it once a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import hvac
import urllib3
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.answers import (
    Refusal,
    login_fault,
    read_fault,
    shared_fault,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.auth import METHODS
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.grant import Grant
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.pins import Secret
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.transport import Transport
from hvac import exceptions

T = TypeVar("T")
STATUS: dict[type[Exception], int] = {
    exceptions.InvalidRequest: 400,
    exceptions.Unauthorized: 401,
    exceptions.Forbidden: 403,
    exceptions.InvalidPath: 404,
    exceptions.RateLimitExceeded: 429,
    exceptions.InternalServerError: 500,
    exceptions.VaultNotInitialized: 501,
    exceptions.BadGateway: 502,
    exceptions.VaultDown: 503,
}


class Vault:
    def __init__(self, access: Access) -> None:
        self.access = access
        self._session = Transport(access)
        # An empty token, or hvac would take the one of the user's environment.
        self._client = self._client_with("")

    def login(self) -> Grant:
        method = METHODS[self.access.method]

        def attempt() -> Grant:
            grant: Grant = method.login(self._client, dict(self.access.credentials))
            return grant

        grant = self._call(attempt, lambda refusal: login_fault(refusal, url=self.access.url, method=method.NAME))
        self._client.token = grant.token
        return grant

    def read(self, ref: Ref) -> Secret:
        def attempt() -> Secret:
            data = self._client.secrets.kv.v2.read_secret_version(ref.path, version=ref.version, mount_point=ref.mount, raise_on_deleted_version=True)["data"]
            return Secret(data["data"], int(data["metadata"]["version"]))

        return self._call(attempt, lambda refusal: read_fault(refusal, ref, url=self.access.url))

    def renew(self) -> int:
        """Seconds that the token lives from now; short of what was asked when its maximum is near."""
        answer = self._call(self._client.auth.token.renew_self, self._plain)
        return int(answer["auth"]["lease_duration"])

    def revoke(self, token: str) -> None:
        client = self._client_with(token)  # reads may still go on with a newer token
        self._call(client.auth.token.revoke_self, self._plain)

    def close(self) -> None:
        self._session.close()

    def _client_with(self, token: str) -> Any:
        access = self.access
        return hvac.Client(
            url=access.url,
            token=token,
            namespace=access.namespace or None,
            timeout=access.timeout,
            session=self._session,
        )

    def _plain(self, refusal: Refusal) -> Fault:
        shared = shared_fault(refusal, url=self.access.url)
        return shared or Fault("token", f"The secrets server refused our token ({refusal.status}).")

    def _call(self, act: Callable[[], T], explain: Callable[[Refusal], Fault]) -> T:
        try:
            return act()
        except (exceptions.VaultError, urllib3.exceptions.HTTPError) as exc:
            refusal = refusal_of(exc, timeout=self.access.timeout)
        raise SecretsError([explain(refusal).redact(self.access.secrets())])


def refusal_of(exc: Exception, *, timeout: float) -> Refusal:
    if isinstance(exc, exceptions.VaultError):
        status = next((code for kind, code in STATUS.items() if isinstance(exc, kind)), 520)
        body = exc.json if isinstance(exc.json, dict) else {}
        return Refusal(status, tuple(str(error) for error in exc.errors or ()), body)
    cause = _cause(exc)
    if isinstance(cause, urllib3.exceptions.SSLError):
        return Refusal(0, (f"certificate or TLS: {_words(cause)}",))
    if isinstance(cause, urllib3.exceptions.TimeoutError) and not isinstance(cause, urllib3.exceptions.NewConnectionError):
        return Refusal(0, (f"no answer within {timeout:g} s (option timeout)",))
    return Refusal(0, (_words(cause),))


def _cause(exc: Exception) -> Exception:
    """What the retries, and the tunnel of a proxy, ended with."""
    for holder in (urllib3.exceptions.MaxRetryError, urllib3.exceptions.ProxyError):
        inner = getattr(exc, "reason", None) or getattr(exc, "original_error", None)
        if isinstance(exc, holder) and isinstance(inner, Exception):
            exc = inner
    return exc


def _words(exc: Exception) -> str:
    """Without the address of an object in memory, which urllib3 puts first."""
    return re.sub(r"^.*?>: |^\w+\([^)]*\): ", "", str(exc)) or type(exc).__name__
