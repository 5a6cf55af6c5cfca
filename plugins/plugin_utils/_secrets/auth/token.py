# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.credential_files import first_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import fail
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.grant import Grant

NAME = "token"
OPTIONS = ("token", "token_file")


def validate(options: Mapping[str, Any]) -> dict[str, str]:
    token = first_of(options.get("token"), options.get("token_file"), what="token_file")
    if not token:
        raise fail(
            "credentials",
            "No token for auth_method token: neither option token (VAULT_TOKEN, BAO_TOKEN, evenkeel_vault_token) nor "
            f"a readable file {options.get('token_file')}. Set one, or use auth_method approle.",
        )
    return {"token": token}


def login(client: Any, credentials: Mapping[str, str]) -> Grant:
    """The token is the user's: looked at, perhaps renewed, never revoked."""
    client.token = credentials["token"]
    data = client.auth.token.lookup_self()["data"]
    ttl = int(data.get("ttl") or 0) or None
    renewable = bool(data.get("renewable")) and ttl is not None
    return Grant(credentials["token"], ttl, renewable, own=False, batch=data.get("type") == "batch")
