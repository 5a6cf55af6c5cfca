# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to a registry: none, Basic, or a token that it sends one to another place for (distribution, spec/auth/token.md).

The registry names that place, so it could name one that collects passwords: only its own host and those that were allowed get any.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, http
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials

LARGEST = 1 << 20
# The shortest life of a token is 60 s; a long download needs a new one when it is cut.
FRESH = 50.0
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')
_VALUE = re.compile(r"[\x21-\x7e]+")


class Tokens:
    def __init__(self, base: str, scope: str, *, client: http.Client, credentials: Credentials) -> None:
        self._base, self._scope, self._client, self._credentials = base, scope, client, credentials
        self._headers = credentials.http() if credentials.token or credentials.headers else {}
        self._challenge, self._asked = "", 0.0

    def headers(self) -> dict[str, str]:
        if self._challenge and time.monotonic() - self._asked > FRESH:
            self._answer(self._challenge)
        return dict(self._headers)

    def read(self, url: str, *, most: int, headers: Mapping[str, str]) -> tuple[http.Response, bytes]:
        """Answers to the registry's question who asks, once."""
        response, content = self._client.read(url, most=most, headers=headers, secret=self._headers)
        challenge = response.headers.get("WWW-Authenticate", "")
        if response.status != 401 or not challenge:
            return response, content
        self._answer(challenge)
        return self._client.read(url, most=most, headers=headers, secret=self._headers)

    def _answer(self, challenge: str) -> None:
        self._headers = self._answered(challenge)
        self._challenge, self._asked = challenge, time.monotonic()

    def _answered(self, challenge: str) -> dict[str, str]:
        way = challenge.split(" ", 1)[0].lower()
        if way == "basic" and self._credentials.username:
            return {"Authorization": self._credentials.basic()}
        if way == "bearer" and not self._credentials.token:
            return {"Authorization": f"Bearer {self._token(dict(_PARAMETER.findall(challenge)))}"}
        raise ArtifactError(f"The registry {address.shown(self._base)} asks who is there ({way}), and the credentials don't fit. Give username and password.")

    def _token(self, parameters: Mapping[str, str]) -> str:
        realm = parameters.get("realm", "")
        secret = self._for(realm)
        query = urlencode([(name, value) for name, value in (("service", parameters.get("service", "")), ("scope", self._scope)) if value])
        response, content = self._client.read(f"{realm}{'&' if '?' in realm else '?'}{query}", most=LARGEST, secret=secret)
        if response.status != 200:
            raise http.refused(realm, response)
        try:
            answer = json.loads(content)
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str) or not _VALUE.fullmatch(token):
            raise ArtifactError(f"{address.shown(realm)} gave no token.")
        return token

    def _for(self, realm: str) -> dict[str, str]:
        """What the place for tokens may know."""
        address.parse(realm)
        host = urlsplit(realm).hostname or ""
        if not self._credentials.username:
            return {}
        if host != urlsplit(self._base).hostname and host not in self._credentials.realms:
            raise ArtifactError(
                f"The registry {address.shown(self._base)} wants the password sent to {host}. It was not."
                f" When that is right, write {host} into credentials.realms."
            )
        if self._base.startswith("https:") and not realm.startswith("https:"):
            raise ArtifactError(f"The registry {address.shown(self._base)} wants the password sent to {address.shown(realm)}, without TLS. It was not.")
        return {"Authorization": self._credentials.basic()}
