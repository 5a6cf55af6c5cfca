# SPDX-License-Identifier: GPL-3.0-or-later
"""The store on PostgreSQL does all that it does on a folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects, StoreError, open_objects
from ansible_collections.evenkeel.release.tests.unit.drift.store_cases import *  # noqa: F403 - the tests of every place


@pytest.fixture
def place(pg: Any) -> str:
    return str(pg.url(pg.create_db()))


@pytest.fixture
def objects(place: str) -> Objects:
    return open_objects(place)


def test_the_first_users_at_once_make_its_tables_once(place: str, pg: Any) -> None:
    with ThreadPoolExecutor(6) as pool:
        names = set(pool.map(lambda _number: open_objects(place).put(b"text"), range(6)))
    assert len(names) == 1
    tables = pg.psql(place.rpartition("/")[2], "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public'")
    assert tables.strip() == "evenkeel_kin evenkeel_objects evenkeel_records"


def test_a_server_that_is_not_there_is_named_without_its_password(free_port: Any) -> None:
    with pytest.raises(StoreError) as found:
        open_objects(f"postgresql://user:geheim@127.0.0.1:{free_port()}/db")
    assert "Opening the object store postgresql+psycopg://user:***@127.0.0.1" in str(found.value)
    assert "geheim" not in str(found.value)
    assert "\n" not in str(found.value)
