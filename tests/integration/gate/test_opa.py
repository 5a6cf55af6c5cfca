# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that ask an OPA server as well: OPA's own engine behind its REST form, over real sockets and TLS."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import opa_client
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Secret
from ansible_collections.evenkeel.release.tests.integration.support.opa import OPA

TOKEN = "t0ken-of-the-gate"  # of a server of this test run on the loopback
REGO = """
package evenkeel

gate := {"allow": allow, "deny": deny, "warn": warn, "helper": 1}

default allow := false
allow if input.act == "promote"

deny contains {"msg": sprintf("%d findings of drift upstream", [input.upstream.drift.findings]), "id": "drift", "remedy": "Repair it."} if {
    input.upstream.drift.findings > 0
}

warn contains "no change is named" if not input.release.change

yes := true
no if false
names := ["no friday"]
empty := []
number := 7
word := "yes"
allowed_as_text := {"allow": "true"}
denied_as_map := {"deny": {"a": "b"}}
denied_as_numbers := {"deny": [1]}
nothing_said := {"verdict": "ok"}
both := {"allow": true, "deny": ["but no"]}
conflict := 1 if input.act
conflict := 2 if input.environment
"""
ENVIRONMENT = {"name": "production", "tier": "production"}
LOCAL = {"name": "local", "effect": "require", "condition": "release.version == '1.1.0'", "reason": "Another release.", "remedy": "Ask again."}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*argv, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def plain() -> Iterator[OPA]:
    server = OPA(REGO)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def secured(certificate: tuple[Path, Path]) -> Iterator[OPA]:
    server = OPA(REGO, token=TOKEN, tls=certificate)
    yield server
    server.stop()


