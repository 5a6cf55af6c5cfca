# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sqlite3
import stat

import pytest

PLAY = "evenkeel.release.report"


@pytest.fixture
def report(playbook, ledger_url, load, tmp_path):
    dest = tmp_path / "out" / "report.html"

    def run(**options):
        found = {"evenkeel_report_dest": str(dest), "evenkeel_report_load": load, "evenkeel_ledger_url": ledger_url, **options.pop("extra", {})}
        return playbook(PLAY, extra_vars=found, **options)

    run.dest = dest
    return run


def test_check_says_what_run_writes_and_again_changes_nothing(report):
    checked = report(check=True)
    assert (checked.rc, checked.changed) == (0, 1)
    assert "would write" in checked.stdout
    assert not report.dest.parent.exists()
    first = report()
    assert (first.rc, first.changed) == (0, 1)
    assert stat.S_IMODE(report.dest.stat().st_mode) == 0o640
    page = report.dest.read_text()
    for text in ("Promotion of 1.1.0", "to 1.1.0", "upstream-has-no-drift", "Repair the drift on staging"):
        assert text in page
    assert report().changed == 0


def test_a_changed_entry_is_shown_and_not_hidden(report, ledger_url):
    with sqlite3.connect(ledger_url.removeprefix("sqlite:///")) as database:
        for (trigger,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            database.execute(f"drop trigger {trigger}")
        row = database.execute("select seq, bytes from evenkeel_entries where kind = 'gate'").fetchone()
        database.execute("update evenkeel_entries set bytes = ? where seq = ?", (bytes(row[1]).replace(b"tests prove nothing", b"tests prove enough!"), row[0]))
    run = report()
    assert run.rc == 0
    assert run.result("Write the page")["state"] == "failed"
    assert "Not to be trusted" in report.dest.read_text()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"evenkeel_report_load": [{"name": "n", "path": "/nonexistent/samples.jsonl"}]}, "/nonexistent/samples.jsonl"),
        ({"evenkeel_ledger_url": "sqlite:////nonexistent/ledger.sqlite"}, "there is no ledger"),
    ],
)
def test_a_missing_source_is_one_clear_error_and_writes_nothing(report, extra, words):
    run = report(extra=extra)
    assert run.rc == 2
    assert words in run.result("Write the page")["msg"]
    assert not report.dest.exists()
