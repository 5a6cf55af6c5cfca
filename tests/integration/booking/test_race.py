# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixteen controllers book at the same moment: one gets it, the others are told so. On both stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

from .oracle import double_bookings, of_postgresql, of_sqlite

PROCESSES = 16
ATTEMPTS = int(os.environ.get("EVENKEEL_BOOKINGS", "208"))
MODULE = "ansible_collections.evenkeel.release.tests.integration.booking.worker"
SAME = """
import sys
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import desk
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal
from ansible_collections.evenkeel.release.tests.integration.booking.worker import DOCUMENTS
wanted = {"state": "booked", "environments": ["staging"], "mode": "exclusive", "purpose": "test", "from": sys.argv[3], "length": "1h", "reason": "r"}
with open_store(sys.argv[1], actor={"name": sys.argv[2], "source": "test"}) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        desk.answer(store, DOCUMENTS, wanted, actor=sys.argv[2])
        print("booked")
    except Refusal as exc:
        print(str(exc).replace(chr(10), " "))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    """(URL, how an oracle reads its bookings)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite", lambda: of_sqlite(tmp_path / "ledger.sqlite", "reservation")
    pg = request.getfixturevalue("pg")
    database = pg.create_db()
    return pg.url(database), lambda: of_postgresql(pg, database, "reservation")


def test_many_book_at_random_and_nothing_is_booked_twice(ledger):
    url, read = ledger
    each = max(1, ATTEMPTS // PROCESSES)
    running = [subprocess.Popen([sys.executable, "-m", MODULE, url, f"w{number}", str(each)], stdout=subprocess.PIPE, text=True) for number in range(PROCESSES)]
    said = [answer for process in running for answer in json.loads(process.communicate(timeout=600)[0])]
    assert [process.returncode for process in running] == [0] * PROCESSES
    entries = read()
    assert len(said) == each * PROCESSES
    assert double_bookings(entries) == []
    booked = {entry["subject"] for entry in entries if entry["body"]["event"] == "booked"}
    assert said.count("booked") == len(booked) > 10
    refused = [answer for answer in said if answer != "booked"]
    assert len(refused) > 10
    assert all("is taken by" in answer and "The next free time" in answer for answer in refused)


def test_the_same_slot_at_the_same_moment_goes_to_one(ledger):
    url, read = ledger
    start = (datetime.now(timezone.utc) + timedelta(days=3)).isoformat(timespec="seconds")
    argv = [[sys.executable, "-c", SAME, url, f"w{number}", start] for number in range(PROCESSES)]
    running = [subprocess.Popen(each, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for each in argv]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].strip() for process in running]
    assert said.count("booked") == 1
    assert sum("staging is taken by" in answer for answer in said) == PROCESSES - 1
    assert len(read()) == 1


def test_the_oracle_sees_a_double_booking():
    one = {"id": "a", "state": "approved", "start": "2027-03-01T10:00:00Z", "end": "2027-03-01T12:00:00Z"}
    entries = [{"environment": "staging", "body": {"booking": booking}} for booking in (one, {**one, "id": "b", "start": "2027-03-01T11:00:00Z"})]
    assert double_bookings(entries) == [("staging", "b", "a")]
