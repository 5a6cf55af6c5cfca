# SPDX-License-Identifier: GPL-3.0-or-later
"""One signed POST, tried again where that can help. Texts never hold the URL's path, a header's value or the secret."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SIGNATURE, TIMESTAMP, DELIVERY = "X-Evenkeel-Signature", "X-Evenkeel-Timestamp", "X-Evenkeel-Delivery"
# The server is busy or broken; anything else that is not a success stays so.
AGAIN = (408, 425, 429)
LONGEST_WAIT = 60.0
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class WebhookError(Exception):
    """What was asked for makes no request; nothing was sent."""


@dataclass(frozen=True)
class Message:
    """`delivery` is the same each time the same thing is told: the receiver can know a repetition by it."""

    url: str
    body: bytes
    delivery: str
    secret: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True)
class Patience:
    timeout: float = 10.0
    retries: int = 3
    backoff: float = 1.0
    ca_path: str = ""


@dataclass(frozen=True)
class Sent:
    delivered: bool
    status: int | None
    attempts: int
    reason: str


@dataclass(frozen=True)
class _Answer:
    status: int | None
    reason: str
    again: bool
    wait: float | None = None


def check(message: Message) -> None:
    try:
        parts = urlsplit(message.url)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:
        raise WebhookError("the URL cannot be read. Next: correct url.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WebhookError(f"the URL has the scheme {parts.scheme!r} and the host {parts.hostname or ''!r}, allowed: http or https, and a host.")
    if parts.username or parts.password:
        raise WebhookError(f"the URL of {parts.hostname} holds a user or a password. Next: send them in headers, for example Authorization.")
    if re.search(r"[^\x21-\x7e]", message.url):
        raise WebhookError(f"the URL of {parts.hostname} holds a space or a character that no URL has. Next: write it percent-encoded.")
    for name, value in message.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise WebhookError(f"the header {name!r} has a character that no header may have.")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The time is signed too, so that a receiver can refuse what somebody recorded and sends again."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send(message: Message, patience: Patience, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.time) -> Sent:
    """Raises WebhookError before anything is sent; whatever the network does is in the answer."""
    check(message)
    opener = _opener(patience)
    attempts = 0
    while True:
        attempts += 1
        answer = _once(opener, message, patience.timeout, str(int(clock())))
        if answer.status is not None and 200 <= answer.status < 300:
            return Sent(True, answer.status, attempts, answer.reason)
        if not answer.again or attempts > patience.retries:
            return Sent(False, answer.status, attempts, answer.reason)
        sleep(min(LONGEST_WAIT, patience.backoff * 2 ** (attempts - 1) if answer.wait is None else answer.wait))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address would get the headers and the signature too."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:  # noqa: ARG002 - the signature is urllib's
        return None


def _opener(patience: Patience) -> urllib.request.OpenerDirector:
    try:
        context = ssl.create_default_context(cafile=patience.ca_path or None)
    except OSError as exc:
        raise WebhookError(f"the certificates in {patience.ca_path} cannot be read: {exc.strerror or exc}.") from None
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))


def _once(opener: urllib.request.OpenerDirector, message: Message, timeout: float, timestamp: str) -> _Answer:
    headers = {"User-Agent": "evenkeel", **message.headers, "Content-Type": message.content_type, DELIVERY: message.delivery, TIMESTAMP: timestamp}
    if message.secret:
        headers[SIGNATURE] = signature(message.secret, timestamp, message.body)
    request = urllib.request.Request(message.url, data=message.body, headers=headers, method="POST")  # noqa: S310 - check() allows http and https alone
    try:
        with opener.open(request, timeout=timeout) as response:
            return _Answer(response.status, f"answered {response.status}", again=False)
    except urllib.error.HTTPError as exc:
        with exc:
            return _refusal(exc)
    except urllib.error.URLError as exc:
        return _fault(exc.reason)
    except (OSError, http.client.HTTPException, UnicodeError) as exc:
        return _fault(exc)


def _refusal(error: urllib.error.HTTPError) -> _Answer:
    again = error.code >= 500 or error.code in AGAIN
    after = error.headers.get("Retry-After", "")
    where = " (it leads elsewhere, which is not followed)" if 300 <= error.code < 400 else ""
    return _Answer(error.code, f"answered {error.code}{where}", again=again, wait=float(after) if after.isascii() and after.isdigit() else None)


def _fault(reason: object) -> _Answer:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _Answer(None, f"its certificate was refused: {reason.verify_message}", again=False)
    if isinstance(reason, TimeoutError):
        return _Answer(None, "did not answer in time", again=True)
    if isinstance(reason, OSError):
        return _Answer(None, f"could not be reached: {reason.strerror or type(reason).__name__}", again=True)
    if isinstance(reason, UnicodeError):
        return _Answer(None, "has a name that no host can have", again=False)
    return _Answer(None, f"gave an answer that is not HTTP: {type(reason).__name__}", again=True)
