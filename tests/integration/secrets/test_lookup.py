# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.secrets.scene import (
    HOSTS,
    Scene,
    eventually,
    play,
    show,
)


def failure(playbook: Any, scene: Scene, term: Any, **env: str) -> str:
    run = playbook(play(show(), wanted=term), inventory="h1,", env={**scene.env, **env})
    assert run.rc == 2, run.stdout
    return str(run.result("show")["msg"])


def test_one_login_and_one_read_per_secret_whatever_the_hosts_and_references(playbook: Any, scene: Scene) -> None:
    wanted = scene.put_many(20)
    tasks = [show(f"show {n}", f"{{{{ secrets.s3 }}}}-{{{{ secrets.s4 }}}}-{{{{ secrets.s{n + 5} }}}}") for n in range(3)]
    run = playbook(play(*tasks, wanted=wanted), inventory=HOSTS, env=scene.env)
    assert run.rc == 0, run.stdout + run.stderr
    assert {r["msg"] for r in run.results("show 2").values()} == {"value-3-value-4-value-7"}
    assert eventually(lambda: scene.requests()["auth/token/revoke-self"] == 1)
    seen = scene.requests()
    assert seen["auth/approle/login"] == 1
    assert {path: n for path, n in seen.items() if path.startswith("secret/")} == {f"secret/data/{scene.folder}/s{n}": 1 for n in range(20)}
    assert sum(seen.values()) == 20 + 2
    assert scene.live_tokens() == 0


def test_forms_of_terms(playbook: Any, scene: Scene) -> None:
    scene.put("db", user="u1", password="{{ not_rendered }}")
    scene.put("db", user="u2", password="p2")
    folder = scene.folder
    wanted = {"old": f"{folder}/db#password@1", "whole": f"{folder}/db", "new": f"/{folder}/db#user"}
    one = f"{{{{ query('evenkeel.release.vault_secret', '{folder}/db#user', '{folder}/db@1') }}}}"
    run = playbook(play(show(), show("one", one), wanted=wanted), inventory="h1,", env=scene.env)
    assert run.rc == 0, run.stdout
    assert run.result("show")["msg"] == {
        "old": "{{ not_rendered }}",
        "whole": {"user": "u2", "password": "p2"},
        "new": "u2",
    }
    assert run.result("one")["msg"] == ["u2", {"user": "u1", "password": "{{ not_rendered }}"}]


def test_a_token_of_the_user_is_used_and_not_revoked(playbook: Any, scene: Scene) -> None:
    wanted = scene.put_many(3)
    token = scene.bao.client().auth.token.create(policies=[scene.role], ttl="1h")["auth"]["client_token"]
    env = {"BAO_ADDR": scene.bao.addr, "BAO_TOKEN": token}
    before = len(scene.bao.audit_requests())
    run = playbook(play(show(), wanted=wanted), inventory=HOSTS, env=env)
    assert run.rc == 0, run.stdout
    entries = [e for e in scene.bao.audit_requests()[before:] if scene.role in e.get("auth", {}).get("policies", ())]
    assert len(entries) == 3 + 1, [entry["request"]["path"] for entry in entries]
    assert scene.bao.client(token).auth.token.lookup_self()["data"]["ttl"] > 0


def test_options_from_variables_are_templated(playbook: Any, scene: Scene) -> None:
    wanted = scene.put_many(1)
    variables = {
        "where": scene.bao.addr,
        "evenkeel_vault_url": "{{ where }}",
        "evenkeel_vault_auth_method": "approle",
        "evenkeel_vault_role_id": scene.role_id,
        "evenkeel_vault_secret_id": "{{ 'x' | replace('x', inner) }}",
        "inner": scene.secret_id,
    }
    run = playbook(play(show(), wanted=wanted, **variables), inventory="h1,")
    assert run.rc == 0, run.stdout
    assert run.result("show")["msg"] == {"s0": "value-0"}


def test_a_lookup_in_the_main_process_shares_the_broker_with_the_workers(playbook: Any, scene: Scene) -> None:
    wanted = scene.put_many(2)
    named = show("show {{ secrets.s0 | length }}")
    run = playbook(play(named, show(), wanted=wanted), inventory=HOSTS, env=scene.env)
    assert run.rc == 0, run.stdout
    assert eventually(lambda: scene.requests()["auth/token/revoke-self"] == 1)
    assert scene.requests()["auth/approle/login"] == 1


def test_a_secret_that_changes_during_the_run_keeps_its_first_version(playbook: Any, scene: Scene) -> None:
    scene.put("db", password="first")
    write = {
        "name": "someone writes a new version",
        "ansible.builtin.uri": {
            "url": f"{scene.bao.addr}/v1/secret/data/{scene.folder}/db",
            "method": "POST",
            "headers": {"X-Vault-Token": scene.bao.root_token},
            "body_format": "json",
            "body": {"data": {"password": "second"}},
        },
        "run_once": True,
    }
    explicit = f"{{{{ lookup('evenkeel.release.vault_secret', '{scene.folder}/db#password@2') }}}}"
    run = playbook(
        play(
            show("before"),
            write,
            show("after"),
            show("asked for", explicit),
            wanted={"p": f"{scene.folder}/db#password"},
        ),
        inventory="h1,h2,",
        env=scene.env,
    )
    assert run.rc == 0, run.stdout
    assert [run.result(name)["msg"] for name in ("before", "after")] == [{"p": "first"}] * 2
    assert run.result("asked for")["msg"] == "second"


