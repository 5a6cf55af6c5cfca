# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.secrets.scene import Scene, eventually

CHECK = "evenkeel.release.secrets_check"


def inventory(wanted: dict[str, str]) -> dict[str, Any]:
    return {"staging": {"hosts": {"h1": {}, "h2": {}}, "vars": {"evenkeel_secrets_wanted": wanted}}}


@pytest.mark.parametrize("check", [False, True])
def test_it_names_versions_and_never_values(playbook: Any, scene: Scene, check: bool) -> None:
    wanted = scene.put_many(2)
    run = playbook(CHECK, inventory=inventory(wanted), extra_vars={"evenkeel_target": "staging"}, check=check, env=scene.env)
    assert run.rc == 0, run.stdout + run.stderr
    assert run.changed == 0
    shown = run.result("Show what each name would read")["msg"]
    assert shown["secrets"][0] == {
        "name": "s0",
        "secret": f"secret/{scene.folder}/s0",
        "key": "value",
        "ok": True,
        "version": 1,
    }
    assert 0 < shown["token_seconds_left"] <= 600
    assert "value-0" not in run.stdout
    assert eventually(lambda: scene.live_tokens() == 0)


def test_it_fails_with_every_fault(playbook: Any, scene: Scene) -> None:
    wanted = {**scene.put_many(1), "a": f"{scene.folder}/s0#nokey", "b": f"{scene.folder}/forbidden"}
    run = playbook(CHECK, inventory=inventory(wanted), extra_vars={"evenkeel_target": "staging"}, env=scene.env)
    assert run.rc == 2
    faults = run.result("Refuse secrets that can't be read")["msg"]
    assert len(faults) == 2
    assert "has no key 'nokey'. Keys it has: value." in faults[0]
    assert "403" in faults[1]


def test_it_fails_when_it_cannot_log_in(playbook: Any, scene: Scene) -> None:
    env = {**scene.env, "VAULT_ROLE_ID": "nobody-we-know"}
    run = playbook(CHECK, inventory=inventory(scene.put_many(1)), extra_vars={"evenkeel_target": "staging"}, env=env)
    assert run.rc == 2
    assert "refused the login" in run.result("Refuse secrets that can't be read")["msg"][0]


def test_a_token_that_ends_too_soon_is_refused(playbook: Any, scene: Scene) -> None:
    run = playbook(
        CHECK,
        inventory=inventory(scene.put_many(1)),
        extra_vars={"evenkeel_target": "staging", "evenkeel_secrets_min_ttl": 86400},
        env=scene.env,
    )
    assert run.rc == 2
    assert "less than evenkeel_secrets_min_ttl (86400)" in run.result("Refuse a token that ends too soon")["msg"]


def test_an_unknown_environment_is_refused(playbook: Any, scene: Scene) -> None:
    run = playbook(CHECK, inventory=inventory({}), extra_vars={"evenkeel_target": "stagign"}, env=scene.env)
    assert run.rc == 2
    message = run.result("Refuse an unknown environment")["msg"]
    assert "evenkeel_target is 'stagign', not an environment" in message
    assert "all, staging, ungrouped" in message
