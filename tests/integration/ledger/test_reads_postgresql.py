# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision reads, on PostgreSQL: the same answers as of the whole ledger, and by indexes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from ansible_collections.evenkeel.release.tests.unit.deployment.test_reads import Writer, agrees


@pytest.mark.parametrize("seed", range(6))
def test_the_few_entries_say_what_all_of_them_say(pg: Any, seed: int) -> None:
    with open_store(pg.url(pg.create_db()).replace("postgresql://", "postgresql+psycopg://")) as store:
        Writer(store, seed).write(150)
        agrees(store)
        assert verify(store).ok


def test_the_indexes_are_taken(pg: Any) -> None:
    database = pg.create_db()
    with open_store(pg.url(database).replace("postgresql://", "postgresql+psycopg://")) as store:
        Writer(store, 1).write(3000)
    pg.psql(database, "ANALYZE")
    where = "kind NOT IN ('play', 'run', 'task') AND kind = 'drift' AND environment = 'staging'"
    newest = f"""SELECT id FROM evenkeel_entries WHERE {where} AND subject COLLATE "C" = 'web1/shop' ORDER BY id DESC LIMIT 1"""
    assert "evenkeel_entries_subject" in pg.psql(database, f"SET enable_seqscan = off; EXPLAIN {newest}")
    asked = "SELECT id FROM evenkeel_entries WHERE kind NOT IN ('play', 'run', 'task') AND release = '1.1.0' AND kind IN ('approval', 'hold')"
    assert "evenkeel_entries_release" in pg.psql(database, f"SET enable_seqscan = off; EXPLAIN {asked}")
