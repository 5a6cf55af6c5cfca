# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import socket
import threading

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan, summary
from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import overall, quantile
from ansible_collections.evenkeel.release.plugins.module_utils._probe.scram import ScramClient
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"checks": [{"state": "ok"}]}'
        self.send_response(503 if self.path == "/down" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def run(deadline=10, **probe):
    specs, faults = complete([{"name": "one", **probe}])
    assert faults == []
    return Engine(Plan(deadline=deadline, concurrency=4)).run(specs)[0]


@pytest.mark.parametrize(
    ("path", "conditions", "verdict"),
    [
        ("/", None, "passed"),
        ("/down", None, "failed"),
        ("/down", [{"metric": "status", "op": "eq", "value": 503}], "passed"),
        ("/", [{"metric": "json.checks.0.state", "op": "eq", "value": "ok"}], "passed"),
        ("/", [{"metric": "body", "op": "contains", "value": "never"}], "failed"),
        ("/", [{"metric": "p95_ms", "op": "lt", "value": 0}], "failed"),
    ],
)
def test_http(port, path, conditions, verdict):
    result = run(type="http", host="127.0.0.1", port=port, path=path, samples=3, conditions=conditions)
    assert (result["verdict"], result["metrics"]["samples"]) == (verdict, 3)


def test_a_refused_connection_is_a_definite_no():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = run(type="tcp", host="127.0.0.1", port=unused.getsockname()[1])
    assert result["verdict"] == "failed"
    assert "connection refused" in result["reason"]


def test_a_missing_program_tells_nothing():
    assert run(type="command", command=["/no/such/program"])["verdict"] == "errored"


def test_too_few_samples_are_inconclusive():
    assert run(deadline=0.3, type="command", command=["true"], samples=50, interval=0.2)["verdict"] == "inconclusive"


def test_all_faults_come_at_once():
    _specs, faults = complete([{"name": "a", "type": "tcp", "url": "x", "samples": 0}, {"name": "a", "type": "http", "url": "ftp://x"}])
    assert len(faults) == 5, faults


def test_nearest_rank():
    assert [quantile([1, 2, 3, 4], share) for share in (0.5, 0.95, 1.0)] == [2, 4, 4]


def test_the_worst_verdict_wins_and_nothing_is_inconclusive():
    assert overall(["passed", "errored", "failed"]) == "failed"
    assert overall([]) == summary([])[0] == "inconclusive"


def test_scram_follows_the_example_of_rfc_7677():
    client = ScramClient("pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    client._bare = "n=user,r=rOprNGfwEbeRWgbNEkqO"
    final = client.final(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert final.endswith(b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
