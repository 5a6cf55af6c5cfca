# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import ipaddress
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.secrets.scene import Scene
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

POLICY = """
path "secret/data/{folder}/*" {{ capabilities = ["read"] }}
path "secret/data/{folder}/forbidden" {{ capabilities = ["deny"] }}
path "nomount/data/*" {{ capabilities = ["read"] }}
"""


@pytest.fixture
def make_scene(bao: Any) -> Callable[..., Scene]:
    def make(**role: Any) -> Scene:
        client = bao.client()
        if "approle/" not in client.sys.list_auth_methods()["data"]:
            client.sys.enable_auth_method("approle")
        name = f"t{uuid.uuid4().hex[:10]}"
        client.sys.create_or_update_policy(name, POLICY.format(folder=name))
        client.auth.approle.create_or_update_approle(name, token_policies=[name], **{"token_ttl": "10m", **role})
        return Scene(
            bao,
            name,
            name,
            client.auth.approle.read_role_id(name)["data"]["role_id"],
            client.auth.approle.generate_secret_id(name)["data"]["secret_id"],
        )

    return make


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    return make_scene()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and self-signed certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
