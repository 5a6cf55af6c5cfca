# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a PostgreSQL server is behind, and how full the queues are that its application keeps in tables."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect, describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import Lag, length

# Seconds since the last replayed transaction mean nothing while there is nothing to replay: then the lag is 0.
STANDBY = """
select pg_is_wal_replay_paused(), (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn())::bigint,
  extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
  (select count(*) from pg_stat_wal_receiver where coalesce(status, 'streaming') = 'streaming') > 0,
  pg_last_wal_receive_lsn()::text
"""
MOMENT = 0.5  # seconds
PRIMARY = """
select coalesce(nullif(application_name, ''), client_addr::text, pid::text), extract(epoch from replay_lag)::float8,
  (pg_current_wal_lsn() - replay_lsn)::bigint, state
from pg_stat_replication where coalesce(state, '') not in ('backup', 'stopping') order by 1
"""


def measure(place: Mapping[str, Any], *, queues: Sequence[Mapping[str, Any]] = (), replicas: bool = False) -> Lag:
    """Of a standby how far it is behind its primary. Of a primary its queues, and with `replicas` how far its standbys are behind."""
    connection = connect(place, role="source")
    try:
        return measured(connection, queues=queues, replicas=replicas)
    except psycopg.Error as exc:
        raise SyncError(f"Can't measure the lag of {place.get('dbname')}: {describe(exc)}") from None
    finally:
        connection.close()


def measured(connection: Any, *, queues: Sequence[Mapping[str, Any]] = (), replicas: bool = False) -> Lag:
    """On an open connection that is in no transaction."""
    standby = bool(connection.execute("select pg_is_in_recovery()").fetchone()[0])
    seconds, notes = _of_standby(connection) if standby else (0.0, [])
    behind = _of_replicas(connection) if replicas and not standby else {}
    return Lag("standby" if standby else "primary", seconds, behind, {one["name"]: _queue(connection, one) for one in queues}, tuple(notes))


def _of_standby(connection: Any) -> tuple[float, list[str]]:
    paused, behind, seconds, streaming, received = connection.execute(STANDBY).fetchone()
    notes = ["replay is paused (pg_wal_replay_resume() on the standby ends that)"] if paused else []
    if not streaming:
        notes.append("it isn't connected to its primary, so what it lacks can't be known")
        return (seconds if seconds is not None else float("inf")), notes
    if not behind:
        return 0.0, notes
    # After a quiet hour the last transaction is an hour old, and a fresh one may be on its way: that is no lag.
    if not paused and (seconds is None or seconds > MOMENT):
        time.sleep(MOMENT)
        if connection.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", (received,)).fetchone()[0]:
            return MOMENT, notes
    return (seconds if seconds is not None else float("inf")), [*notes, f"{behind} bytes of WAL wait for replay"]


def _of_replicas(connection: Any) -> dict[str, float]:
    rows = connection.execute(PRIMARY).fetchall()
    found = {}
    for name, seconds, behind, state in rows:
        if state is None:
            raise SyncError("The source doesn't show its role how far the standbys are behind: grant it pg_monitor.")
        # replay_lag is empty once a standby has caught up and nothing happens.
        found[name] = float(seconds) if seconds is not None else 0.0 if behind == 0 else float("inf")
    return found


def _queue(connection: Any, queue: Mapping[str, Any]) -> int:
    """The query runs in a transaction of its own that may only read, whatever it says."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set transaction read only")
            connection.execute("select set_config('statement_timeout', '30s', true), set_config('search_path', %s, true)", (queue.get("schema") or "public",))
            # As a sub-select: more than one statement, or one that isn't a query, is an error of syntax.
            row = connection.execute(
                sql.SQL("select * from ({}) queue").format(sql.SQL(queue["sql"].rstrip("; \n").replace("{", "{{").replace("}", "}}")))
            ).fetchone()
    except psycopg.Error as exc:
        raise SyncError(f"Can't measure the queue {queue['name']!r}: {describe(exc)}") from None
    return length(queue["name"], row)
