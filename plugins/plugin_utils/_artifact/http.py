# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP for artifacts: redirects without credentials, time limits, and messages that name no secret."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any, Protocol
from urllib.parse import urljoin

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import Again, ArtifactError

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
AGAIN = (408, 425, 429, 500, 502, 503, 504)
LONGEST_WAIT = 30.0
CHUNK = 1 << 16
# For answers of a known, small size.
LONGEST_READ = 120.0
NETWORK = (OSError, http.client.HTTPException, urllib.error.URLError)


class Response(Protocol):
    status: int
    headers: Any

    def read1(self, n: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Every status is an answer, redirects included."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:  # noqa: ARG002 - the signature is urllib's
        return response

    https_response = http_response


class Client:
    def __init__(self, *, timeout: float, ca_path: str = "") -> None:
        self._timeout = timeout
        try:
            context = ssl.create_default_context(cafile=ca_path or None)
        except (OSError, ssl.SSLError) as exc:
            raise ArtifactError(f"The certificates in {ca_path} can't be read: {exc.strerror or exc}.") from None
        https = urllib.request.HTTPSHandler(context=context)
        self._opener = urllib.request.build_opener(_AsItIs, https)
        # What goes to this very host must not go through a proxy: it may be a password without TLS.
        self._direct = urllib.request.build_opener(_AsItIs, https, urllib.request.ProxyHandler({}))

    def open(self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, secret: Mapping[str, str] | None = None) -> Response:
        """`secret` headers go to the host of `url` alone: a redirect to another one never gets them."""
        hidden = dict(secret or {})
        for _step in range(MOST_REDIRECTS + 1):
            response = self._once(url, method, dict(headers or {}), hidden)
            target = response.headers.get("Location")
            if response.status not in REDIRECTS or not target:
                return response
            response.close()
            url, hidden = _redirected(url, target, hidden)
        raise ArtifactError(f"{address.shown(url)} was reached by more than {MOST_REDIRECTS} redirects, which lead nowhere.")

    def read(self, url: str, *, most: int, headers: Mapping[str, str] | None = None, secret: Mapping[str, str] | None = None) -> tuple[Response, bytes]:
        """An answer of known, small size, whatever its status."""
        response = self.open(url, headers=headers, secret=secret)
        try:
            return response, read_all(response, most, url)
        finally:
            response.close()

    def send(self, url: str, body: IO[bytes], *, size: int, headers: Mapping[str, str], secret: Mapping[str, str]) -> Response:
        """PUT; a redirect is not followed."""
        return self._once(url, "PUT", {**headers, "Content-Length": str(size)}, dict(secret), body)

    def _once(self, url: str, method: str, headers: dict[str, str], secret: dict[str, str], body: IO[bytes] | None = None) -> Response:
        parts = address.parse(url)
        if parts.scheme not in address.PORTS:
            raise ArtifactError(f"{address.shown(url)} is no http or https address.")
        if secret and parts.scheme == "http" and not address.is_loopback(parts.hostname or ""):
            raise ArtifactError(f"Credentials are not sent to {address.shown(url)}: http would show them to the network. Use https.")
        sent = {"User-Agent": "evenkeel", "Accept-Encoding": "identity", **headers, **secret}
        request = urllib.request.Request(url.split("#", 1)[0], data=body, headers=sent, method=method)  # noqa: S310 - http and https alone, see above
        opener = self._direct if address.is_loopback(parts.hostname or "") else self._opener
        try:
            response: Response = opener.open(request, timeout=self._timeout)
        except NETWORK as exc:
            raise failure(url, exc) from None
        return response


def read_all(response: Response, most: int, url: str) -> bytes:
    found, end = b"", time.monotonic() + LONGEST_READ
    try:
        while block := response.read1(CHUNK):
            found += block
            if time.monotonic() > end:
                raise ArtifactError(f"{address.shown(url)} took more than {LONGEST_READ:g} s for a small answer.")
            if len(found) > most:
                raise ArtifactError(f"{address.shown(url)} answered with more than {most} bytes.")
    except NETWORK as exc:
        raise failure(url, exc) from None
    return found


def refused(url: str, response: Response) -> ArtifactError:
    """The error for a status that is no success."""
    told = f"{address.shown(url)} answered {response.status} {http.client.responses.get(response.status, '')}".rstrip()
    if response.status in AGAIN:
        after = response.headers.get("Retry-After", "")
        return Again(told + ".", wait=min(LONGEST_WAIT, float(after)) if after.isascii() and after.isdigit() else None)
    hints = {401: " Give credentials that may read it.", 403: " Give credentials that may read it.", 404: " Check source and that it is published."}
    return ArtifactError(told + "." + hints.get(response.status, ""))


def failure(url: str, exc: BaseException) -> ArtifactError:
    """The error for what the network did; only what can't be mended by another try is final."""
    reason: object = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    where = address.shown(url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ArtifactError(f"{where}: its certificate was refused: {reason.verify_message}.")
    if isinstance(reason, TimeoutError):
        return Again(f"{where} did not answer in time.")
    if isinstance(reason, OSError):
        return Again(f"{where} could not be reached: {reason.strerror or type(reason).__name__}.")
    return Again(f"{where} gave an answer that is not HTTP: {type(reason).__name__}.")


def _redirected(url: str, target: str, secret: dict[str, str]) -> tuple[str, dict[str, str]]:
    try:
        found = urljoin(url, target)
    except ValueError:
        raise ArtifactError(f"{address.shown(url)} redirects to something that is no address.") from None
    parts = address.parse(found)
    if parts.scheme not in address.PORTS or (url.startswith("https:") and parts.scheme == "http"):
        raise ArtifactError(f"{address.shown(url)} redirects to {address.shown(found)}, which is not followed: it is no https address.")
    return found, secret if address.origin(found) == address.origin(url) else {}