def test_every_fault_is_in_one_report_without_values(playbook: Any, scene: Scene) -> None:
    scene.put("db", user="u", password="topsecret")
    scene.put("gone", key="topsecret")
    scene.put("ashes", key="topsecret")
    kv = scene.bao.client().secrets.kv.v2
    kv.delete_latest_version_of_secret(f"{scene.folder}/gone")
    kv.destroy_secret_versions(f"{scene.folder}/ashes", versions=[1])
    f = scene.folder
    text = failure(
        playbook,
        scene,
        {
            "a": f"{f}/db#passwort",
            "b": f"{f}/forbidden#x",
            "c": f"{f}/none#x",
            "d": f"{f}/gone#key",
            "e": f"{f}/ashes#key",
        },
    )
    assert f"Secret secret/{f}/db has no key 'passwort'. Keys it has: password, user." in text
    assert f"Reading secret/{f}/forbidden was refused (403, permission denied)" in text
    assert f'path "secret/data/{f}/forbidden" {{ capabilities = ["read"] }}' in text
    assert f"There is no secret secret/{f}/none (404)" in text
    assert f"Secret secret/{f}/gone: version 1 was deleted at 20" in text
    assert f"Secret secret/{f}/ashes: version 1 was destroyed" in text
    assert "5 faults:" in text
    assert "topsecret" not in text


def test_a_mount_that_is_not_there(playbook: Any, scene: Scene) -> None:
    assert "There is no KV secrets engine at mount 'nomount'" in failure(playbook, scene, {"a": "x/y#z"}, EVENKEEL_VAULT_MOUNT="nomount")


def test_wrong_secret_id_is_tried_once_for_all_hosts(playbook: Any, scene: Scene) -> None:
    wanted = scene.put_many(2)
    wrong = "11111111-2222-3333-4444-555555555555"
    run = playbook(play(show(), wanted=wanted), inventory=HOSTS, env={**scene.env, "VAULT_SECRET_ID": wrong}, args=("-f", "2"))
    assert run.rc == 2
    text = run.result("show")["msg"]
    assert "refused the login with auth_method approle (400: invalid role or secret ID)" in text
    assert "Check role_id and secret_id" in text
    assert wrong not in run.stdout + run.stderr
    assert scene.requests()["auth/approle/login"] == 1


def test_wrong_token(playbook: Any, scene: Scene) -> None:
    wrong = "s.wrongtokenwrongtoken"
    text = failure(playbook, scene, {"a": "x/y#z"}, EVENKEEL_VAULT_AUTH_METHOD="token", VAULT_TOKEN=wrong)
    assert "refused the login with auth_method token (403" in text
    assert wrong not in text


def test_sealed(playbook: Any, scene: Scene) -> None:
    wanted = scene.put_many(2)
    scene.bao.seal()
    try:
        text = failure(playbook, scene, wanted)
    finally:
        scene.bao.unseal()
    assert f"The secrets server {scene.bao.addr} is sealed" in text
    assert "bao operator unseal" in text


def test_nobody_listens(playbook: Any, scene: Scene, free_port: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    text = failure(playbook, scene, {"a": "x/y#z"}, VAULT_ADDR=url, EVENKEEL_VAULT_RETRIES="0")
    assert f"The secrets server {url} can't be reached: " in text
    assert "refused" in text
    assert "object at 0x" not in text


def test_an_address_that_swallows_requests_ends_by_the_timeout(playbook: Any, scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        text = failure(playbook, scene, {"a": "x/y#z"}, VAULT_ADDR=url, EVENKEEL_VAULT_TIMEOUT="0.5")
    assert "no answer within 0.5 s (option timeout)" in text


def test_a_certificate_of_an_unknown_authority(playbook: Any, scene: Scene, certificate: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def greet(listener: socket.socket) -> None:
        while True:
            try:
                context.wrap_socket(listener.accept()[0], server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=(listener,), daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        text = failure(playbook, scene, {"a": "x/y#z"}, VAULT_ADDR=url, EVENKEEL_VAULT_RETRIES="0")
        listener.shutdown(socket.SHUT_RDWR)
    assert f"The TLS connection to the secrets server {url} failed" in text
    assert "Set ca_cert" in text


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"VAULT_ADDR": ""}, "The address of the secrets server is not set"),
        ({"VAULT_ADDR": "vault.example.com"}, "is 'vault.example.com'"),
        ({"VAULT_ROLE_ID": ""}, "auth_method approle needs role_id"),
        ({"EVENKEEL_VAULT_TIMEOUT": "-1"}, "Option timeout is -1"),
        ({"VAULT_CACERT": "/nonexistent/ca.pem"}, "there is no /nonexistent/ca.pem"),
    ],
)
def test_options_are_checked_before_any_request(playbook: Any, scene: Scene, env: dict[str, str], expected: str) -> None:
    assert expected in failure(playbook, scene, {"a": "x/y#z"}, **env)
    assert not scene.requests()
