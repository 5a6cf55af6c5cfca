# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary and its replica, real servers of an older minor version on the loopback, beside an inventory and somebody who writes."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.process import UNPRIVILEGED, free_port, is_root, run_as, server_folder
from ansible_collections.evenkeel.release.tests.integration.upgrade import programs

USER, PASSWORD = "evenkeel", "not-a-secret"  # servers of this test run on the loopback
SETTINGS = {
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "30",
    "listen_addresses": "127.0.0.1",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "500ms",
    "wal_keep_size": "64MB",  # pg_rewind reads back to where two servers parted
}
POLICY = """
name: may-upgrade
description: upgrades of databases
applies_to: {acts: [stateful_upgrade]}
rules:
  - name: has-steps
    effect: require
    condition: "length(upgrade.steps) > `0`"
    reason: Nothing to be done.
    remedy: Name a newer version.
"""


class Cluster:
    def __init__(self, *names: str) -> None:
        self.folder = server_folder("up")
        self.names = names
        self.new = programs.newer(self.folder)
        self.old = programs.older(self.folder, self.new)
        self.ports = {name: free_port() for name in names}
        self.node_extra: dict[str, dict[str, Any]] = {name: {} for name in names}
        self.state = self.folder / "state"
        for part in ("backups", "policies", "state"):
            (self.folder / part).mkdir()
        (self.folder / "policies/may-upgrade.yml").write_text(POLICY)
        self._owned(self.folder / "backups")
        self._first(names[0])
        for name in names[1:]:
            self._replica(name, of=names[0])

    # --- servers ---
    def data(self, name: str) -> Path:
        return self.folder / name / "data"

    def tool(self, name: str, *words: str, bindir: Path | None = None) -> str:
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
        argv = [str((bindir or self.old) / name), *words]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, cwd="/", **run_as())  # type: ignore[call-overload]
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}{done.stdout}")
        return str(done.stdout)

    def _owned(self, path: Path) -> None:
        if is_root():
            shutil.chown(path, UNPRIVILEGED)

    def _folder(self, name: str) -> None:
        (self.folder / name).mkdir()
        self._owned(self.folder / name)
        (self.folder / name / "bin").symlink_to(self.old)

    def _first(self, name: str) -> None:
        self._folder(name)
        secret = self.folder / "pw"
        secret.write_text(PASSWORD)
        self._owned(secret)
        words = ["-U", USER, "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self.tool("initdb", "-D", str(self.data(name)), *words, f"--pwfile={secret}")
        secret.unlink()
        self._settings(name)
        self.start(name)
        self.sql(name, "create table ledger (id bigint primary key); create table quiet as select generate_series(1, 500) n")

    def _replica(self, name: str, *, of: str) -> None:
        self._folder(name)
        source = f"host=127.0.0.1 port={self.ports[of]} user={USER} password={PASSWORD} application_name={name}"
        self.tool("pg_basebackup", "-D", str(self.data(name)), "-d", source, "-R", "-c", "fast", "--no-sync")
        self._settings(name)
        self.start(name)

    def _settings(self, name: str) -> None:
        lines = {**SETTINGS, "port": self.ports[name], "unix_socket_directories": self.folder / name}
        with (self.data(name) / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in lines.items())

    def start(self, name: str) -> None:
        log = self.folder / name / "log"
        self.tool("pg_ctl", "start", "-D", str(self.data(name)), "-w", "-s", "-l", str(log), bindir=self.folder / name / "bin")

    def stop(self, name: str, mode: str = "fast") -> None:
        self.tool("pg_ctl", "stop", "-D", str(self.data(name)), "-m", mode, "-w", "-s")

    def sql(self, name: str, text: str) -> str:
        return self.tool("psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.ports[name]), "-U", USER, "-d", "postgres", "-c", text).strip()

    def what(self, name: str) -> tuple[str, str]:
        """(role, version), from psql."""
        role, version = self.sql(name, "select pg_is_in_recovery(), current_setting('server_version')").split("|")
        return ("replica" if role == "t" else "primary"), version.split()[0]

    def close(self) -> None:
        for name in self.names:
            try:
                self.stop(name, "immediate")
            except RuntimeError:
                continue
        shutil.rmtree(self.folder, ignore_errors=True)

    def broken(self) -> Path:
        """Programs of the new version whose server does not start."""
        whole = self.new.parents[1]
        shutil.copytree(whole / "pginstall", self.folder / "broken" / whole.name / "pginstall", symlinks=True)
        libraries = whole.with_name(f"{whole.name}.libs")
        if libraries.exists():
            (self.folder / "broken" / libraries.name).symlink_to(libraries)
        bindir = self.folder / "broken" / whole.name / "pginstall/bin"
        (bindir / "postgres").unlink()
        (bindir / "postgres").write_text('#!/bin/sh\ncase "$1" in -V | --version) echo "postgres (PostgreSQL) 18.6" ;; *) exit 1 ;; esac\n')
        (bindir / "postgres").chmod(0o755)
        return bindir

    # --- the product ---
    def inventory(self) -> dict[str, Any]:
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {name: {**local, "stateful_upgrade_node": {**self._node(name), **self.node_extra[name]}} for name in self.names}
        document = {"name": "lab", "tier": "staging", "kind": "permanent", "owner": "team", "stage": 1, "provider": "existing"}
        group = {"vars": {"evenkeel_environment": document}, "children": {"lab_db": {"hosts": hosts}}}
        return {"all": {"hosts": {"localhost": local}, "children": {"lab": group}}}

    def _node(self, name: str) -> dict[str, Any]:
        place = self.folder / name
        common = {"address": "127.0.0.1", "port": self.ports[name], "socket": str(place)}
        return {**common, "data": str(self.data(name)), "bindir": str(place / "bin"), "new_bindir": str(self.new)}

    def variables(self, **more: Any) -> dict[str, Any]:
        account = {"user": USER, "password": PASSWORD}
        return {
            "evenkeel_target": "lab",
            "evenkeel_state_dir": str(self.state),
            "evenkeel_policies_dir": str(self.folder / "policies"),
            "stateful_upgrade_group": "lab_db",
            "stateful_upgrade_version": "18.6",
            "stateful_upgrade_login": account,
            "stateful_upgrade_replication": account,
            "stateful_upgrade_backup_dir": str(self.folder / "backups"),
            "stateful_upgrade_settle": 10,
            "stateful_upgrade_wait": 20,
            **more,
        }

    def upgrade(self, playbook: Any, *, check: bool = False, **more: Any) -> Any:
        return playbook("evenkeel.release.stateful_upgrade", inventory=self.inventory(), extra_vars=self.variables(**more), check=check, timeout=120)

    def entries(self, **wanted: Any) -> list[Any]:
        with open_store(f"sqlite:///{self.state / 'ledger.sqlite'}") as store:
            return list(store.entries(**wanted))

    def steps(self) -> list[tuple[str, str, str]]:
        """(act, host, verdict) of every step that ended, in their order."""
        found = [entry.body for entry in self.entries(kind="step", phase="outcome") if "step" in entry.body]
        return [(body["step"]["act"], body["step"]["host"], body["verdict"]) for body in found]

    def hook(self, name: str, text: str) -> Path:
        """A program for `stop` of a server: the text, then a clean stop, as the server's account."""
        path = self.folder / f"{name}-stop"
        stop = [str(self.old / "pg_ctl"), "stop", "-D", str(self.data(name)), "-m", "fast", "-w", "-s"]
        account = pwd.getpwnam(UNPRIVILEGED)
        drop = f"user={account.pw_uid}, group={account.pw_gid}, extra_groups=[], " if is_root() else ""
        head = f"#!{sys.executable}\nimport os, signal, subprocess, time\ndef stop():\n    subprocess.run({stop!r}, {drop}cwd='/', check=True)\n"
        path.write_text(f"{head}{text}\n")
        path.chmod(0o755)
        return path


class Writer(threading.Thread):
    """Somebody who needs the database all the time: what is acknowledged must not be lost. Its own measure of the longest time without one."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        ports = ",".join(str(port) for port in cluster.ports.values())
        hosts = ",".join("127.0.0.1" for _port in cluster.ports)
        self.where = f"host={hosts} port={ports} user={USER} password={PASSWORD} dbname=postgres target_session_attrs=read-write connect_timeout=2"
        self.acknowledged: list[int] = []
        self.pauses: list[float] = []
        self._over = threading.Event()

    def run(self) -> None:
        number, last, connection = 0, time.monotonic(), None
        while not self._over.is_set():
            number += 1
            try:
                connection = connection or psycopg.connect(self.where, autocommit=True)
                connection.execute("insert into ledger values (%s)", (number,))
            except psycopg.Error:
                connection = None
            else:
                self.acknowledged.append(number)
                self.pauses.append(time.monotonic() - last)
                last = time.monotonic()
            time.sleep(0.02)

    def __enter__(self) -> Writer:
        self.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._over.set()
        self.join(20)

    def lost(self, cluster: Cluster, leader: str) -> set[int]:
        return set(self.acknowledged) - set(json.loads(cluster.sql(leader, "select json_agg(id) from ledger")))
