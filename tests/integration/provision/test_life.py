# SPDX-License-Identifier: GPL-3.0-or-later
"""One environment from nothing to nothing again, beside another one. The tests build on each other, in this order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from .scene import KV_SECRET, SECRETS, Scene, http, listens, pids, processes, server_pid, started_at, tree, wait_for


def test_check_mode_without_any_state_says_what_it_would_do(scene: Scene):
    run = scene.play("provision", "alpha", check=True)
    assert run.rc == 0, run.stdout
    tasks = [task for play in run.json["plays"] for task in play["tasks"] if task["task"]["name"] == "Run the service"]
    changes = [change for task in tasks for result in task["hosts"].values() for item in result.get("results", []) for change in item["changes"]]
    assert "process database-alpha-database" in changes
    assert "database shop" in changes
    assert any(change.startswith("database cluster") for change in changes)
    assert list(scene.state.iterdir()) == []
    assert processes(scene.state) == []


def test_every_part_answers_after_provision(scene: Scene):
    scene.must("provision", "beta")
    run = scene.must("provision", "alpha", args=("--diff", "-vvv"))
    assert scene.psql("select current_user || ' ' || current_database()") == "shop shop"
    vault, balancer = scene.endpoint("vault"), scene.endpoint("balancer")
    assert http(f"http://127.0.0.1:{vault['ports']['main']}/v1/sys/health")[0] == 200
    assert http(f"http://127.0.0.1:{balancer['ports']['http']}/")[0] == 503
    # the two tests of secrets below look at this run
    (scene.home / "output").write_text(run.stdout + run.stderr)


def test_a_wrong_password_is_refused(scene: Scene):
    with pytest.raises(RuntimeError, match="password authentication failed"):
        scene.psql("select 1", password="wrong")


def test_the_vault_holds_what_was_asked_for(scene: Scene):
    vault = scene.endpoint("vault")
    url = f"http://127.0.0.1:{vault['ports']['main']}/v1/"
    folder = Path(vault["paths"]["approles"])
    login = json.dumps({"role_id": (folder / "app.role_id").read_text().strip(), "secret_id": (folder / "app.secret_id").read_text().strip()})
    answer = subprocess.run(["curl", "-sf", url + "auth/approle/login", "-d", "@-"], input=login, capture_output=True, text=True, check=True)
    token = json.loads(answer.stdout)["auth"]["client_token"]
    found = subprocess.run(["curl", "-sf", url + "secret/data/app", "-H", "@-"], input=f"X-Vault-Token: {token}\n", capture_output=True, text=True, check=True)
    data = json.loads(found.stdout)["data"]["data"]
    assert data["token"] == KV_SECRET
    assert len(data["made"]) == 32


def test_services_start_in_the_order_of_their_dependencies(scene: Scene):
    ports = [scene.endpoint(service)["ports"] for service in ("vault", "database", "balancer")]
    began = [min(started_at(pid) for pid in server_pid(at.get("main") or at["http"])) for at in ports]
    assert began == sorted(began)
    assert len(set(began)) == 3


def test_no_secret_in_arguments_output_ledger_or_open_files(scene: Scene):
    words = [secret.encode() for secret in SECRETS]
    for pid in processes(scene.state):
        assert not any(word in Path(f"/proc/{pid}/cmdline").read_bytes() for word in words)
        assert not any(word in Path(f"/proc/{pid}/environ").read_bytes() for word in words)
    output = (scene.home / "output").read_bytes()
    assert not any(word in output for word in words)
    assert not any(json.dumps(secret)[1:-1].encode() in output for secret in SECRETS)
    for path in scene.state.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert not any(word in path.read_bytes() for word in words), path


def test_files_of_the_environment_are_private(scene: Scene):
    vault = scene.endpoint("vault")
    kept = [Path(vault["paths"]["keys"]), *Path(vault["paths"]["approles"]).iterdir(), scene.state / "provisioned/alpha.json"]
    kept += (scene.state / "environments/alpha/supervisor").rglob("*.sh")
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in kept} == {path.name: "0o0" for path in kept}


def test_a_second_run_changes_nothing(scene: Scene):
    record, running = scene.record(), sorted(pids(scene.state, "alpha"))
    again = scene.must("provision", "alpha")
    assert again.changed == 0
    checked = scene.must("provision", "alpha", check=True)
    assert checked.changed == 0
    assert scene.record() == record
    assert sorted(pids(scene.state, "alpha")) == running


def test_a_killed_process_comes_back(scene: Scene):
    port = scene.endpoint("balancer")["ports"]["http"]
    (before,) = server_pid(port)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: server_pid(port) - {before})
    assert http(f"http://127.0.0.1:{port}/")[0] == 503


def test_provision_mends_a_supervisord_that_was_killed(scene: Scene):
    scene.psql("create table kept as select 42 as answer")
    before = server_pid(scene.endpoint("database")["ports"]["main"])
    os.kill(scene.supervisord(), signal.SIGKILL)
    assert listens(scene.endpoint("database")["ports"]["main"]), "the children stay: that is what has to be mended"
    scene.must("provision", "alpha")
    assert scene.psql("select answer from kept") == "42"
    assert not before & server_pid(scene.endpoint("database")["ports"]["main"])
    assert len(pids(scene.state, "bin/bao")) == 1
    assert scene.must("provision", "alpha").changed == 0


def test_the_ledger_knows_the_endpoints_when_the_record_is_lost(scene: Scene):
    record = scene.record()
    (scene.state / "provisioned/alpha.json").unlink()
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Look", "ansible.builtin.debug": {"msg": "{{ found }}"}}]}]
    play[0]["vars"] = {"found": "{{ lookup('evenkeel.release.endpoints', 'alpha') }}"}
    run = scene.runner(play, env={"EVENKEEL_STATE_DIR": str(scene.state)})
    assert run.result("Look")["msg"] == record
    scene.must("provision", "alpha")
    assert scene.record() == record


def test_teardown_in_check_mode_removes_nothing(scene: Scene):
    files, running = tree(scene.state / "environments"), sorted(pids(scene.state, "alpha"))
    run = scene.must("teardown", "alpha", check=True)
    removed = run.result("Stop the processes and remove their folders", "alpha-vault")["removed"]
    assert "supervisord of alpha" in removed
    assert str(scene.state / "environments/alpha") in removed
    assert set(files) <= set(tree(scene.state / "environments"))
    assert sorted(pids(scene.state, "alpha")) == running


def test_production_is_not_torn_down_by_accident(scene: Scene):
    run = scene.play("teardown", "beta")
    assert run.rc != 0
    assert 'needed is "beta"' in run.stdout
    assert "Nothing was removed" in run.stdout
    assert listens(scene.endpoint("balancer", "beta")["ports"]["http"])


def test_teardown_removes_its_own_and_nothing_else(scene: Scene):
    ports = [port for hosts in scene.record().values() for at in hosts.values() for port in at["ports"].values()]
    folders = [at["paths"]["root"] for hosts in scene.record().values() for at in hosts.values()]
    beta, running = tree(scene.state / "environments/beta"), sorted(pids(scene.state, "beta"))
    scene.must("teardown", "alpha")
    assert processes(scene.state / "environments/alpha") == []
    assert [port for port in ports if listens(port)] == []
    assert [path for path in folders if Path(path).exists()] == []
    assert not (scene.state / "environments/alpha").exists()
    assert not (scene.state / "provisioned/alpha.json").exists()
    assert all(key.startswith("beta/") for key in json.loads((scene.state / "ports.json").read_text()))
    assert set(tree(scene.state / "environments/beta")) == set(beta)
    assert sorted(pids(scene.state, "beta")) == running
    assert scene.must("teardown", "alpha").changed == 0


def test_production_goes_when_its_name_is_given_and_its_supervisord_was_killed(scene: Scene):
    port = scene.endpoint("balancer", "beta")["ports"]["http"]
    os.kill(scene.supervisord("beta"), signal.SIGKILL)
    assert listens(port)
    scene.must("teardown", "beta", teardown_confirm="beta")
    assert not listens(port)
    assert processes(scene.state) == []