def policy(url: str, path: str = "evenkeel/gate", *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    server = {"url": url, "path": path, "reason": "The company refuses.", "remedy": "Ask the platform team.", **more}
    return {"name": "company", "description": "Company rules.", "opa": server, **({"rules": list(rules)} if rules else {})}


def evidence(findings: int = 0, **more: Any) -> dict[str, Any]:
    release = {"version": "1.1.0", "change": "CHG1"}
    known = {"now": "2027-01-15T10:00:00Z", "act": "promote", "environment": ENVIRONMENT, "release": release}
    return {**known, "upstream": {"drift": {"findings": findings}}, **more}


def ask(written: dict[str, Any], given: dict[str, Any], token: str = "") -> Any:
    replies = opa_client.replies([written], given, lambda name: {"opa_token": token}.get(name) or None)
    return decide([written], given, act="promote", environment=ENVIRONMENT, replies=replies)


@pytest.mark.parametrize(
    ("path", "verdict", "says"),
    [
        ("evenkeel/gate", "passed", ""),
        ("evenkeel/yes", "passed", ""),
        ("evenkeel/gate/allow", "passed", ""),
        ("evenkeel/gate/deny", "failed", "default-deny"),  # denies nothing and permits nothing
        ("evenkeel/empty", "failed", "default-deny"),
        ("evenkeel/names", "failed", "no friday"),
        ("evenkeel/both", "failed", "but no"),
        ("evenkeel/no", "errored", "undefined"),
        ("evenkeel/absent", "errored", "undefined"),
        ("nowhere", "errored", "undefined"),
        ("evenkeel/number", "errored", "the result is int 7"),
        ("evenkeel/word", "errored", "the result is str 'yes'"),
        ("evenkeel/allowed_as_text", "errored", "allow is str 'true'"),
        ("evenkeel/denied_as_map", "errored", "deny is dict"),
        ("evenkeel/denied_as_numbers", "errored", "deny[0] is 1"),
        ("evenkeel/nothing_said", "errored", "neither allow nor deny"),
        ("evenkeel/conflict", "errored", "answered 500"),
    ],
)
def test_what_a_result_means(plain: OPA, path: str, verdict: str, says: str) -> None:
    decision = ask(policy(plain.url, path), evidence())
    told = " ".join(f"{rule.name} {rule.reason} {rule.problem}" for rule in decision.refused)
    if verdict == "errored":  # and nothing else permits
        assert "errored" in {rule.verdict for rule in decision.refused}
    else:
        assert decision.verdict == verdict, told
    assert decision.verdict != "passed" or verdict == "passed"
    assert says in told


def test_the_same_document_is_asked_about_and_messages_come_through(plain: OPA) -> None:
    given = evidence(2)
    decision = ask(policy(plain.url), given)
    assert plain.asked()[-1]["input"] == given
    assert plain.asked()[-1]["path"] == "/v1/data/evenkeel/gate"
    (refused,) = decision.refused
    assert (refused.name, refused.reason, refused.remedy) == ("drift", "2 findings of drift upstream", "Repair it.")
    warned = ask(policy(plain.url), evidence(release={"version": "1.1.0"}))
    assert warned.verdict == "passed"
    assert [rule.reason for rule in warned.warned] == ["no change is named"]


@pytest.mark.parametrize(("version", "findings", "verdict"), [("1.1.0", 0, "passed"), ("1.1.0", 1, "failed"), ("1.2.0", 0, "failed"), ("1.2.0", 1, "failed")])
def test_both_must_agree(plain: OPA, version: str, findings: int, verdict: str) -> None:
    given = evidence(findings, release={"version": version, "change": "CHG1"})
    assert ask(policy(plain.url, "evenkeel/gate", LOCAL), given).verdict == verdict


def test_tls_and_token(secured: OPA, certificate: tuple[Path, Path]) -> None:
    known = {"ca_path": str(certificate[0]), "token_variable": "opa_token"}
    assert ask(policy(secured.url, **known), evidence(), TOKEN).verdict == "passed"
    assert secured.asked()[-1]["authorization"] is True
    wrong = ask(policy(secured.url, **known), evidence(), "another-token")
    assert "401" in wrong.refused[0].problem
    assert "another-token" not in json.dumps(wrong.as_dict())
    assert "not defined" in ask(policy(secured.url, **known), evidence()).refused[0].problem
    assert "certificate" in ask(policy(secured.url, token_variable="opa_token"), evidence(), TOKEN).refused[0].problem.lower()


@pytest.mark.parametrize("token", ["", "a b", "a\nX-Other: 1", "ü"])
def test_a_token_that_no_header_may_have_is_not_sent_and_not_shown(plain: OPA, token: str) -> None:
    before = len(plain.asked())
    reply = opa_client.ask({"url": plain.url, "path": "evenkeel/yes"}, {}, Secret(token))
    assert "its token is empty or has characters" in reply.error
    assert len(plain.asked()) == before


def test_a_token_does_not_leave_this_machine_unencrypted() -> None:
    reply = opa_client.ask({"url": "http://opa.example.com:8181", "path": "a"}, {}, Secret(TOKEN))
    assert "use https" in reply.error
    assert TOKEN not in reply.error


def test_a_server_that_is_not_there(free_port: Any) -> None:
    decision = ask(policy(f"http://127.0.0.1:{free_port()}"), evidence())
    assert decision.refused[0].verdict == "errored"
    assert "refused" in decision.refused[0].problem.lower()


ANSWERS = {
    "silence": b"",
    "drip": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "no json": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no http": b"220 mail.example.com ESMTP\r\n",
    "too much": b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b'"' + b"a" * 2_999_999,
    "deep": b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000,
}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("silence", "timed out"),
        ("drip", "within 1 seconds"),
        ("no json", "JSON object"),
        ("a list", "JSON object"),
        ("elsewhere", "answered 302"),
        ("no http", "could not be asked"),
        ("too much", "more than"),
        ("deep", "JSON object"),
    ],
)
def test_bad_servers_deny_in_time(name: str, says: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = threading.Event()

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                asked = b""
                while not asked.endswith(b"}"):  # a body that was not read would cut the connection off
                    asked += connection.recv(65536)
                try:
                    connection.sendall(ANSWERS[name])
                    while name == "drip" and not done.wait(0.2):
                        connection.sendall(b" ")
                    if name == "silence":
                        done.wait(10)
                except OSError:
                    pass

        worker = threading.Thread(target=serve, daemon=True)
        worker.start()
        decision = ask(policy(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=1), evidence())
        done.set()
        worker.join(10)
    assert decision.verdict in ("failed", "errored")
    assert decision.refused[0].verdict == "errored"
    assert says in decision.refused[0].problem


def test_in_a_real_run_with_the_token_of_a_variable(playbook: Any, secured: OPA, certificate: tuple[Path, Path]) -> None:
    written = policy(secured.url, ca_path=str(certificate[0]), token_variable="opa_token")
    asked = {"act": "promote", "environment": "production", "release": "1.1.0", "policies": [written], "evidence": evidence(3), "enforce": False}
    run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Ask", "evenkeel.release.gate": asked}]}], extra_vars={"opa_token": TOKEN})
    assert run.rc == 0, run.stdout
    result = run.result("Ask")
    assert result["verdict"] == "failed"
    assert "3 findings of drift upstream" in result["msg"]
    with sqlite3.connect(run.state_dir / "ledger.sqlite") as ledger:
        (body,) = [json.loads(data)["body"] for (data,) in ledger.execute("select bytes from evenkeel_entries where kind = 'gate'")]
    assert len(body["opa"]["company"]["result_sha256"]) == 64
    assert TOKEN not in run.stdout + run.stderr + json.dumps(body)


def test_a_policy_whose_server_was_not_asked_is_errored(plain: OPA) -> None:
    given = evidence()
    assert decide([policy(plain.url)], given, act="promote", environment=ENVIRONMENT).verdict != "passed"
