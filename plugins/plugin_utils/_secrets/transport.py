# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import requests.utils
import urllib3
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access

# 412: a replica that is behind; 503 is left out, because a sealed server says so at once and stays sealed.
RETRIED = (412, 429, 500, 502, 504)


class Answer:
    """As much of a response of requests as hvac looks at."""

    def __init__(self, answer: Any) -> None:
        self.status_code: int = answer.status
        self.ok = answer.status < 400
        self.headers: Mapping[str, str] = answer.headers
        self._body: bytes = answer.data

    @property
    def text(self) -> str:
        return self._body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        return json.loads(self._body)


class Transport:
    """Stands where hvac has a session of requests, but sends with urllib3 below it: half the time of a read, and the
    broker reads under one interpreter lock. Proxies and authorities of the environment count as with requests."""

    def __init__(self, access: Access) -> None:
        self.verify, self.cert, self.proxies = access.verify, None, None
        options = {
            "num_pools": 2,
            "maxsize": access.concurrency + 1,
            "timeout": urllib3.Timeout(connect=access.timeout, read=access.timeout),
            "retries": _retries(access.retries),
            **_trust(access),
        }
        proxies = requests.utils.get_environ_proxies(access.url)
        proxy = requests.utils.select_proxy(access.url, proxies)
        self._pool: Any = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def request(self, *, method: str, url: str, headers: dict[str, str], **extras: Any) -> Answer:
        body = extras.get("json")
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        sent = {"fields": extras.get("params")} if body is None else {"body": json.dumps(body)}
        return Answer(self._pool.request(method.upper(), url, headers=headers, **sent))

    def close(self) -> None:
        self._pool.clear()


def _retries(count: int) -> Any:
    return urllib3.Retry(
        total=count,
        backoff_factor=0.2,
        status_forcelist=RETRIED,
        # A login is repeated only when it never arrived: a secret id may be good for one use.
        allowed_methods={"GET"},
        raise_on_status=False,
        raise_on_redirect=False,
    )


def _trust(access: Access) -> dict[str, Any]:
    if access.verify is False:
        return {"cert_reqs": "CERT_NONE"}
    bundle = access.verify if isinstance(access.verify, str) else None
    bundle = bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = bundle or certifi.where()
    return {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir" if Path(bundle).is_dir() else "ca_certs": bundle}
