# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios as a playbook runs them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.tests.integration.probe.conftest import take
from ansible_collections.evenkeel.release.tests.integration.support import module
from ansible_collections.evenkeel.release.tests.unit.probe.shop_app import CSRF, PASSWORD, SESSION, running, scenario


def test_a_playbook_orders_and_cancels_beside_other_probes_and_shows_no_secret(playbook: Any) -> None:
    with running() as shop:
        port = shop.server_address[1]
        probes = [
            scenario(shop.url, headers={"X-Api-Key": "key-of-the-shop"}),
            {**scenario(shop.url, secrets={"password": "another-password"}), "name": "wrong password"},
            {"name": "each", "type": "tcp", "host": "127.0.0.1", "port": port, "addresses": "each"},
            {"name": "echo", "type": "http", "url": f"{shop.url}/echo", "conditions": [{"metric": "jmespath:length(items)", "value": 2}]},
        ]
        task = {"name": "Probe", "evenkeel.release.health_probe": {"probes": probes, "fail_on": []}}
        run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}], args=("-vvv",))
    result = run.result("Probe")
    order, wrong, each, echo = result["probes"]
    assert [one["verdict"] for one in (order, wrong, each, echo)] == ["passed", "failed", "passed", "passed"], result["msg"]
    assert (each["address"], each["family"]) == ("127.0.0.1", "IPv4")
    assert [step["state"] for step in order["steps"]] == ["passed"] * 5
    assert [step["target"] for step in order["steps"]][-1] == "/orders/$(id)"
    assert shop.orders == {}
    for secret in (PASSWORD, "another-password", SESSION, CSRF, "key-of-the-shop"):
        assert secret not in str(result)
        assert secret not in run.stdout + run.stderr


def test_faults_of_a_scenario_are_all_told_and_nothing_is_sent(playbook: Any) -> None:
    with running() as shop:
        bad = scenario(shop.url, steps=[{"name": "a", "path": "/$(nothing)"}, {"name": "b", "extract": {"x": {"jmespath": "a["}}}])
        task = {"name": "Probe", "evenkeel.release.health_probe": {"probes": [bad]}}
        run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    assert run.rc != 0
    assert shop.seen == []
    message = run.result("Probe")["msg"]
    assert "$(nothing) is set by nothing before it" in message
    assert "extract.x: 'a[' is no JMESPath expression" in message


def test_a_scenario_uses_a_server_that_nobody_wrote_for_it(bao: Any) -> None:
    """OpenBao: make a token, keep something with it, read it back, and revoke the token whatever happens."""
    token = {"X-Vault-Token": "$(client_token)"}
    emptied = [{"metric": "status", "value": 204}]
    steps = [
        {
            "name": "token",
            "path": "/v1/auth/token/create",
            "headers": {"X-Vault-Token": "$(root)"},
            "body": {"policies": ["default"], "ttl": "10m"},
            "extract": {"client_token": {"jmespath": "auth.client_token"}, "policies": {"json": "/auth/policies/0"}},
        },
        {
            "name": "keep",
            "path": "/v1/cubbyhole/probe",
            "headers": token,
            "body": {"words": ["a", "b"], "n": 7},
            "expect": [{"metric": "status", "value": 204}],
        },
        {
            "name": "read",
            "path": "/v1/cubbyhole/probe",
            "headers": token,
            "expect": [
                {"metric": "jmespath:data.words | join('-', @)", "value": "a-b"},
                {"metric": "json.data.n", "value": 7},
                {"metric": "header.Content-Type", "op": "contains", "value": "json"},
            ],
        },
    ]
    cleanup = [{"name": "revoke", "path": "/v1/auth/token/revoke-self", "method": "POST", "headers": token, "expect": emptied}]
    probe = {"type": "scenario", "url": bao.addr, "secrets": {"root": bao.root_token}, "steps": steps, "cleanup": cleanup}
    made = len(bao.client().list("auth/token/accessors")["data"]["keys"])
    result = take(**probe)
    assert (result["verdict"], [step["state"] for step in result["steps"]]) == ("passed", ["passed"] * 4), result
    assert len(bao.client().list("auth/token/accessors")["data"]["keys"]) == made
    assert bao.root_token not in str(result)

    leak = {"name": "show", "path": "/v1/auth/token/lookup-self", "headers": token, "expect": [{"metric": "json.data.id", "value": "another"}]}
    shown = take(**{**probe, "steps": [steps[0], leak]})
    assert (shown["verdict"], "json.data.id is ***, allowed: = another" in shown["reason"]) == ("failed", True), shown
    assert len(bao.client().list("auth/token/accessors")["data"]["keys"]) == made

    denied = take(**{**probe, "secrets": {"root": "not-the-root-token"}})
    assert "status is 403" in denied["reason"]
    assert denied["steps"][-1]["state"] == "skipped"


def test_bodies_and_variables_stay_out_of_the_hosts_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible writes a module's parameters there; the results stay readable all the same."""
    logged: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, msg, log_args=None: logged.append(f"{msg} {log_args}"))
    place = {"host": "127.0.0.1", "port": 1}
    probes = [
        {"name": "pay", "type": "http", **place, "method": "POST", "body": {"card": "of-the-customer", "kind": "127.0.0.1"}},
        {"name": "buy", "type": "scenario", **place, "variables": {"card": "of-the-customer"}, "steps": [{"path": "/"}]},
    ]
    found = module.run("health_probe", probes=probes, fail_on=[])
    assert logged
    assert "of-the-customer" not in str(logged)
    assert [probe["target"].startswith("http://127.0.0.1:1") for probe in found["probes"]] == [True, True], found
