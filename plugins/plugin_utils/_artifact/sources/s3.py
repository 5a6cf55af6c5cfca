# SPDX-License-Identifier: GPL-3.0-or-later
"""s3://bucket/key: AWS, or what speaks its language at an endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote, unquote, urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.download import Remote
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.sigv4 import EMPTY, sign

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]+")
CHECKSUM = {"x-amz-checksum-mode": "ENABLED"}


def locate(source: str, *, credentials: Credentials, endpoint: str, region: str) -> Remote:
    url = url_of(source, endpoint=endpoint, region=region)
    return Remote(url, secret=lambda: headers("GET", url, credentials, region, CHECKSUM))


def url_of(source: str, *, endpoint: str, region: str) -> str:
    """With an endpoint the bucket is the first part of the path, which every server understands."""
    parts = urlsplit(source)
    bucket, key = parts.netloc, unquote(parts.path).lstrip("/")
    if not _BUCKET.fullmatch(bucket) or not key or not _REGION.fullmatch(region):
        raise ArtifactError(f"{address.shown(source)} in region {region!r} is no S3 object, allowed: s3://bucket/key, a bucket of 3 to 63 lower-case letters.")
    if any(part in (".", "..") for part in key.split("/")):
        raise ArtifactError(f"{address.shown(source)} holds a part . or .., which servers read differently. Give the object another key.")
    path = quote(key, safe="/-_.~")
    if endpoint:
        address.parse(endpoint)
        return f"{endpoint.rstrip('/')}/{bucket}/{path}"
    return f"https://{bucket}.s3.{region}.amazonaws.com/{path}"


def headers(method: str, url: str, credentials: Credentials, region: str, signed: Mapping[str, str], payload: str = EMPTY) -> dict[str, str]:
    """Nothing but what is asked for when there are no keys: public buckets."""
    if not credentials.access_key:
        return dict(signed)
    more = {**signed, **({"x-amz-security-token": credentials.session_token} if credentials.session_token else {})}
    made = sign(
        method,
        url,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        region=region,
        now=datetime.now(timezone.utc),
        headers=more,
        payload=payload,
    )
    return {**more, **made}
