# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a MariaDB or MySQL server is behind, and how full the queues are that its application keeps in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, describe, pymysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import Lag, length

BEHIND = ("Seconds_Behind_Master", "Seconds_Behind_Source")
RUNNING = (("Slave_IO_Running", "Replica_IO_Running"), ("Slave_SQL_Running", "Replica_SQL_Running"))


def measure(place: Mapping[str, Any], *, queues: Sequence[Mapping[str, Any]] = (), replicas: bool = False) -> Lag:
    """A primary doesn't know how far its replicas are behind: `replicas` is of PostgreSQL and has no effect here."""
    del replicas
    connection = connect(place, role="source")
    try:
        return measured(connection, queues=queues)
    except pymysql.MySQLError as exc:
        raise SyncError(f"Can't measure the lag of {place.get('dbname')}: {describe(exc)}") from None
    finally:
        connection.close()


def measured(connection: Any, *, queues: Sequence[Mapping[str, Any]] = ()) -> Lag:
    channels = status(connection)
    seconds, notes = worst(channels)
    return Lag("standby" if channels else "primary", seconds, {}, {one["name"]: _queue(connection, one) for one in queues}, tuple(notes))


def status(connection: Any) -> list[dict[str, Any]]:
    """One mapping per channel; none on a server that isn't a replica. Needs REPLICA MONITOR (MySQL: REPLICATION CLIENT)."""
    text = "show all slaves status" if connection.mariadb else "show replica status"
    with connection.wire.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(text)
        return list(cursor.fetchall())


def worst(channels: Sequence[Mapping[str, Any]]) -> tuple[float, list[str]]:
    seconds, notes = 0.0, []
    for channel in channels:
        name = channel.get("Connection_name") or channel.get("Channel_Name") or ""
        stopped = [names[0] for names in RUNNING if str(next((channel[one] for one in names if one in channel), "")) != "Yes"]
        behind = next((channel[one] for one in BEHIND if one in channel), None)
        if stopped or behind is None:
            notes.append(f"{'channel ' + name + ': ' if name else ''}{' and '.join(stopped) or 'the lag'} {'is off' if stopped else 'is unknown'}")
            seconds = float("inf")
        else:
            seconds = max(seconds, float(behind))
    return seconds, notes


def _queue(connection: Any, queue: Mapping[str, Any]) -> int:
    connection.run("start transaction read only")
    try:
        # As a sub-select: more than one statement, or one that isn't a query, is an error of syntax.
        rows = connection.rows(f"select * from ({queue['sql'].rstrip('; ')}) queue limit 1")
    except pymysql.MySQLError as exc:
        raise SyncError(f"Can't measure the queue {queue['name']!r}: {describe(exc)}") from None
    finally:
        connection.run("rollback")
    return length(queue["name"], rows[0] if rows else None)
