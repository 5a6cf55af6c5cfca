# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.probe.conftest import take


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    argv = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    argv += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], certificate
    server.shutdown()


def probe(playbook: Any, *probes: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    task = {"name": "Probe", "evenkeel.release.health_probe": {"probes": list(probes), **more}}
    run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    return run, run.result("Probe")


def test_the_certificate_ends_when_openssl_says_so(playbook: Any, secure: tuple[int, Path]) -> None:
    port, certificate = secure
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-enddate"], check=True, capture_output=True, text=True).stdout
    end = datetime.strptime(text.strip().partition("=")[2], "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)
    days = (end - datetime.now(timezone.utc)).total_seconds() / 86400
    place = {"host": "127.0.0.1", "port": port, "ca_path": str(certificate)}
    run, result = probe(playbook, {"name": "page", "type": "https", **place}, {"name": "certificate", "type": "tls", **place})
    assert run.rc == 0, run.stdout
    for one in result["probes"]:
        assert one["metrics"]["certificate_days_left"] == pytest.approx(days, abs=0.05)
        assert {"connect_ms", "tls_ms"} <= set(one["metrics"])


def test_a_certificate_that_is_not_trusted_or_ends_too_soon_fails(playbook: Any, secure: tuple[int, Path]) -> None:
    port, certificate = secure
    place = {"type": "tls", "host": "127.0.0.1", "port": port}
    soon = [{"metric": "certificate_days_left", "op": "ge", "value": 60}]
    run, result = probe(playbook, {"name": "strange", **place}, {"name": "soon", **place, "ca_path": str(certificate), "conditions": soon})
    assert run.rc != 0
    strange, short = result["probes"]
    assert (strange["verdict"], short["verdict"]) == ("failed", "failed")
    assert "certificate was not accepted" in strange["reason"]
    assert "allowed: >= 60" in short["reason"]


def test_until_passed_waits_for_a_late_service(playbook: Any) -> None:
    asked: list[str] = []

    class Late(Handler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if len(asked) > 3:
                super().do_GET()
            else:
                self.send_error(503)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    http_probe = {"name": "late", "type": "http", "host": "127.0.0.1", "port": server.server_address[1]}
    run, result = probe(playbook, http_probe, until="passed", consecutive=2, retry_interval=0.1, deadline=60)
    server.shutdown()
    assert run.rc == 0, run.stdout
    assert (result["probes"][0]["attempts"], len(asked)) == (5, 5)


def test_the_deadline_ends_the_wait_and_the_reason_is_told(playbook: Any, free_port: Any) -> None:
    down = {"name": "down", "type": "tcp", "host": "127.0.0.1", "port": free_port()}
    began = time.monotonic()
    run, result = probe(playbook, down, until="passed", retry_interval=0.2, deadline=2)
    assert run.rc != 0
    assert time.monotonic() - began < 30
    assert result["verdict"] == "failed"
    assert "connection refused" in result["msg"]


def test_a_scenario_inside_tls_trusts_whom_it_is_told_to(secure: tuple[int, Path]) -> None:
    port, certificate = secure
    steps = [{"name": "page", "path": "/x", "expect": [{"metric": "body", "value": "ok"}]}]
    trusted = take(type="scenario", url=f"https://localhost:{port}", steps=steps, ca_path=str(certificate), addresses="any")
    assert (trusted["verdict"], "tls_ms" in trusted["steps"][0]) == ("passed", True), trusted
    strange = take(type="scenario", url=f"https://localhost:{port}", steps=steps)
    assert (strange["verdict"], "certificate was not accepted" in strange["reason"]) == ("failed", True)
    by_address = take(type="scenario", url=f"https://127.0.0.1:{port}", steps=steps, ca_path=str(certificate), server_name="elsewhere.test")
    assert "certificate was not accepted" in by_address["reason"]
