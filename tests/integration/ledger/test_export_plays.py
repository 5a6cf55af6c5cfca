# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries in other systems: a real syslog server, an HTTP server that reads CloudEvents by their own SDK, files."""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.rsyslog import Rsyslog
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

SECRET = "geheim-und-lang"


def play(*tasks):
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]


def records(count, start=0, **body):
    entries = ({"kind": "gate", "subject": f'g{number} "]\\', "body": {"n": number, **body}} for number in range(start, start + count))
    return [{"evenkeel.release.record": entry} for entry in entries]


def export(**options):
    return {"name": "Export", "evenkeel.release.ledger_export": options}


@pytest.fixture(scope="module")
def rsyslog():
    server = Rsyslog()
    yield server
    server.stop()


@pytest.fixture
def variables(tmp_path):
    return {"evenkeel_state_dir": str(tmp_path / "state")}


def test_syslog_by_every_way(playbook, rsyslog, variables, tmp_path):
    """Each message is read once by each of three ways, and a second run sends what is new."""
    ways = {
        "tcp": {"dest": f"tcp://127.0.0.1:{rsyslog.ports['tcp']}"},
        "tls": {"dest": f"tls://localhost:{rsyslog.ports['tls']}", "ca_path": str(rsyslog.ca)},
        "udp": {"dest": f"udp://127.0.0.1:{rsyslog.ports['udp']}"},
    }
    steps = [export(format="syslog", name=name, position=str(tmp_path / name), **way) for name, way in ways.items()]
    run = playbook(play(*records(2, note="grüße"), *steps), extra_vars=variables)
    assert run.rc == 0, run.stdout
    assert playbook(play(*records(1, start=2), *steps), extra_vars=variables).rc == 0
    again = playbook(play(*steps), extra_vars=variables)
    assert (again.rc, again.changed) == (0, 0)
    found = rsyslog.taken(9)
    seen = [(message["rfc5424-sd"]["entry@32473"]["ledger"], message["rfc5424-sd"]["entry@32473"]["subject"]) for message in found]
    assert sorted(seen) == sorted((name, f'g{number} "]\\') for name in ways for number in range(3))
    first = found[0]
    assert (first["app"], first["msgid"], first["severity"], str(first["facility"])) == ("evenkeel", "gate", "info", "13")
    assert json.loads(first["text"].removeprefix("\ufeff"))["note"] == "grüße"


def test_a_server_that_is_not_there_loses_nothing(playbook, rsyslog, variables, tmp_path):
    dead, untrusted = {"dest": "tcp://127.0.0.1:1"}, {"dest": f"tls://localhost:{rsyslog.ports['tls']}"}
    before = len(rsyslog.taken(0))
    for way, told in ((dead, "refused"), (untrusted, "its certificate was refused")):
        run = playbook(play(*records(1), export(format="syslog", position=str(tmp_path / "position"), **way)), extra_vars=variables)
        assert run.rc != 0
        assert told in run.stdout
    run = playbook(play(export(format="syslog", position=str(tmp_path / "position"), dest=f"tcp://127.0.0.1:{rsyslog.ports['tcp']}")), extra_vars=variables)
    assert run.rc == 0, run.stdout
    assert len(rsyslog.taken(before + 2)) == before + 2


class Broker(http.server.BaseHTTPRequestHandler):
    events: list[object] = []
    refuses = False

    def do_POST(self):
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"].startswith("application/cloudevents-batch+json")
        assert self.headers["Authorization"] == f"Bearer {SECRET}"
        if not self.refuses:
            self.events.extend(JSONFormat().read(CloudEvent, json.dumps(event)) for event in batch)
        self.send_response(403 if self.refuses else 202)
        self.end_headers()

    def log_message(self, *_args):
        """Silent."""


def test_cloudevents(playbook, variables, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    step = export(
        format="cloudevents",
        dest=f"http://127.0.0.1:{server.server_port}/hook",
        headers={"Authorization": f"Bearer {SECRET}"},
        kinds=["gate"],
        position=str(tmp_path / "position"),
    )
    try:
        Broker.refuses = True
        refused = playbook(play(*records(3), {"evenkeel.release.record": {"kind": "report"}}, step), extra_vars=variables)
        assert refused.rc != 0
        assert "answered 403" in refused.stdout
        Broker.refuses = False
        run = playbook(play(step), extra_vars=variables)
    finally:
        server.shutdown()
        server.server_close()
    assert run.rc == 0, run.stdout
    assert SECRET not in refused.stdout + refused.stderr + run.stdout
    assert [event.get_type() for event in Broker.events] == ["io.evenkeel.release.gate.fact"] * 3
    assert [event.get_data()["body"]["n"] for event in Broker.events] == [0, 1, 2]


def test_files(playbook, variables, tmp_path):
    whole, more = {"dest": str(tmp_path / "whole.jsonl")}, {"dest": str(tmp_path / "more.jsonl"), "position": str(tmp_path / "position")}
    for start in (0, 2):
        run = playbook(play(*records(2, start=start), export(**whole), export(**more)), extra_vars=variables)
        assert run.rc == 0, run.stdout
    for path in (tmp_path / "whole.jsonl", tmp_path / "more.jsonl"):
        assert [json.loads(line)["body"]["n"] for line in path.read_text().splitlines()] == [0, 1, 2, 3]
        assert path.stat().st_mode & 0o777 == 0o600
    dry = playbook(play(*records(1), export(**more)), extra_vars=variables, check=True)
    assert (dry.rc, dry.result("Export")["pending"]) == (0, 0)
    with sqlite3.connect(tmp_path / "state/ledger.sqlite") as ledger:
        ledger.executescript("DROP TRIGGER evenkeel_entries_no_delete; DELETE FROM evenkeel_entries WHERE seq > 2;")
    cut = playbook(play(export(**more)), extra_vars=variables)
    assert cut.rc != 0
    assert "was cut off or is another ledger" in cut.stdout
