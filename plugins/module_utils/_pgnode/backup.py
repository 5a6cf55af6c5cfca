# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup that is proved: checked file by file, then restored up to a named point on a server of its own and compared.

<dir>/<name>/base      what pg_basebackup made
<dir>/<name>/wal       the log from its end to the restore point
<dir>/<name>/evenkeel-backup.json   written last, when all of it is proved
"""

from __future__ import annotations

import glob
import json
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import facts
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.acts import quoted
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.observe import BACKUP_NOTE, expect
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.server import Server, told

UNFINISHED = "evenkeel-unfinished"  # says of which server
# Replaying the log takes at least these from where it was written.
CARRIED = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction")
# The copy must not reach out: no address, no archive, no library with workers of its own, no subscription that takes the real one's changes.
CLOSED = {
    "listen_addresses": "",
    "archive_mode": "off",
    "shared_preload_libraries": "",
    "max_logical_replication_workers": "0",
    "synchronous_standby_names": "",
    "logging_collector": "off",
    "autovacuum": "off",
    "ssl": "off",
    "fsync": "off",
    "huge_pages": "off",
    "shared_buffers": "64MB",
    "recovery_target_action": "promote",
}
TABLES = """
select coalesce(json_agg(format('%I.%I', n.nspname, c.relname) order by 1), '[]') from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
"""
DATABASES = "select json_agg(datname order by datname) from pg_database where datallowconn"


def backup(server: Server) -> dict[str, Any]:
    """On the host of the primary. What is left of one that was not proved is taken away."""
    settings = server.settings
    found = expect(server, "primary")
    if found["tablespaces"]:
        raise NodeError(f"{server.name} has tablespaces, which this backup can't place. Make one with your own tool and give its proof instead.")
    place = os.path.join(settings["backup_dir"], settings["backup_name"])
    if os.path.lexists(place):
        raise NodeError(f"{place} is there already. Nothing was done; remove it, or name another.")
    sweep(server)
    os.mkdir(place, 0o700)
    os.chown(place, *server.identity)
    try:
        server.write(os.path.join(place, UNFINISHED), server.data)
        note = _made(server, place, found)
        note["compared"] = _restored(server, place, note)
        del note["before"], note["after"]  # a row for every table, for nobody
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    server.write(os.path.join(place, BACKUP_NOTE), json.dumps({**note, "verified": True, "finished": time.time()}, sort_keys=True))
    os.unlink(os.path.join(place, UNFINISHED))
    return {"changed": True, "backup": {**note, "verified": True, "place": place}}


def sweep(server: Server) -> None:
    """What killed backups of this very server left. None of them is still being made, since this act holds the server's lock."""
    for mark in glob.glob(os.path.join(glob.escape(server.settings["backup_dir"]), "*", UNFINISHED)):
        place = os.path.dirname(mark)
        with open(mark, encoding="utf-8") as file:
            ours = file.read() == server.data
        if ours and not os.path.exists(os.path.join(place, BACKUP_NOTE)):
            server.command([os.path.join(server.bindir, "pg_ctl"), "stop", "-D", os.path.join(place, "scratch"), "-m", "immediate", "-w", "-s"])
            shutil.rmtree(place, ignore_errors=True)


def _made(server: Server, place: str, found: Mapping[str, Any]) -> dict[str, Any]:
    settings, base, keep = server.settings, os.path.join(place, "base"), facts.BACKUP_SLOT
    where = ["-h", settings["socket"], "-p", str(settings["port"]), "-U", settings["replication_user"] or settings["user"], "-w"]
    secret = settings["replication_password"] if settings["replication_user"] else settings["password"]
    # of a run that was killed
    if any(slot["name"] == keep and not slot["active"] for slot in found["slots"]):
        server.sql(f"select pg_drop_replication_slot('{keep}')")
    server.sql(f"select pg_create_physical_replication_slot('{keep}', true)")  # the log stays until it is copied
    try:
        before = _counts(server)
        server.tool("pg_basebackup", "-D", base, "-X", "stream", "-c", "fast", "--no-sync", *where, password=secret or "")
        server.tool("pg_verifybackup", "-q", base)
        point = f"evenkeel_{settings['backup_name']}"[:63]
        lsn = server.sql(f"select pg_create_restore_point({quoted(point)})")
        until = server.sql(f"select pg_walfile_name('{lsn}')")
        after = _counts(server)
        server.sql("select pg_switch_wal()")
        _keep_log(server, base=base, wal=os.path.join(place, "wal"), until=until)
    finally:
        server.sql(f"select pg_drop_replication_slot('{keep}')")
    same = {key: found[key] for key in ("system_identifier", "version", "timeline")}
    return {**same, "restore_point": point, "lsn": lsn, "before": before, "after": after}


