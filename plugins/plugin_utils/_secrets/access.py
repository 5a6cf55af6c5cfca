# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, Union

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.auth import METHODS
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError, fail

T = TypeVar("T")
Verify = Union[bool, str]


@dataclass(frozen=True)
class Access:
    """How to reach the server and who we are there. Two equal ones share a login."""

    url: str
    method: str
    credentials: tuple[tuple[str, str], ...] = field(repr=False)
    namespace: str = ""
    verify: Verify = True
    timeout: float = 10.0
    retries: int = 2
    concurrency: int = 8

    def secrets(self) -> list[str]:
        return [value for name, value in self.credentials if name in ("token", "secret_id")]

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Access:
        return cls(**{**data, "credentials": tuple((name, value) for name, value in data["credentials"])})


def access_from(options: Mapping[str, Any]) -> Access:
    """Check everything that can be checked without the server; all faults in one report."""
    faults: list[Fault] = []
    url = str(options.get("url") or "").rstrip("/")
    if not url.startswith(("http://", "https://")):
        faults.append(_url_fault(url))
    for name, least in (("timeout", 0.001), ("retries", 0), ("concurrency", 1)):
        if options[name] < least:
            faults.append(Fault("option", f"Option {name} is {options[name]}; the least allowed is {least}."))
    credentials = _collect(faults, lambda: _credentials(options))
    verify = _collect(faults, lambda: _verify(options))
    if faults or credentials is None or verify is None:
        raise SecretsError(faults)
    return Access(
        url=url,
        method=str(options["auth_method"]),
        credentials=tuple(sorted(credentials.items())),
        namespace=str(options.get("namespace") or ""),
        verify=verify,
        timeout=float(options["timeout"]),
        retries=int(options["retries"]),
        concurrency=int(options["concurrency"]),
    )


def _collect(faults: list[Fault], check: Callable[[], T]) -> T | None:
    try:
        return check()
    except SecretsError as exc:
        faults.extend(exc.faults)
        return None


def _url_fault(url: str) -> Fault:
    found = f"is {url!r}" if url else "is not set"
    return Fault(
        "option",
        f"The address of the secrets server {found}. Set url, evenkeel_vault_url, VAULT_ADDR or BAO_ADDR to an address such as https://vault.example.com:8200.",
    )


def _credentials(options: Mapping[str, Any]) -> dict[str, str]:
    method = METHODS.get(str(options["auth_method"]))
    if method is None:
        allowed = ", ".join(sorted(METHODS))
        raise fail("option", f"Option auth_method is {options['auth_method']!r}; allowed are {allowed}.")
    credentials: dict[str, str] = method.validate(options)
    return credentials


def _verify(options: Mapping[str, Any]) -> Verify:
    if not options.get("validate_certs", True):
        return False
    if not options.get("ca_cert"):
        return True
    # The broker works in another directory, so the path must not be relative.
    path = Path(str(options["ca_cert"])).expanduser().absolute()
    if not path.exists():
        raise fail("option", f"Option ca_cert: there is no {path}.")
    return str(path)
