# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process that writes one row again and again while servers are upgraded, and notes each attempt.

It ends when its note `<file>.stop` appears or the ansible-playbook that started it is gone. A connection that works is kept: what is
measured is the database, not how it is reached.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.evenkeel.release.plugins.plugin_utils import _beside
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import process

TABLE = "evenkeel_write_probe"
WRITE = f"insert into {TABLE} values (1, now()) on conflict (one) do update set written = now()"  # noqa: S608  a constant
CONNECT_SECONDS = 2  # the least that libpq takes
STATEMENT_SECONDS = 5
MISSING = "The downtime is measured with psycopg 3 on the controller: pip install 'psycopg[binary]'."


def start(settings: Mapping[str, Any]) -> int:
    """Its pid. settings: servers, dbname, user, password, sslmode, interval, file, pid and started of the playbook."""
    return _beside.start("_upgrade.prober", settings)


def conninfo(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All servers at once: libpq finds the one that takes writes, as an application would."""
    return {
        "host": ",".join(str(server["address"]) for server in settings["servers"]),
        "port": ",".join(str(server["port"]) for server in settings["servers"]),
        "dbname": settings["dbname"],
        "user": settings["user"],
        "password": settings.get("password") or None,
        "sslmode": settings.get("sslmode") or "prefer",
        "target_session_attrs": "read-write",
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": STATEMENT_SECONDS * 1000,
        "application_name": "evenkeel write probe",
        "options": f"-c statement_timeout={STATEMENT_SECONDS}s",
    }


class Writer:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        import psycopg

        self._psycopg = psycopg
        self._words = conninfo(settings)
        self._connection: Any = None
        self._made = False
        self.error = ""

    def write(self) -> bool:
        try:
            if self._connection is None:
                self._connection = self._psycopg.connect(**self._words, autocommit=True)
                if not self._made:
                    self._connection.execute(f"create table if not exists {TABLE} (one int primary key, written timestamptz)")
                    self._made = True
            self._connection.execute(WRITE)
        except self._psycopg.Error as exc:
            self.error = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def clear(self) -> None:
        """The table goes with the measurement; when nobody takes writes it stays."""
        try:
            if self._connection is not None:
                self._connection.execute(f"drop table if exists {TABLE}")
        except self._psycopg.Error:
            return


def run(settings: Mapping[str, Any]) -> None:
    descriptor = os.open(settings["file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as notes:
        _write_until_stopped(settings, notes)


def _write_until_stopped(settings: Mapping[str, Any], notes: TextIO) -> None:
    writer, stop = Writer(settings), Path(f"{settings['file']}.stop")
    while not stop.exists() and process.is_running(settings["pid"], settings["started"]):
        begun = time.monotonic()
        good = writer.write()
        notes.write(json.dumps([begun, time.monotonic(), good]) + "\n" if good else json.dumps([begun, time.monotonic(), good, writer.error]) + "\n")
        notes.flush()
        time.sleep(max(0.0, settings["interval"] - (time.monotonic() - begun)))
    writer.clear()
    writer.close()
