# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Signature Version 4 for one S3 request without a query (docs.aws.amazon.com, "Authenticating Requests: Using the Authorization Header")."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

ALGORITHM, SERVICE, LAST = "AWS4-HMAC-SHA256", "s3", "aws4_request"
EMPTY = hashlib.sha256(b"").hexdigest()


def sign(
    method: str, url: str, *, access_key: str, secret_key: str, region: str, now: datetime, headers: Mapping[str, str] | None = None, payload: str = EMPTY
) -> dict[str, str]:
    """The headers to send. `headers` are signed along, `payload` is the SHA-256 of the body, `now` is in UTC."""
    parts = urlsplit(url)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    added = {"x-amz-content-sha256": payload, "x-amz-date": stamp}
    signed = {name.lower(): value.strip() for name, value in {**(headers or {}), **added, "host": parts.netloc}.items()}
    names = ";".join(sorted(signed))
    lines = [method, parts.path or "/", "", *(f"{name}:{signed[name]}" for name in sorted(signed)), "", names, payload]
    scope = "/".join((day, region, SERVICE, LAST))
    text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()))
    signature = hmac.new(_key(secret_key, day, region), text.encode(), hashlib.sha256).hexdigest()
    return {**added, "Authorization": f"{ALGORITHM} Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"}


def _key(secret_key: str, day: str, region: str) -> bytes:
    key = b"AWS4" + secret_key.encode()
    for part in (day, region, SERVICE, LAST):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
