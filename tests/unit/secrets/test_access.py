# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access, access_from
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import SecretsError

GOOD: dict[str, Any] = {
    "url": "https://vault/",
    "auth_method": "approle",
    "role_id": "r",
    "secret_id": "s",
    "timeout": 10,
    "retries": 2,
    "concurrency": 8,
    "validate_certs": True,
}


def test_equal_options_share_an_access_after_the_wire() -> None:
    access = access_from(GOOD)
    assert access.url == "https://vault"
    assert Access.from_wire(json.loads(json.dumps(access.to_wire()))) == access
    assert hash(access) == hash(access_from({**GOOD, "url": "https://vault"}))


def test_credentials_from_files(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("from-file\n")
    access = access_from({**GOOD, "secret_id": None, "secret_id_file": str(tmp_path / "id")})
    assert dict(access.credentials)["secret_id"] == "from-file"
    access = access_from({**GOOD, "auth_method": "token", "token": None, "token_file": str(tmp_path / "id")})
    assert dict(access.credentials) == {"token": "from-file"}


def test_the_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").touch()
    assert access_from({**GOOD, "ca_cert": "ca.pem"}).verify == str(tmp_path / "ca.pem")
    assert access_from({**GOOD, "ca_cert": "ca.pem", "validate_certs": False}).verify is False
    assert access_from(GOOD).verify is True


def test_all_faults_in_one_report(tmp_path: Path) -> None:
    bad = {"url": None, "timeout": 0, "retries": -1, "concurrency": 0, "ca_cert": "/none", "secret_id": None}
    with pytest.raises(SecretsError) as caught:
        access_from({**GOOD, **bad, "secret_id_file": str(tmp_path)})
    text = str(caught.value)
    for word in ("address", "timeout is 0", "retries is -1", "concurrency is 0", "/none", "Can't read secret_id_file"):
        assert word in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"auth_method": "password"}, "'password'; allowed are approle, token"),
        ({"auth_method": "token", "token_file": "/none"}, "No token for auth_method token"),
        ({"role_id": " "}, "needs role_id"),
    ],
)
def test_bad_credentials(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(SecretsError, match=expected):
        access_from({**GOOD, **change})
