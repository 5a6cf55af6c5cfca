# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of artifacts: what is allowed in one, and what of one may be shown."""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, unquote, urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

SCHEMES = ("http", "https", "file", "oci", "oci+http", "s3")
PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]


def parse(address: str) -> SplitResult:
    """Of an address with a scheme; never one that carries a password."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:
        raise ArtifactError("The address of the artifact can't be read: its host or port is wrong. Correct source.") from None
    if parts.scheme not in SCHEMES:
        raise ArtifactError(f"{shown(address)} has the scheme {parts.scheme!r}, allowed: {', '.join(SCHEMES)}, or a path.")
    if "@" in parts.netloc:
        raise ArtifactError(f"{shown(address)} holds a user or a password. Give them in credentials: addresses end up in logs.")
    if re.search(r"[\x00-\x20\x7f-\U0010ffff\\]", address):
        raise ArtifactError(f"{shown(address)} holds a space or a character that no address has. Write it percent-encoded.")
    if any(part in (".", "..") for part in re.split(r"[/\\]", unquote(parts.path))):
        raise ArtifactError(f"{shown(address)} holds a part . or .., which leads elsewhere than it says. Write where it is.")
    if parts.scheme != "file" and not parts.hostname:
        raise ArtifactError(f"{shown(address)} names no host.")
    return parts


def shown(address: str) -> str:
    """Without user, password, query and fragment: a query may be a signature that gives access."""
    if "://" not in address:
        return address
    scheme, rest = address.split("://", 1)
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    printable = re.sub(r"[^\x21-\x7e]", "?", f"{host.rpartition('@')[2]}{slash}{path}")
    return f"{scheme}://{printable}"


def matches(shown_address: str, pattern: str) -> bool:
    """Scheme, host and path each for themselves: a star in the host must not reach into the path."""
    return all(map(fnmatchcase, _pieces(shown_address), _pieces(pattern)))


def _pieces(text: str) -> tuple[str, str, str]:
    scheme, mark, rest = text.partition("://")
    if not mark:
        return "", "", text
    host, slash, path = rest.partition("/")
    return scheme, host.lower(), slash + path


def origin(address: str) -> Origin:
    parts = urlsplit(address)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