def _keep_log(server: Server, *, base: str, wal: str, until: str) -> None:
    os.mkdir(wal, 0o700)
    os.chown(wal, *server.identity)
    have = [name for name in os.listdir(os.path.join(base, "pg_wal")) if facts.SEGMENT.match(name)]
    for name in facts.segments(os.listdir(server.path("pg_wal")), after=max(have), until=until):
        shutil.copyfile(server.path("pg_wal", name), os.path.join(wal, name))
        os.chown(os.path.join(wal, name), *server.identity)
        os.chmod(os.path.join(wal, name), 0o600)
    if until not in os.listdir(wal) and until not in have:
        raise NodeError(f"{server.name}: the log segment {until} of the restore point is gone. Raise wal_keep_size, then run again.")


def _counts(server: Server) -> dict[str, dict[str, int]]:
    """Rows of each table by database; only the names, with -1, when counting takes too long."""
    found = {}
    for database in server.ask(DATABASES):
        tables = server.ask(TABLES, database=database)
        found[database] = {table: _count(server, table, database) for table in tables}
    return found


def _count(server: Server, table: str, database: str) -> int:
    """The server itself has quoted the table's name."""
    return int(server.sql(f"select count(*) from only {table}", database=database)) if server.settings["compare"] == "counts" else -1  # noqa: S608


def _restored(server: Server, place: str, note: dict[str, Any]) -> dict[str, int]:
    """Restore a copy up to the named point, compare, and take it away again."""
    scratch = os.path.join(place, "scratch")
    sockets = tempfile.mkdtemp(prefix="evk-")  # the path of a socket may have 107 bytes
    os.chown(sockets, *server.identity)
    try:
        code, out, error = server.command(["cp", "-a", "--reflink=auto", os.path.join(place, "base"), scratch])
        if code:
            raise NodeError(f"{server.name}: the backup can't be copied to restore it: {told(error or out)}")
        copy = _configured(server, scratch=scratch, sockets=sockets, wal=os.path.join(place, "wal"), point=note["restore_point"])
        seconds = int(server.settings["restore_wait"])
        try:
            options = f"-c config_file={shlex.quote(os.path.join(scratch, 'evenkeel.conf'))}"  # a shell reads it
            log = os.path.join(scratch, "evenkeel.log")
            copy.tool("pg_ctl", "start", "-D", scratch, "-w", "-t", str(seconds), "-s", "-l", log, "-o", options)
            if not copy.wait(seconds, lambda: copy.sql("select pg_is_in_recovery()") == "f"):
                raise NodeError(f"{server.name}: the restored copy did not reach {note['restore_point']} within {seconds} s.")
            return compare(note, _counts(copy))
        except NodeError as exc:
            raise NodeError(f"The backup does not restore, so nothing was upgraded. {exc} {_end_of(os.path.join(scratch, 'evenkeel.log'))}") from exc
        finally:
            copy.command([os.path.join(copy.bindir, "pg_ctl"), "stop", "-D", scratch, "-m", "immediate", "-w", "-s"])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


def _configured(server: Server, *, scratch: str, sockets: str, wal: str, point: str) -> Server:
    settings = {
        **CLOSED,
        **{name: server.sql(f"show {name}") for name in CARRIED},
        "unix_socket_directories": sockets,
        "unix_socket_permissions": "0700",
        "port": str(server.settings["port"]),
        "hba_file": os.path.join(scratch, "evenkeel_hba.conf"),
        "ident_file": os.path.join(scratch, "evenkeel_ident.conf"),
        "restore_command": f'cp "{wal}/%f" "%p"',
        "recovery_target_name": point,
    }
    server.write(os.path.join(scratch, "evenkeel.conf"), "".join(facts.setting(name, value) for name, value in settings.items()))
    server.write(os.path.join(scratch, "evenkeel_hba.conf"), "local all all trust\n")  # its folder is open to this account alone
    server.write(os.path.join(scratch, "evenkeel_ident.conf"), "")
    server.write(os.path.join(scratch, "postgresql.auto.conf"), "")
    server.write(os.path.join(scratch, "recovery.signal"), "")
    return server.other(data=scratch, socket=sockets)


def compare(note: dict[str, Any], found: dict[str, dict[str, int]]) -> dict[str, int]:
    """Every table that was there before and after the restore point is in the copy; one that did not change meanwhile has as many rows."""
    faults, tables, equal = [], 0, 0
    for database, before in note["before"].items():
        for table, rows in before.items():
            if table not in note["after"].get(database, {}):
                continue
            tables += 1
            restored = found.get(database, {}).get(table)
            if restored is None:
                faults.append(f"{database}: {table} is missing")
            elif rows == note["after"][database][table]:
                equal += 1
                if restored != rows:
                    faults.append(f"{database}: {table} has {restored} rows, the primary {rows}")
    if faults:
        raise NodeError(f"The restored copy differs: {'; '.join(faults[:5])}{' and more' if len(faults) > 5 else ''}.")
    return {"databases": len(note["before"]), "tables": tables, "unchanged": equal}


def _end_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return f"Its log ends with: {told(file.read())}"
    except OSError:
        return ""
