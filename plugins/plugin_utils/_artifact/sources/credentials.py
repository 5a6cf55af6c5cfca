# SPDX-License-Identifier: GPL-3.0-or-later
"""What gives access to a repository. It never prints."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
# These steer the request itself.
_RESERVED = ("host", "range", "if-range", "content-length", "transfer-encoding", "accept-encoding", "connection")


@dataclass(frozen=True, repr=False)
class Credentials:
    """`realms` are hosts beside the registry's own that may be asked for its tokens."""

    username: str = ""
    password: str = ""
    token: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    realms: tuple[str, ...] = ()

    def http(self) -> dict[str, str]:
        """Headers of an ordinary HTTP request."""
        made = dict(self.headers)
        if self.token:
            made["Authorization"] = f"Bearer {self.token}"
        elif self.username:
            made["Authorization"] = self.basic()
        return made

    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def check(credentials: Credentials) -> Credentials:
    for name, value in credentials.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _RESERVED:
            raise ArtifactError(f"The header {name!r} of the credentials has a name or a character that is not allowed. Nothing was sent.")
    for what, value in (("token", credentials.token), ("session_token", credentials.session_token), ("access_key", credentials.access_key)):
        if not _VALUE.fullmatch(value):
            raise ArtifactError(f"{what} of the credentials has a character that no header may have, such as a line end. Nothing was sent.")
    ways = [credentials.token, credentials.username, credentials.access_key]
    if sum(map(bool, ways)) > 1:
        raise ArtifactError("The credentials hold more than one of token, username and access_key. Give the one that the repository wants.")
    if bool(credentials.access_key) != bool(credentials.secret_key):
        raise ArtifactError("The credentials hold one of access_key and secret_key. Give both.")
    return credentials
