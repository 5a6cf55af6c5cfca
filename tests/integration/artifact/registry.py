# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OCI registry (docker-registry of Debian), open, with Basic, or with tokens of a server of its own. oras is the writer."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, server_folder
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from . import debian

USER, PASSWORD = "ada", "not-a-secret"
# bcrypt of the password
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuVPNOToLP9MHdthRCXkVoiIF0qNKnk2G\n"
SERVICE = "evenkeel-test"


class Registry:
    def __init__(self, **auth):
        program, _env = debian.program("docker-registry")
        self.folder = server_folder("registry")
        self.host = f"127.0.0.1:{free_port()}"
        configuration = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}}, "http": {"addr": self.host}, "auth": auth}
        (self.folder / "config.yml").write_text(yaml.safe_dump(configuration))
        (self.folder / "config.yml").chmod(0o644)
        self._server = Server([program, "serve", str(self.folder / "config.yml")], folder=self.folder)
        self._server.wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return self.status("/v2/") in (200, 401)
        except OSError:
            return False

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://{self.host}{path}", timeout=5) as answer:
                return answer.status
        except HTTPError as exc:
            return exc.code

    def push(self, name: str, *files: Path) -> str:
        """By oras; the digest of the manifest."""
        client = pytest.importorskip("oras.client", reason="the oras library is not installed").OrasClient(insecure=True, tls_verify=False)
        answer = client.push(target=f"{self.host}/{name}", files=[str(each) for each in files], disable_path_validation=True)
        assert answer.status_code == 201
        return answer.headers["Docker-Content-Digest"]

    def push_index(self, name: str, tag: str, platforms: dict[tuple[str, str], str]) -> None:
        """{(os, arch): tag of the manifest}."""
        media = "application/vnd.oci.image.manifest.v1+json"
        manifests = []
        for (system, arch), child in platforms.items():
            asked = urllib.request.Request(f"http://{self.host}/v2/{name}/manifests/{child}", headers={"Accept": media})
            with urllib.request.urlopen(asked, timeout=5) as answer:
                content = answer.read()
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            manifests.append({"mediaType": media, "digest": digest, "size": len(content), "platform": {"os": system, "architecture": arch}})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
        self.put_manifest(name, tag, json.dumps(index).encode(), index["mediaType"])

    def put_manifest(self, name: str, tag: str, content: bytes, media: str) -> None:
        asked = urllib.request.Request(f"http://{self.host}/v2/{name}/manifests/{tag}", data=content, method="PUT", headers={"Content-Type": media})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert answer.status == 201

    def stop(self) -> None:
        self._server.stop()


class TokenServer:
    """Gives tokens that the registry accepts (distribution, spec/auth/jwt.md) to whoever knows the password, and notes what it was shown."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.now(timezone.utc)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key()).serial_number(1)
        self.certificate = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(self.key, hashes.SHA256())
        (folder / "root.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        self.shown: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def auth(self) -> dict:
        realm = f"http://127.0.0.1:{self._server.server_port}/token"
        return {"token": {"realm": realm, "service": SERVICE, "issuer": "test", "rootcertbundle": str(self.folder / "root.pem")}}

    def token(self, scope: str) -> str:
        kind, name, actions = scope.split(":")
        now = int(datetime.now(timezone.utc).timestamp())
        claims = {"iss": "test", "sub": USER, "aud": SERVICE, "nbf": now - 60, "iat": now, "exp": now + 300, "jti": "1"}
        claims["access"] = [{"type": kind, "name": name, "actions": actions.split(",")}]
        chain = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        signed = f"{_packed({'typ': 'JWT', 'alg': 'ES256', 'x5c': [chain]})}.{_packed(claims)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_url64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _packed(data: dict) -> str:
    return _url64(json.dumps(data).encode())


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _handler(server: TokenServer):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

        def do_GET(self):
            given = self.headers.get("Authorization")
            server.shown.append(given)
            good = given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            query = parse_qs(urlsplit(self.path).query)
            body = json.dumps({"token": server.token(query["scope"][0])}).encode() if good else b"{}"
            self.send_response(200 if good else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
