# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixteen runners on one PostgreSQL ledger: leases, entries and bookings at once, for EVENKEEL_RUNNERS_SECONDS (600 for the long run)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from ansible_collections.evenkeel.release.tests.integration.booking.oracle import double_bookings, of_postgresql

RUNNERS = 16
SECONDS = float(os.environ.get("EVENKEEL_RUNNERS_SECONDS", "12"))
RUNNER = """
import json, random, sys, time
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.booking.worker import attempt
url, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
dice = random.Random(name)
done = {"entries": 0, "leases": 0, "refused": 0, "booked": 0}
with open_store(url, actor={"name": name, "source": "test"}) as store:
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        environment = dice.choice(("staging", "qa"))
        try:
            lease = store.acquire("environment/" + environment, ttl=60, wait=dice.choice((0, 5, 30)), priority=dice.choice(("normal",) * 9 + ("emergency",)))
        except LeaseError:
            done["refused"] += 1
        else:
            done["leases"] += 1
            [intent] = store.append([NewEntry("deployment", "intent", environment, "1.0.0", body={"fence": lease["token"]})])
            store.renew("environment/" + environment, lease["token"], ttl=60)
            store.append([NewEntry("deployment", "outcome", environment, "1.0.0", body={"intent": intent.id, "verdict": "passed", "fence": lease["token"]})])
            done["entries"] += 2
            store.release("environment/" + environment, lease["token"])
        if number % 3 == 0:
            done["booked"] += attempt(store, name, dice, number) == "booked"
print(json.dumps(done))
"""


def test_no_double_lease_no_lost_entry_no_double_booking(pg):
    database = pg.create_db()
    url = pg.url(database)
    open_store(url).close()
    argv = [[sys.executable, "-c", RUNNER, url, f"r{number}", str(SECONDS)] for number in range(RUNNERS)]
    began = time.monotonic()
    running = [subprocess.Popen(each, stdout=subprocess.PIPE, text=True) for each in argv]
    done = [json.loads(process.communicate(timeout=SECONDS + 400)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * RUNNERS
    assert time.monotonic() - began >= SECONDS
    leases, deployments = (of_postgresql(pg, database, kind) for kind in ("lease", "deployment"))
    total = {key: sum(each[key] for each in done) for key in done[0]}
    assert len(deployments) == total["entries"] > RUNNERS
    for environment in ("staging", "qa"):
        events = [entry for entry in leases if entry["subject"] == f"environment/{environment}"]
        holder, fences = None, []
        for entry in events:
            if entry["body"]["event"] == "acquired":
                assert holder is None, f"{entry['actor']['name']} got it while {holder} had it"
                holder = entry["actor"]["name"]
                fences.append(entry["body"]["fence"])
            else:
                assert (entry["body"]["event"], entry["actor"]["name"]) == ("released", holder)
                holder = None
        assert holder is None
        assert fences == list(range(1, len(fences) + 1))
        # Between an intent and its outcome nobody else has written one.
        own = [(entry["phase"], entry["body"]["fence"]) for entry in deployments if entry["environment"] == environment]
        assert own == [(phase, fence) for fence in fences for phase in ("intent", "outcome")]
    assert sum(entry["body"]["event"] == "acquired" for entry in leases) == total["leases"]
    bookings = of_postgresql(pg, database, "reservation")
    assert double_bookings(bookings) == []
    assert len({entry["subject"] for entry in bookings if entry["body"]["event"] == "booked"}) == total["booked"] > 0
    assert pg.psql(database, "select count(*) from evenkeel_waiters") == "0"
    with open_store(url) as store:
        report = verify(store)
    assert report.ok
    assert report.entries == len(leases) + len(deployments) + len(bookings)
