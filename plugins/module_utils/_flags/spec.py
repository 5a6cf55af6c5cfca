# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that both flag modules have, and the client that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._flags.http import Client
from ansible_collections.evenkeel.release.plugins.module_utils._flags.unleash import Unleash

PLACE: dict[str, Any] = {
    "provider": {"type": "str", "choices": ["flagd", "unleash"], "default": "flagd"},
    "path": {"type": "path"},
    "url": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "project": {"type": "str", "default": "default"},
    "environment": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "float", "default": 10.0},
}
REQUIRED_IF = [("provider", "flagd", ("path",)), ("provider", "unleash", ("url", "token", "environment"))]


def client(params: Mapping[str, Any], url: str, headers: Mapping[str, str]) -> Client:
    return Client(url, headers=headers, timeout=params["timeout"], validate_certs=params["validate_certs"], ca_path=params["ca_path"] or "")


def unleash(params: Mapping[str, Any]) -> Unleash:
    found = client(params, params["url"], {"Authorization": params["token"]})
    return Unleash(found.send, project=params["project"], environment=params["environment"])
