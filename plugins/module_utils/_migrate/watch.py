# SPDX-License-Identifier: GPL-3.0-or-later
"""Which strong locks other sessions of a PostgreSQL database take while a program runs there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._migrate.postgresql import STRONG
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import driver

LOOK = """
select distinct l.mode || ' on ' || coalesce(n.nspname || '.' || c.relname, 'a table that is made now')
from pg_catalog.pg_locks l left join pg_catalog.pg_class c on c.oid = l.relation left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.locktype = 'relation' and l.pid <> pg_catalog.pg_backend_pid() and l.granted and l.mode = any(%s) and l.relation >= 16384
and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
"""
INTERVAL = 0.02


class Watch:
    """A sample every 20 ms: a lock that is held shorter than that can be missed."""

    def __init__(self, place: Mapping[str, Any]) -> None:
        words = {key: place[key] for key in ("host", "port", "dbname", "user", "password", "sslmode") if place.get(key)}
        self._wire = driver.psycopg.connect(autocommit=True, connect_timeout=15, application_name="evenkeel schema_migrate watch", **words)
        self._end = threading.Event()
        self._seen: set[str] = set()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._end.wait(INTERVAL):
            try:
                self._seen.update(str(row[0]) for row in self._wire.execute(LOOK, (list(STRONG),)).fetchall())
            except driver.psycopg.Error:
                return

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end.set()
        self._thread.join(10)
        self._wire.close()

    @property
    def seen(self) -> list[str]:
        return sorted(self._seen)
