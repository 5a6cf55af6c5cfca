# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server is: asked, never believed."""

from __future__ import annotations

import glob
import json
import os
import shutil
import time
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.server import Server

BACKUP_NOTE = "evenkeel-backup.json"
STATE = """
with me as (select pg_is_in_recovery() as replica),
place as (select case when replica then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_lsn() end as lsn from me)
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'replica', (select replica from me),
  'system_identifier', (select system_identifier::text from pg_control_system()),
  'timeline', (select timeline_id from pg_control_checkpoint()),
  'lsn', (select lsn::text from place),
  'segment', (select case when replica then null else pg_walfile_name(pg_current_wal_lsn()) end from me),
  'paused', (select case when replica then pg_is_wal_replay_paused() else false end from me),
  'receiver', (select json_build_object('status', status, 'timeline', received_tli,
      'lag_bytes', greatest(0, pg_wal_lsn_diff(coalesce(latest_end_lsn, flushed_lsn, receive_start_lsn), (select lsn from place)))) from pg_stat_wal_receiver),
  'conninfo', current_setting('primary_conninfo'),
  'slot', current_setting('primary_slot_name'),
  'synchronous', current_setting('synchronous_standby_names'),
  'tablespaces', (select count(*) from pg_tablespace where spcname not in ('pg_default', 'pg_global')),
  'senders', (select coalesce(json_agg(json_build_object('name', application_name, 'state', state, 'sync', sync_state,
      'lag_bytes', greatest(0, pg_wal_lsn_diff((select lsn from place), replay_lsn)))), '[]') from pg_stat_replication),
  'slots', (select coalesce(json_agg(json_build_object('name', slot_name, 'kind', slot_type, 'active', active)), '[]') from pg_replication_slots),
  'size', (select sum(pg_database_size(oid)) from pg_database))
"""


def observe(server: Server, *, backup_dir: str, max_lag: int, settle: float) -> dict[str, Any]:
    """settle: seconds that a replica gets to catch up before it is told as it is."""
    found = look(server)
    if found["role"] == "replica" and found["state"] == "running" and settle:
        server.wait(settle, lambda: caught_up(look(server), max_lag))
        found = look(server)
    return {**found, "new": new_version(server), "disk": disk(server, backup_dir), "backup": latest_backup(backup_dir, found["system_identifier"])}


def caught_up(found: dict[str, Any], max_lag: int) -> bool:
    return bool(found["streaming"]) and not found["paused"] and found["lag_bytes"] is not None and found["lag_bytes"] <= max_lag


def new_version(server: Server) -> str:
    folder = server.settings["new_bindir"]
    return server.installed(folder) if folder else ""


def look(server: Server) -> dict[str, Any]:
    control = facts.control(server.tool("pg_controldata", "-D", server.data))
    found: dict[str, Any] = {
        "name": server.name,
        "installed": server.installed(),
        "standby": os.path.exists(server.path("standby.signal")),
        "control": control,
        "history": timeline_history(server),
        "system_identifier": control["system_identifier"],
    }
    return {**found, **(running(server) if server.running() else stopped(control, found["standby"], to_follow(server) if found["standby"] else ""))}


def to_follow(server: Server) -> str:
    """How a server that is stopped would reach the one that it follows: of one that stepped down, the heir."""
    path = server.path("postgresql.auto.conf")
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return facts.set_to(file.read(), "primary_conninfo")


def stopped(control: dict[str, Any], standby: bool, conninfo: str) -> dict[str, Any]:
    """`shut down` is what a primary leaves, `shut down in recovery` a replica."""
    was_primary = control["state"] in ("shut down", "in production", "shutting down", "in crash recovery")
    return {
        "state": "stopped",
        "role": "primary" if was_primary else "replica",
        "fenced": was_primary and standby,
        "version": "",
        "timeline": control["timeline"],
        "lsn": control["checkpoint"],
        "streaming": False,
        "paused": False,
        "lag_bytes": None,
        "upstream": facts.upstream(conninfo),
        "slot": "",
        "synchronous": "",
        "tablespaces": 0,
        "senders": [],
        "slots": [],
        "size": 0,
    }


def running(server: Server) -> dict[str, Any]:
    said = server.ask(STATE)
    receiver = said["receiver"] or {}
    newest = int(said["segment"][:8], 16) if said["segment"] else max(said["timeline"], receiver.get("timeline") or 0)
    return {
        "state": "running",
        "role": "replica" if said["replica"] else "primary",
        "fenced": False,
        "version": facts.number_version(said["version"]),
        "timeline": newest,
        "lsn": said["lsn"],
        "streaming": receiver.get("status") == "streaming",
        "lag_bytes": int(receiver["lag_bytes"]) if receiver.get("lag_bytes") is not None else None,
        "upstream": facts.upstream(said["conninfo"] if said["replica"] else ""),
        "system_identifier": said["system_identifier"],
        **{key: said[key] for key in ("paused", "slot", "synchronous", "tablespaces", "senders", "slots", "size")},
    }


def timeline_history(server: Server) -> list[dict[str, Any]]:
    files = sorted(glob.glob(server.path("pg_wal", "*.history")))
    if not files:
        return []
    with open(files[-1], encoding="utf-8") as file:
        return facts.history(file.read())


def disk(server: Server, backup_dir: str) -> dict[str, Any]:
    """Bytes that are free, by folder; None where there is no such folder."""
    return {"data_free": shutil.disk_usage(server.data).free, "backup_free": shutil.disk_usage(backup_dir).free if os.path.isdir(backup_dir or "") else None}


def latest_backup(backup_dir: str, system_identifier: str) -> Optional[dict[str, Any]]:
    """The newest backup of this cluster that was restored with success. What can't be read is none."""
    found = []
    for path in glob.glob(os.path.join(glob.escape(backup_dir), "*", BACKUP_NOTE)) if backup_dir else []:
        try:
            with open(path, encoding="utf-8") as file:
                note = json.load(file)
            if note["verified"] is True and note["system_identifier"] == system_identifier:
                found.append({**note, "age_seconds": round(time.time() - float(note["finished"]))})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return min(found, key=lambda note: note["age_seconds"]) if found else None


def expect(server: Server, role: str) -> dict[str, Any]:
    """The server as it is now, which must have that role: it may have changed since it was asked."""
    found = look(server)
    if found["state"] != "running" or found["role"] != role:
        raise NodeError(f"{server.name} is a {found['state']} {found['role']} by now, not a running {role}. Nothing was done to it; run again.")
    return found
