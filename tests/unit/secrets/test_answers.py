# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.answers import (
    Refusal,
    key_fault,
    login_fault,
    read_fault,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, render
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref

URL = "https://vault.example.com:8200"
REF = Ref("kv", "shop/db")


def metadata(**fields: Any) -> dict[str, Any]:
    return {"data": {"metadata": {"version": 4, "destroyed": False, "deletion_time": "", **fields}}}


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (Refusal(503, ("Vault is sealed",)), "sealed", [URL, "bao status", "bao operator unseal"]),
        (Refusal(501), "server", ["not initialised"]),
        (Refusal(429), "busy", ["429", "concurrency"]),
        (Refusal(500, ("internal error",)), "server", ["500", "internal error"]),
        (Refusal(503), "server", ["503"]),
        (Refusal(0, ("Connection refused",)), "unreachable", [URL, "Connection refused"]),
        (Refusal(0, ("certificate verify failed",)), "tls", [URL, "VAULT_CACERT"]),
        (Refusal(403, ("permission denied",)), "forbidden", ["kv/shop/db", 'path "kv/data/shop/db"', '["read"]']),
        (Refusal(404), "absent", ["kv/shop/db", "mount 'kv'", "bao kv list -mount=kv shop"]),
        (Refusal(404, ('no handler for route "kv/data/x"',)), "absent", ["no KV secrets engine at mount 'kv'"]),
        (
            Refusal(404, (), metadata(deletion_time="2026-01-02T03:04:05Z")),
            "deleted",
            ["version 4", "2026-01-02", "undelete"],
        ),
        (Refusal(404, (), metadata(destroyed=True)), "deleted", ["version 4 was destroyed"]),
        (Refusal(418, ("teapot",)), "server", ["418: teapot"]),
    ],
)
def test_a_refused_read(refusal: Refusal, kind: str, words: list[str]) -> None:
    fault = read_fault(refusal, REF, url=URL)
    assert fault.kind == kind
    assert [word for word in words if word not in fault.text] == []


def test_a_path_that_repeats_the_mount_or_data_is_hinted_at() -> None:
    assert "leave out 'data/'" in read_fault(Refusal(404), Ref("kv", "data/shop/db"), url=URL).text
    assert "leave out 'kv/'" in read_fault(Refusal(404), Ref("kv", "kv/shop/db"), url=URL).text


@pytest.mark.parametrize(("method", "word"), [("approle", "secret_id"), ("token", "bao token lookup"), ("other", "credentials")])
def test_a_refused_login(method: str, word: str) -> None:
    fault = login_fault(Refusal(400, ("invalid role or secret ID",)), url=URL, method=method)
    assert fault.kind == "login"
    assert "(400: invalid role or secret ID)" in fault.text
    assert word in fault.text


def test_a_sealed_server_is_not_a_refused_login() -> None:
    assert login_fault(Refusal(503, ("Vault is sealed",)), url=URL, method="approle").kind == "sealed"


def test_a_missing_key_names_the_keys_that_exist() -> None:
    assert key_fault(REF, "pass", ["user", "password"]).text.endswith("has no key 'pass'. Keys it has: password, user.")
    assert key_fault(REF, "pass", []).text.endswith("Keys it has: none.")


def test_the_same_fault_is_said_once_and_secrets_are_taken_out() -> None:
    fault = Fault("login", "token abc refused").redact(["abc", ""])
    assert render([fault, fault]) == "token [REDACTED] refused"
