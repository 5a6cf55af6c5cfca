# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: who the server is matters, and what was asked for with TLS is not fetched without."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .conftest import digest
from .server import Web

PATH = "/shop-1.0.0.tar.gz"


@pytest.fixture
def secure(tmp_path):
    """(server, file of its certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (tmp_path / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = Web(context)
    yield server, str(tmp_path / "cert.pem")
    server.stop()


def test_a_certificate_that_is_trusted_and_one_that_is_not(secure, content, fetching):
    server, certificate = secure
    url = server.put(PATH, content)
    with pytest.raises(ArtifactError, match="its certificate was refused: self-signed certificate"):
        fetching(url, digest(content))
    assert fetching(url, digest(content), ca_path=certificate).size == len(content)


def test_a_redirect_away_from_tls_is_not_followed(secure, web, content, fetching):
    server, certificate = secure
    server.put(PATH, b"", redirect=web.put(PATH, content))
    with pytest.raises(ArtifactError, match=r"redirects to http://127\.0\.0\.1:\d+/shop-1\.0\.0\.tar\.gz, which is not followed"):
        fetching(f"{server.url}{PATH}", digest(content), ca_path=certificate)
    assert web.seen == []


def test_certificates_that_are_not_there(fetching, tmp_path):
    with pytest.raises(ArtifactError, match=r"The certificates in .*nowhere\.pem can't be read"):
        fetching("https://127.0.0.1:1/x", digest(b""), ca_path=str(tmp_path / "nowhere.pem"))
