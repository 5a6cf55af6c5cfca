# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures are tools that other tests trust, so they are tested themselves."""

from __future__ import annotations

import socket
import subprocess
import sys

import psycopg
import pytest


def test_postgresql_answers_to_psql_and_psycopg(pg):
    name = pg.create_db()
    pg.psql(name, "create table t (a int, b text); insert into t values (1, 'x'), (2, 'y')")
    assert pg.psql(name, "select * from t order by a") == "1|x\n2|y"
    with psycopg.connect(pg.url(name)) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (2,)
    assert pg.create_db() != name
    with pytest.raises(RuntimeError, match='relation "nothing" does not exist'):
        pg.psql(name, "select * from nothing")


def test_openbao_seals_and_audits(bao):
    client = bao.client()
    client.secrets.kv.v2.create_or_update_secret("fixture", secret={"a": "1"})
    before = len(bao.audit_requests())
    assert client.secrets.kv.v2.read_secret_version("fixture", raise_on_deleted_version=True)["data"]["data"] == {"a": "1"}
    seen = bao.audit_requests()[before:]
    assert [entry["request"]["path"] for entry in seen] == ["secret/data/fixture"]
    bao.seal()
    assert client.sys.is_sealed()
    bao.unseal()
    assert not client.sys.is_sealed()


def test_haproxy_runs(haproxy_bin):
    done = subprocess.run([haproxy_bin, "-v"], capture_output=True, text=True, check=True)
    assert "HAProxy version" in done.stdout


def test_playbook_captures_results(playbook):
    run = playbook(
        """
- name: Play
  hosts: all
  gather_facts: false
  tasks:
    - name: Say
      ansible.builtin.debug:
        msg: "{{ word }}"
    - name: Fail
      ansible.builtin.fail:
        msg: no
""",
        extra_vars={"word": "hello"},
    )
    assert run.rc == 2
    assert run.result("Say")["msg"] == "hello"
    assert run.stats["localhost"]["failures"] == 1
    with pytest.raises(LookupError, match="no task 'Missing' ran"):
        run.result("Missing")


def test_playbook_check_mode_and_inventory(playbook, tmp_path):
    target = tmp_path / "file"
    run = playbook(
        f"""
- name: Play
  hosts: web
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.copy:
        content: x
        dest: {target}
        mode: "0600"
""",
        inventory={"web": {"hosts": {"w1": {"ansible_connection": "local"}}}},
        check=True,
    )
    assert (run.rc, run.changed, target.exists()) == (0, 1, False)
    assert run.result("Write", "w1")["changed"]


def test_a_free_port_is_given_once(free_port):
    """Not to this process nor to another one, and never one that somebody listens on."""
    ports = [free_port() for _number in range(200)]
    script = "from ansible_collections.evenkeel.release.tests.integration.support.process import free_port; print(*(free_port() for _ in range(200)))"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert len({*ports, *map(int, other)}) == 400
    with pytest.raises(OSError), socket.socket() as claim:
        claim.connect(("127.0.0.1", ports[0]))


def test_environments_of_two_test_processes_get_other_ports():
    script = (
        "from ansible_collections.evenkeel.release.tests.integration.support.process import part_of, state_folder\n"
        "folder = state_folder('ek-'); folder.rmdir(); print(part_of(folder), flush=True); input()"
    )
    both = [subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _number in range(2)]
    assert len({process.stdout.readline() for process in both}) == 2
    for process in both:
        process.communicate("\n")
