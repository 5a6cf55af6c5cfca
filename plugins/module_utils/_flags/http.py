# SPDX-License-Identifier: GPL-3.0-or-later
"""One JSON request. Texts never hold a header's value: it may be the token."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional
from urllib.parse import urlsplit

from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError

LARGEST = 32 << 20  # bytes of an answer


class Answer(NamedTuple):
    status: int
    body: Any  # what the JSON holds; None when there is none


Send = Callable[[str, str, Any], Answer]  # method, path, body


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it leads."""

    def redirect_request(self, *_args: Any, **_words: Any) -> None:
        return None


class Client:
    def __init__(self, url: str, *, headers: Mapping[str, str], timeout: float, validate_certs: bool = True, ca_path: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FlagError(f"The address {url!r} is none of http:// or https:// and a host.")
        if parts.username or parts.password:
            raise FlagError("The address holds a user name or a password; put a token into the token or the headers.")
        # Refused here: http.client would do it with the value in its text.
        torn = [name for name, value in headers.items() if not str(value).isprintable()]
        if torn:
            raise FlagError(f"The header {torn[0]} holds a line break or another control character; take it out of the token or of the headers.")
        self.base = url.rstrip("/")
        self.headers = {"Accept": "application/json", "User-Agent": "evenkeel", **headers}
        self.timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirect(), urllib.request.HTTPSHandler(context=_context(validate_certs, ca_path)))

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, **({"Content-Type": "application/json"} if data is not None else {})}
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)  # noqa: S310 - http and https only, see above
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return Answer(answer.status, _parsed(answer.read(LARGEST)))
        except urllib.error.HTTPError as exc:
            with exc:
                return Answer(exc.code, _parsed(exc.read(LARGEST)))
        except (OSError, http.client.HTTPException) as exc:
            reason = getattr(exc, "reason", None) or exc
            raise FlagError(f"{method} {self.base}{path}: no answer ({reason})") from None
        except ValueError:
            raise FlagError(f"{method} {self.base}{path}: the address or a header holds what can't be sent") from None


def _context(validate_certs: bool, ca_path: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_path or None)
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parsed(data: bytes) -> Optional[Any]:
    try:
        return json.loads(data) if data.strip() else None
    except ValueError:
        return None
