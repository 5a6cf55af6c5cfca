# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollbacks rehearsed on the demo's staging environment; each test leaves what the next one needs."""

from __future__ import annotations

import json

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve import rehearsal

from .lab import BROKEN, TARGET, Staging

PERSON = "'Ada','ada@example.com','1','s','c','1','NL','1990-01-01','NL00'"


@pytest.fixture(scope="module")
def lab():
    with Staging() as made:
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0")
        made.sql(f"insert into customers (name, email, phone, street, city, postcode, country, birth_date, iban) values ({PERSON})")
        yield made


def evidence(lab, version):
    entries = [entry.as_dict() for entry in lab.store.entries(kind=("validation", "deployment", "rollback"))]
    return rehearsal.rehearsals(entries, lab.manifest(version), now=lab.now())


def test_production_is_refused(lab):
    run = lab.play("rollback_rehearsal", evenkeel_target="production", evenkeel_rehearse="1.1.0")
    assert run.rc != 0
    assert "production environment, where a rollback is never rehearsed" in run.stdout + run.stderr
    assert lab.store.entries(environment="production", kind="deployment") == []


def test_what_is_preserved_comes_back(lab):
    before = lab.config.read_bytes()
    keeping = [("begin", True), ("main", False), ("close", True)]
    server = {"host": "127.0.0.1", "port": lab.port, "dbname": "shop", "user": "shop", "password": "{{ secrets.database_password }}"}
    point = {**json_of(lab), "databases": {"database": {"method": "restore_point", "database": server}}}
    first = lab.tasks(*keeping, preserve_id="d1", preserve_release="1.1.0", evenkeel_preserve=point)
    # The demo's server keeps no log: a restore point alone is no way back, and so nothing goes on.
    assert first.rc != 0
    assert "database" in first.stdout
    assert "no way back" in first.stdout
    kept = lab.tasks(*keeping, preserve_id="d2", preserve_release="1.1.0")
    assert kept.rc == 0, kept.stdout[-3000:]
    steps = lab.entries(kind="step", phase="outcome")
    assert [entry.body["verdict"] for entry in steps if entry.body.get("state") == "preserved"][-2:] == ["failed", "passed"]
    assert views.open_intents(lab.entries(kind="step")) == []
    text = json.dumps([entry.as_dict() for entry in steps])
    password = next(line for line in before.decode().splitlines() if line.startswith("password = ")).split(" = ")[1]
    assert password not in text
    assert password not in kept.stdout

    lab.config.write_text("[broken]\n")
    lab.extra.write_text("new proxy\n")
    lab.flags.write_text(lab.flags.read_text().replace('"defaultVariant": "off"', '"defaultVariant": "on"'))
    back = [("find", True), ("restore", False), ("restored", True)]
    options = {"preserve_release": "1.0.0", "preserve_restart": True}
    planned = lab.tasks(*back, check=True, **options)
    assert planned.rc == 0, planned.stdout[-3000:]
    assert lab.config.read_text() == "[broken]\n"
    run = lab.tasks(*back, **options)
    assert run.rc == 0, run.stdout[-3000:]
    assert lab.config.read_bytes() == before
    assert lab.extra.read_text() == "old proxy\n"
    flags = json.loads(lab.flags.read_text())["flags"]
    assert (flags["checkout"]["defaultVariant"], flags["search"]["defaultVariant"]) == ("off", "on")
    assert "because the demo keeps no log" in run.stdout
    assert lab.served() == "1.0.0"
    again = lab.tasks(*back, **options)
    assert again.changed == 0


def json_of(lab):
    flags = [{"provider": "flagd", "path": str(lab.flags), "flags": ["checkout"]}]
    return {"files": [str(lab.extra)], "flags": flags, "databases": {"database": {"method": "none", "reason": "the demo keeps no log"}}}


def test_a_rollback_that_works_is_evidence(lab):
    assert evidence(lab, "1.1.0")["verdict"] == "none"
    orders = lab.sql("select count(*) from orders")[0][0]
    run = lab.play("rollback_rehearsal", evenkeel_rehearse="1.1.0")
    assert run.rc == 0, run.stdout[-5000:]
    lab_is_back(lab)
    assert lab.sql("select count(*) from orders")[0][0] == orders + 1
    found = evidence(lab, "1.1.0")
    assert (found["passed"], found["from"], found["environment"]) == (True, "1.0.0", TARGET)
    assert "Ada" not in json.dumps([entry.as_dict() for entry in lab.entries(kind="validation")])
    # The rehearsal says nothing against the release: it may go out now.
    states = [entry.body["state"] for entry in lab.entries(kind="hold") if entry.release == "1.1.0"]
    assert states == ["held", "lifted"]


def test_a_rollback_that_does_not_work_is_found(lab):
    run = lab.play("rollback_rehearsal", evenkeel_rehearse=BROKEN)
    assert run.rc != 0
    assert "orders of a customer" in run.stdout
    lab_is_back(lab)
    found = evidence(lab, BROKEN)
    assert (found["passed"], found["verdict"]) == (False, "failed")
    assert any("after the rollback" in reason for reason in found["reasons"])
    # The one that worked is not touched by it.
    assert evidence(lab, "1.1.0")["passed"]


def lab_is_back(lab):
    assert lab.served() == "1.0.0"
    assert set(lab.current().values()) == {"1.0.0"}
    assert views.open_intents(lab.entries()) == []
