# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that writes the audit trail: it writes in order, tells its faults, and finishes what it was given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.audit import Audit
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.writer_process import Lines, _batches

TASK = {"host": "web1", "task": "Act", "action": "debug", "status": "ok", "changed": False, "milliseconds": 1, "ended": "2026-01-01T00:00:00.000000Z"}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.sqlite"


def audit(url, *, batch=3, strict=True, **variables):
    return Audit(variables, url=url, stream="audit", batch=batch, strict=strict)


def tasks(run, count):
    for number in range(count):
        run.add("task", "fact", subject="web1", body={**TASK, "task": f"Act {number}"})


def start(run):
    run.add("play", "fact", subject="Play", body={"event": "start"}, durable=True)


def end(run):
    run.add("run", "fact", subject="site.yml", body={"event": "end"}, durable=True)
    run.close()


def written(url):
    with open_store(url) as store:
        return [entry.body.get("task", entry.body.get("event")) for entry in store.entries(stream="audit")]


def wait_written(url, count):
    end = time.monotonic() + 60
    while len(found := written(url)) < count and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_every_entry_in_its_order_as_one_chain(url):
    run = audit(url, evenkeel_target="prod", evenkeel_version="1.2.0")
    start(run)
    assert written(url) == ["start"]
    tasks(run, 10)
    end(run)
    assert written(url) == ["start", *(f"Act {number}" for number in range(10)), "end"]
    with open_store(url) as store:
        assert verify(store).ok
        assert {(entry.environment, entry.release, entry.actor["source"]) for entry in store.entries(stream="audit")} == {
            ("prod", "1.2.0", store.actor["source"])
        }


def test_secrets_stay_with_the_run(url, tmp_path):
    run = audit(url, shop_password="correct-horse")
    run.learn({"other_token": "battery-staple"})
    run.add("task", "fact", subject="web1", body={**TASK, "message": "correct-horse battery-staple api_key=swordfish"})
    end(run)
    with open_store(url) as store:
        assert store.entries(stream="audit")[0].body["message"] == "[REDACTED] [REDACTED] api_key=[REDACTED]"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret in kept for secret in (b"correct-horse", b"battery-staple", b"swordfish"))


@pytest.mark.parametrize("strict", [True, False])
def test_a_store_that_is_none_is_told_at_the_beginning_or_at_the_end(tmp_path, strict):
    (tmp_path / "blocked").write_text("")
    run = audit(f"sqlite:///{tmp_path}/blocked/x/ledger.sqlite", strict=strict)
    tell = pytest.raises(LedgerError, match=r"Opening the ledger .* failed: .*Not a directory")
    if strict:
        with tell:
            start(run)
        return
    with tell:
        start(run)
        end(run)


def test_a_writer_that_is_killed_is_missed(url):
    run = audit(url)
    start(run)
    run._writer._process.kill()
    run._writer._process.wait()
    with pytest.raises(LedgerError, match="ended before it had written everything"):
        tasks(run, 1)


def test_every_result_of_a_killed_run_is_written(url):
    script = (
        "import os, sys; from ansible_collections.evenkeel.release.tests.unit.ledger import test_ledger_writer as t\n"
        "run = t.audit(sys.argv[1], batch=50, strict=False); t.tasks(run, 123)\n"
        'os.write(run._writer._process.stdin.fileno(), b\'{"fields": {"half\'); os.kill(os.getpid(), 9)'
    )
    assert subprocess.run([sys.executable, "-c", script, url], check=False).returncode == -signal.SIGKILL
    assert wait_written(url, 123) == [f"Act {number}" for number in range(123)]


def test_results_are_written_while_the_run_goes_on(url):
    run = audit(url, batch=200)
    tasks(run, 2)
    assert wait_written(url, 2) == ["Act 0", "Act 1"]
    end(run)


def test_a_batch_holds_no_more_than_it_may_and_ends_with_what_is_durable():
    reading, writing = os.pipe()
    said = [{"fields": {"n": number}, "durable": number == 7} for number in range(10)]
    os.write(writing, b"".join(json.dumps(one).encode() + b"\n" for one in said) + b'{"fields": {"torn')
    os.close(writing)
    batches = list(_batches(Lines(reading), 3))
    os.close(reading)
    assert [[one["fields"]["n"] for one in batch] for batch in batches] == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]]


def test_a_relative_file_is_below_the_folder_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = audit("sqlite:///here.sqlite")
    tasks(run, 1)
    end(run)
    assert written(f"sqlite:///{tmp_path}/here.sqlite") == ["Act 0", "end"]


def test_what_runs_the_tasks_stays_small():
    """Each task is a copy of the run: what the writer needs in memory would be copied with each."""
    script = "import sys; from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import audit; print('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "False\n"
