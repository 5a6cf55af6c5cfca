# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment asks who has an environment: it must not read the whole ledger for it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import desk, read
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.standing import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import world
from sqlalchemy import event

DOCUMENTS = {
    "reservations": [{"rules": {"no_show": "30m", "auto_approve": [{"tiers": ["test"]}]}}],
    "environments": {"staging": {"name": "staging", "tier": "test", "owner": "platform"}},
    "teams": {},
}


def test_every_statement_goes_through_an_index(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite", actor={"name": "ann", "source": "test"}) as store:
        wanted = {"state": "booked", "environments": ["staging"], "mode": "exclusive", "purpose": "test", "length": "1h", "reason": "r"}
        desk.answer(store, DOCUMENTS, wanted, actor="ann")
        store.append([NewEntry("deployment", "intent", "staging", body={"n": number}) for number in range(3)])
        said = []
        event.listen(store._database(), "before_cursor_execute", lambda *args: said.append((args[2], args[3])))
        entries, now = read.entries(store, world(DOCUMENTS), ["staging"])
        asked = [each for each in said if "evenkeel_entries" in each[0]]
        assert len(asked) == 2
        with store.reading() as connection:
            for statement, parameters in asked:
                plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                assert any("evenkeel_entries_kind (kind=" in step for step in plan), plan
                assert not any(step.startswith("SCAN evenkeel_entries") for step in plan), plan
    # The booking, and of what was done in it one entry.
    assert [entry["kind"] for entry in entries] == ["reservation", "deployment"]
    assert datetime.now(timezone.utc) - now < timedelta(minutes=1)
    later = now + timedelta(minutes=40)
    assert standing(DOCUMENTS, entries, "staging", later, "bob", "deploy")["why"] == "held"
    assert standing(DOCUMENTS, entries[:1], "staging", later, "bob", "deploy")["why"] == "free"
