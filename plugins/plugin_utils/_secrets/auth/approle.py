# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.credential_files import first_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import fail
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.grant import Grant

NAME = "approle"
OPTIONS = ("role_id", "secret_id", "secret_id_file", "auth_mount")


def validate(options: Mapping[str, Any]) -> dict[str, str]:
    role_id = str(options.get("role_id") or "").strip()
    if not role_id:
        raise fail("credentials", "auth_method approle needs role_id (VAULT_ROLE_ID, evenkeel_vault_role_id).")
    secret_id = first_of(options.get("secret_id"), options.get("secret_id_file"), what="secret_id_file")
    # A role may be bound without a secret id (bind_secret_id=false), so an empty one is the server's to refuse.
    return {
        "role_id": role_id,
        "secret_id": secret_id,
        "auth_mount": str(options.get("auth_mount") or NAME).strip("/"),
    }


def login(client: Any, credentials: Mapping[str, str]) -> Grant:
    answer = client.auth.approle.login(
        credentials["role_id"],
        secret_id=credentials["secret_id"] or None,
        use_token=True,
        mount_point=credentials["auth_mount"],
    )["auth"]
    if answer.get("num_uses"):
        raise fail(
            "login",
            f"The role gives tokens that end after {answer['num_uses']} requests (token_num_uses). "
            "One token serves the whole run here: set token_num_uses=0 on the role.",
        )
    batch = answer.get("token_type") == "batch"
    return Grant(
        answer["client_token"],
        int(answer.get("lease_duration") or 0) or None,
        bool(answer.get("renewable")),
        own=True,
        batch=batch,
    )
