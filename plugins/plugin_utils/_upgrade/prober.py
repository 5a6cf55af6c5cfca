# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process that writes one row again and again while servers are upgraded, and notes each attempt.

It is started by path, so that it needs nothing of Ansible; the password comes over stdin. It ends when its note `<file>.stop` appears or the
ansible-playbook that started it is gone. A connection that works is kept: what is measured is the database, not how it is reached.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

COLLECTION = "ansible_collections.evenkeel.release"
TABLE = "evenkeel_write_probe"
WRITE = f"insert into {TABLE} values (1, now()) on conflict (one) do update set written = now()"  # noqa: S608  a constant
CONNECT_SECONDS = 2  # the least that libpq takes
STATEMENT_SECONDS = 5
MISSING = "The downtime is measured with psycopg 3 on the controller: pip install 'psycopg[binary]'."


def start(settings: Mapping[str, Any]) -> int:
    """Its pid. settings: servers, dbname, user, password, sslmode, interval, file, pid and started of the playbook."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal is for ansible-playbook
        close_fds=True,
        cwd="/",
    )
    if process.stdin is not None:  # PIPE was asked for
        process.stdin.write(json.dumps(dict(settings)).encode())
        process.stdin.close()
    process.returncode = 0  # it outlives us on purpose: no warning that it still runs
    return process.pid


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


def run(settings: Mapping[str, Any], notes: TextIO) -> None:
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import process

    writer, stop = Writer(settings), Path(f"{settings['file']}.stop")
    while not stop.exists() and process.is_running(settings["pid"], settings["started"]):
        begun = time.monotonic()
        good = writer.write()
        notes.write(json.dumps([begun, time.monotonic(), good]) + "\n" if good else json.dumps([begun, time.monotonic(), good, writer.error]) + "\n")
        notes.flush()
        time.sleep(max(0.0, settings["interval"] - (time.monotonic() - begun)))
    writer.clear()
    writer.close()


def _make_importable() -> None:
    """The collection under its name, wherever it lies and without the loader of Ansible."""
    root = Path(__file__).absolute().parents[3]
    name = ""
    for part in COLLECTION.split("."):
        name = f"{name}.{part}" if name else part
        package = types.ModuleType(name)
        package.__path__ = [str(root)] if name == COLLECTION else []
        sys.modules[name] = package


if __name__ == "__main__":
    _make_importable()
    given = json.loads(sys.stdin.buffer.read())
    descriptor = os.open(given["file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
        run(given, opened)
