# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports and messages by real runs of ansible-playbook, out of a real ledger."""

from __future__ import annotations

import http.server
import json
import stat
import subprocess
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, source
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from prometheus_client.parser import text_string_to_metric_families

MODE = {"path": "file:/etc/shop/shop.ini", "kind": "changed", "severity": "high", "before": {"mode": "0640"}, "after": {"mode": "0666"}}
FORMATS = ("json", "junit", "prometheus", "sarif")


@pytest.fixture
def ledger_url(tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def scan(ledger_url):
    def run(*findings, subject="web1/shop"):
        body = {"verdict": "failed" if findings else "passed", "findings": list(findings), "allowed": [], "unused": [], "score": 20.0}
        with open_store(ledger_url, actor={"name": "ada", "source": "os"}) as store:
            store.append([NewEntry(kind="drift", phase="fact", environment="staging", subject=subject, body=body)])

    return run


@pytest.fixture
def play(playbook, ledger_url):
    def run(tasks, **more):
        named = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks)]
        variables = {"evenkeel_ledger_url": ledger_url, "evenkeel_target": "staging"}
        return playbook([{"name": "Test", "hosts": "localhost", "gather_facts": False, "tasks": named}], extra_vars=variables, **more)

    return run


def _export(folder, name, **options):
    return {"evenkeel.release.drift_export": {"format": name, "dest": str(folder / f"drift.{name}"), **options}}


def test_each_format_is_written_once_whole_and_as_check_said(play, scan, tmp_path):
    scan(MODE)
    scan(MODE, {**MODE, "path": "file:/etc/shop/new.ini"})
    out = tmp_path / "out"
    tasks = [_export(out, name, mode="0644" if name == "prometheus" else "0600") for name in FORMATS]
    checked = play(tasks, check=True, args=("--diff",))
    assert (checked.rc, checked.changed, out.exists()) == (0, len(FORMATS), False)
    assert '+ "format": "evenkeel-drift"' in checked.stdout
    first = play(tasks)
    assert (first.rc, first.changed) == (0, len(FORMATS)), first.stdout
    said = first.result("Task 0")
    assert (said["verdict"], said["subjects"], said["findings"], said["new"], said["by_severity"]["high"]) == ("failed", 1, 2, 1, 2)
    assert {name: stat.S_IMODE((out / f"drift.{name}").stat().st_mode) for name in FORMATS} == {
        "json": 0o600,
        "junit": 0o600,
        "prometheus": 0o644,
        "sarif": 0o600,
    }
    assert ET.parse(out / "drift.junit").getroot().get("failures") == "1"
    assert {family.name for family in text_string_to_metric_families((out / "drift.prometheus").read_text())} >= {"evenkeel_drift_findings"}
    results = json.loads((out / "drift.sarif").read_text())["runs"][0]["results"]
    assert sorted(result["baselineState"] for result in results) == ["new", "unchanged"]
    assert play(tasks).changed == 0
    (out / "drift.json").chmod(0o644)
    assert play(tasks[:1]).changed == 1
    assert stat.S_IMODE((out / "drift.json").stat().st_mode) == 0o600


def test_results_at_hand_and_what_cannot_be_written(play, tmp_path):
    (tmp_path / "file").touch()
    given = {"web1/shop": {"verdict": "failed", "findings": [MODE], "allowed": [], "unused": []}, "web1/database": {"verdict": "passed", "findings": []}}
    failing = [{**_export(tmp_path / "file", "json", results=given), "ignore_errors": True}, _export(tmp_path, "junit")]
    run = play([_export(tmp_path, "json", results=given, service="shop"), *failing])
    subjects = json.loads((tmp_path / "drift.json").read_text())["subjects"]
    assert [(s["environment"], s["host"], s["service"], len(s["findings"])) for s in subjects] == [("staging", "web1", "shop", 1)]
    assert run.rc == 2
    assert f"Writing the drift as json to {tmp_path}/file/drift.json failed" in run.result("Task 1")["msg"]
    assert "there is no ledger" in run.result("Task 2")["msg"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_many_scans_only_those_that_count_are_read(kind, ledger_url, request):
    url = ledger_url
    if kind == "postgresql":
        pg = request.getfixturevalue("pg")
        url = pg.url(pg.create_db())
    known = []
    with open_store(url, actor={"name": "ada", "source": "os"}) as store:
        for number in range(4):
            for environment in ("staging", "production"):
                scans = [_entry(f"web{host}/shop", number, environment) for host in range(300)]
                known += store.append([*scans, NewEntry(kind="report", phase="fact", environment=environment, subject="parity/shop/other", body={"n": number})])
        expected = document.from_entries([entry.as_dict() for entry in known])
        told = known[301 * 2].id  # between the first scans and the second ones
        assert document.from_entries(source.latest(store)) == expected
        assert len(source.latest(store)) == 2 * (2 * 300 + 1)
        since = source.latest(store, environment="production", since=told)
        assert document.from_entries(since, since=told) == document.from_entries([entry.as_dict() for entry in known], environment="production", since=told)


def _entry(subject, number, environment):
    finding = {**MODE, "path": f"file:/{number // 2}"}
    return NewEntry(kind="drift", phase="fact", environment=environment, subject=subject, body={"verdict": "failed", "findings": [finding]})


@pytest.fixture
def receiver():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.statuses = [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_new_drift_is_told_once_and_a_broken_receiver_hears_it_later(play, scan, receiver, ledger_url):
    scan(MODE)
    options = {"url": f"http://127.0.0.1:{receiver.server_port}/T0P-SECRET", "secret": "hush-hush", "retries": 1, "backoff": 0.01}
    task = {"evenkeel.release.notify_webhook": options}
    checked = play([task], check=True)
    assert (checked.changed, receiver.seen) == (1, [])
    receiver.statuses = [500] * 6
    run = play([task, {"evenkeel.release.notify_webhook": {**options, "required": True}, "ignore_errors": True}], args=("-vvv",))
    soft, hard = run.result("Task 0"), run.result("Task 1")
    assert (soft.get("failed", False), soft["changed"], soft["delivered"], soft["status"], soft["attempts"]) == (False, False, False, 500, 2)
    assert (run.stats["localhost"]["ignored"], hard["delivered"]) == (1, False)
    assert "hush-hush" not in run.stdout + run.stderr
    assert "T0P-SECRET" not in run.stdout + run.stderr
    receiver.statuses = [500, 204]
    run = play([task, task])
    assert (run.rc, run.result("Task 0")["attempts"], run.result("Task 0")["delivered"]) == (0, 2, True)
    assert (run.result("Task 1")["changed"], run.result("Task 1")["count"]) == (False, 0)
    assert receiver.seen[-1]["findings"][0]["path"] == MODE["path"]
    with open_store(ledger_url) as store:
        told = store.entries(kind="report")
    assert [(entry.subject, entry.body["verdict"]) for entry in told] == [("notify/127.0.0.1", word) for word in ("failed", "failed", "passed")]


UNITS = Path(__file__).parents[3] / "extensions" / "schedules"


def test_systemd_takes_the_units():
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(UNITS.glob("evenkeel-drift.*")))],
            capture_output=True,
            text=True,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("no systemd-analyze here")
    ours = [line for line in done.stderr.splitlines() if "evenkeel-drift" in line]
    assert [line for line in ours if "is not executable" not in line] == []
