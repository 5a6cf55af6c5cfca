# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs of ansible-playbook: actions, lookup, callback, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner

HOLD = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Lease
      evenkeel.release.lease: {name: env/prod, release: 1.0.0, message: deploying, ttl: 3s}
    - name: Intent
      evenkeel.release.record: {kind: deployment, phase: intent, environment: prod, release: 1.0.0}
    - name: Wait
      ansible.builtin.command: sleep 40
"""


def play(*tasks, **more):
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks), **more}]


def task(label, action, **args):
    return {"name": label, f"evenkeel.release.{action}": args, "register": label}


def lookup(*terms, **options):
    more = "".join(f", {key}={value!r}" for key, value in options.items())
    return "{{ lookup('evenkeel.release.ledger', " + ", ".join(f"'{term}'" for term in terms) + more + ") }}"


@pytest.fixture
def state(tmp_path):
    return {"evenkeel_state_dir": str(tmp_path / "state")}


def sql(state, statement):
    connection = sqlite3.connect(Path(state["evenkeel_state_dir"]) / "ledger.sqlite")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def wait_until(ready):
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_record_and_read_back(playbook, state):
    run = playbook(
        play(
            task("intent", "record", kind="deployment", phase="intent", environment="prod", release="1.0.0", body={"db": {"password": "swordfish"}}),
            task("bad", "record", kind="deployment", phase="outcome", intent="no-such-id", verdict="passed") | {"ignore_errors": True},
            {"name": "open", "ansible.builtin.debug": {"msg": lookup("open_intents", environment="prod")}},
            task(
                "done",
                "record",
                kind="deployment",
                phase="outcome",
                environment="prod",
                release="1.0.0",
                subject="shop",
                intent="{{ intent.entry.id }}",
                verdict="passed",
            ),
            {"name": "views", "ansible.builtin.debug": {"msg": lookup("deployed", "open_intents", "head")}},
            {"name": "chosen", "ansible.builtin.debug": {"msg": lookup("entries", kind=["repair", "deployment"], phase="outcome", since=0)}},
            {"name": "later", "ansible.builtin.debug": {"msg": lookup("entries", kind="deployment", since="2999-01-01T00:00:00Z")}},
        ),
        extra_vars=state,
    )
    assert run.rc == 0, run.stdout
    assert "no entry of the ledger" in run.result("bad")["msg"]
    assert run.result("open")["msg"][0]["body"] == {"db": {"password": "[REDACTED]"}}
    assert [entry["id"] for entry in run.result("chosen")["msg"]] == [run.result("done")["entry"]["id"]]
    assert run.result("later")["msg"] == []
    deployed, open_intents, head = run.result("views")["msg"]
    assert (deployed, open_intents, head["main"]["seq"]) == ({"prod": {"shop": "1.0.0"}}, [], 2)
    assert sql(state, "SELECT seq, phase FROM evenkeel_entries ORDER BY seq") == [(1, "intent"), (2, "outcome")]


def test_check_mode_writes_nothing(playbook, state):
    tasks = (task("intent", "record", kind="gate"), task("lease", "lease", name="x"))
    run = playbook(play(*tasks), extra_vars=state, check=True)
    assert run.rc == 0, run.stdout
    assert run.result("intent")["entry"]["kind"] == "gate"
    assert run.result("lease")["changed"]
    assert not Path(state["evenkeel_state_dir"]).exists()


def test_the_actor_of_a_job_template(playbook, state):
    run = playbook(play(task("fact", "record", kind="gate")), extra_vars={**state, "awx_user_name": "ada", "awx_job_id": 42})
    assert run.result("fact")["entry"]["actor"] == {"name": "ada", "source": "awx", "job": "42"}


def test_a_run_stops_before_it_acts_when_the_store_is_unwritable(playbook, tmp_path):
    (tmp_path / "blocked").write_text("")
    act = {"name": "act", "ansible.builtin.file": {"path": str(tmp_path / "acted"), "state": "touch"}}
    run = playbook(play(task("intent", "record", kind="deployment", phase="intent"), act), extra_vars={"evenkeel_state_dir": str(tmp_path / "blocked/x")})
    assert run.rc == 2
    assert "Nothing is done without a ledger" in run.result("intent")["msg"]
    assert not (tmp_path / "acted").exists()


def _has_intent(state):
    try:
        return bool(sql(state, "SELECT 1 FROM evenkeel_entries WHERE phase = 'intent'"))
    except sqlite3.OperationalError:  # its tables are still being made
        return False


def start(tmp_path, state, plays, **env):
    """A run that is not waited for."""
    (tmp_path / "site.yml").write_text(plays)
    (tmp_path / "ansible.cfg").touch()
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "site.yml", "-e", f"evenkeel_state_dir={state['evenkeel_state_dir']}"]
    environment = {**PlaybookRunner(tmp_path).environment(tmp_path), **env}
    return subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, env=environment)


def start_holder(tmp_path, state):
    run = start(tmp_path, state, HOLD)
    deadline = time.monotonic() + 60
    database = Path(state["evenkeel_state_dir"]) / "ledger.sqlite"
    while time.monotonic() < deadline:
        if database.exists() and _has_intent(state):
            return run
        assert run.poll() is None, run.stdout.read().decode()
        time.sleep(0.2)
    raise AssertionError("the holder did not start")


def sidecars(folder):
    """Heartbeats of runs in that folder: nothing of a run is in their arguments, but their environment is the run's."""
    found = subprocess.run(["pgrep", "-f", "_ledger[.]heartbeat"], capture_output=True, text=True, check=False)
    return {int(line) for line in found.stdout.split() if _environment_names(int(line), folder)}


def _environment_names(pid, folder):
    try:
        return f"{folder}/".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_ends_badly_is_taken_over(playbook, tmp_path, state, how):
    run = start_holder(tmp_path, state)
    try:
        [(pid, first)] = sql(state, "SELECT pid, until FROM evenkeel_leases")
        assert pid == run.pid  # ansible-playbook itself, not its worker
        ours = sidecars(tmp_path)
        assert len(ours) == 1
        time.sleep(3.5)
        [(later,)] = sql(state, "SELECT until FROM evenkeel_leases")
        assert later > first  # the heartbeat renewed it beyond its first end
        refused = playbook(play(task("lease", "lease", name="env/prod")), extra_vars=state)
        assert refused.rc == 2
        for part in ("env/prod", f"pid {pid}", "release 1.0.0", "deploying", "Next:"):
            assert part in refused.result("lease")["msg"]
    finally:
        os.kill(run.pid, how)
        run.wait(timeout=30)
    if how != signal.SIGKILL:
        run.stdout.read()  # ends: nobody else holds our output open
    # A run that is killed leaves its worker, which has the lease until it expires.
    tasks = (task("lease", "lease", name="env/prod", wait="10s"), {"name": "open", "ansible.builtin.debug": {"msg": lookup("open_intents")}})
    taken = playbook(play(*tasks, task("free", "lease", name="env/prod", state="released")), extra_vars=state)
    assert taken.rc == 0, taken.stdout
    last = taken.result("lease")["lease"]["taken_over_from"]
    assert (last["pid"] != pid, "a task of it still runs" in last["message"]) == ((how == signal.SIGKILL),) * 2
    assert taken.result("lease")["lease"]["token"] == 2
    assert len(taken.result("open")["msg"]) == 1
    deadline = time.monotonic() + 10
    while ours & sidecars(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not ours & sidecars(tmp_path)


def test_releasing_what_is_not_held_hides_no_error(playbook, state):
    run = playbook(play(task("free", "lease", name="x", state="released"), task("held", "lease", name="x", state="held")), extra_vars=state)
    assert not run.result("free")["changed"]
    assert "must not change anything more" in run.result("held")["msg"]


def test_audit_keeps_every_result_without_secrets(playbook, state):
    tasks = [
        {"name": "ok", "ansible.builtin.debug": {"msg": "the password is {{ shop_password }}"}},
        {"name": "hidden", "ansible.builtin.command": "echo very-hidden-words", "no_log": True},
        {"name": "changed", "ansible.builtin.command": "true"},
        {"name": "skipped", "ansible.builtin.debug": {"msg": "x"}, "when": False},
        {"name": "broken", "ansible.builtin.command": "sh -c 'echo token=swordfish >&2; exit 3'"},
    ]
    run = playbook(
        play(*tasks, vars={"shop_password": "correct-horse"}),
        extra_vars={**state, "evenkeel_target": "prod"},
        env={"ANSIBLE_CALLBACKS_ENABLED": "evenkeel.release.audit"},
    )
    assert run.rc == 2
    query = "json_extract(bytes, '$.body.{}')"
    columns = ", ".join(query.format(name) for name in ("task", "status", "changed", "rc"))
    found = sql(state, f"SELECT {columns} FROM evenkeel_entries WHERE stream = 'audit' AND kind = 'task' ORDER BY seq")
    assert found == [("ok", "ok", 0, None), ("hidden", "ok", 1, None), ("changed", "ok", 1, 0), ("skipped", "skipped", 0, None), ("broken", "failed", 1, 3)]
    marks = sql(state, f"SELECT kind, {query.format('event')}, {query.format('verdict')} FROM evenkeel_entries WHERE kind <> 'task' ORDER BY seq")
    assert marks == [("run", "start", None), ("play", "start", None), ("play", "end", "failed"), ("run", "end", "failed")]
    written = b"".join(path.read_bytes() for path in Path(state["evenkeel_state_dir"]).iterdir())
    for secret in (b"correct-horse", b"very-hidden-words", b"swordfish"):
        assert secret not in written


@pytest.mark.parametrize(("on_error", "rc"), [("warn", 0), ("fail", 4)])
def test_audit_without_a_store(playbook, tmp_path, on_error, rc):
    (tmp_path / "blocked").write_text("")
    run = playbook(
        play({"name": "act", "ansible.builtin.debug": {"msg": "x"}}),
        extra_vars={"evenkeel_state_dir": str(tmp_path / "blocked/x")},
        env={"ANSIBLE_CALLBACKS_ENABLED": "evenkeel.release.audit", "EVENKEEL_AUDIT_ON_ERROR": on_error},
    )
    assert run.rc == rc
    assert (run.stdout + run.stderr).replace("\n", " ").count("audit trail is incomplete") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_audit_keeps_every_result_of_a_run_that_is_ended(playbook, tmp_path, state, how):
    began = tmp_path / "began"
    steps = [{"name": f"act {number}", "ansible.builtin.debug": {"msg": "x"}} for number in range(5)]
    hang = {"name": "hang", "ansible.builtin.shell": f"touch {began}; exec sleep 30"}
    run = start(tmp_path, state, json.dumps(play(*steps, hang)), ANSIBLE_CALLBACKS_ENABLED="evenkeel.release.audit")
    wait_until(began.exists)
    os.killpg(run.pid, how)
    run.wait(60)
    query = "SELECT json_extract(bytes, '$.body.task') FROM evenkeel_entries WHERE kind = 'task' AND subject = 'localhost' ORDER BY seq"
    wait_until(lambda: len(sql(state, query)) >= 5)
    assert [name for (name,) in sql(state, query)][:5] == [step["name"] for step in steps]
    assert playbook("evenkeel.release.ledger_verify", extra_vars=state).rc == 0


def test_ledger_verify(playbook, state, tmp_path):
    records = [task(f"r{number}", "record", kind="gate", body={"n": number}) for number in range(3)]
    assert playbook(play(*records), extra_vars=state).rc == 0
    variables = {**state, "evenkeel_ledger_heads": str(tmp_path / "heads.json")}
    assert playbook("evenkeel.release.ledger_verify", extra_vars=variables, check=True).rc == 0
    assert not (tmp_path / "heads.json").exists()
    run = playbook("evenkeel.release.ledger_verify", extra_vars=variables)
    assert (run.rc, run.changed) == (0, 1)
    assert run.result("Show what the ledger holds")["msg"]["entries"] == 3
    assert playbook("evenkeel.release.ledger_verify", extra_vars=variables).changed == 0
    connection = sqlite3.connect(Path(state["evenkeel_state_dir"]) / "ledger.sqlite")
    connection.executescript("DROP TRIGGER evenkeel_entries_no_delete; DELETE FROM evenkeel_entries WHERE seq = 3")
    connection.close()
    run = playbook("evenkeel.release.ledger_verify", extra_vars=variables)
    assert run.rc == 2
    assert "the tail was cut off" in run.result("Verify every entry")["msg"]
