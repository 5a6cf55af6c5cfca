# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a molecule lab from outside: playbooks over ssh as a user runs them, and eyes that are not the collection's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.playbook import CALLBACKS, PlaybookRunner

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


class Fleet:
    def __init__(self, inventory: str, target: str) -> None:
        self.target = target
        self.folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
        self.inventory = ROOT / "extensions/molecule" / inventory
        groups = yaml.safe_load(self.inventory.read_text())["all"]["children"]["lab"]["children"]
        groups.update(groups.pop(target, {}).get("children", {}))
        self.address = {host: at["ansible_host"] for group in groups.values() for host, at in (group.get("hosts") or {}).items() if at}
        self.shops, self.apis, self.balancers = (list(groups.get(name, {"hosts": ()})["hosts"]) for name in ("lab_web", "lab_api", "lab_lb"))
        self.runner = PlaybookRunner(Path(tempfile.mkdtemp(prefix="runs-", dir=self.folder)))

    def play(self, name, *, env=None, **extra):
        return self._run(f"evenkeel.release.{name}", env, {"evenkeel_target": self.target, **extra})

    def run_plays(self, plays, *, fails=False, **extra):
        run = self._run(plays, None, extra)
        assert (run.rc != 0) == fails, run.stdout
        return run

    def _run(self, what, env, extra):
        ssh = {
            "ANSIBLE_SSH_CONTROL_PATH_DIR": os.environ.get("ANSIBLE_SSH_CONTROL_PATH_DIR", str(self.folder / "cp")),
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o PreferredAuthentications=publickey",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_TIMEOUT": "5",
            "ANSIBLE_FORKS": "15",
            "EVENKEEL_STATE_DIR": str(self.folder / "state"),
        }
        return self.runner(what, inventory=self.inventory, extra_vars=extra, env={**ssh, **(env or {})})

    def must(self, name, **extra):
        run = self.play(name, **extra)
        assert run.rc == 0, f"{name} {extra}\n{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
        return run

    def broken(self, name, *, kind, host, play, task, turn=1, **extra):
        """A run in which that happens to the host when that task begins."""
        place = {"play": play, "task": task, "turn": turn, "run": [sys.executable, str(HERE / "faults.py"), "break", kind, host]}
        env = {
            "EVENKEEL_BREAK_AT": json.dumps(place),
            "ANSIBLE_CALLBACK_PLUGINS": f"{CALLBACKS}{os.pathsep}{HERE / 'callbacks'}",
            "ANSIBLE_CALLBACKS_ENABLED": "capture,break_at",
        }
        return self.play(name, env=env, **extra)

    def heal(self, kind, host):
        subprocess.run([sys.executable, str(HERE / "faults.py"), "heal", kind, host], check=True, timeout=90, stdin=subprocess.DEVNULL)

    def on(self, host, *words, check=True):
        done = subprocess.run(["podman", "exec", host, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        assert not check or done.returncode == 0, f"{words} on {host}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def get(self, host, port, path="/version"):
        with urllib.request.urlopen(f"http://{self.address[host]}:{port}{path}", timeout=10) as answer:
            return json.load(answer)

    def current(self, host, root="/srv/shop"):
        return Path(self.on(host, "readlink", f"{root}/current")).name

    def units(self, host, name):
        """Units of the service that run."""
        said = self.on(host, "systemctl", "list-units", "--no-legend", "--plain", "--state=active", f"{name}-*.service")
        return [line.split()[0] for line in said.splitlines()]

    def serves(self, host, version):
        """The shop of that host: what answers, what the link says, what runs."""
        found = (self.get(host, 8000)["version"], self.current(host), len(self.units(host, "shop")))
        assert found == (version, version, 1), f"{host} answers {found[0]}, its link says {found[1]}, {found[2]} units run; expected {version}"

    def all_serve(self, version, *, seconds=10):
        """Whether they do within that time: a host that was healed boots first."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                for host in self.shops:
                    self.serves(host, version)
                return True
            except (AssertionError, OSError):
                if time.monotonic() > deadline:
                    return False
            time.sleep(0.5)

    def in_traffic(self, balancer, *, seconds=10):
        """Hosts to which the balancer sends users of the shop; it is asked until all are there or the time is over."""
        ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); s.sendall(b'show servers state shop\\n')"
        read = "; print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
        deadline = time.monotonic() + seconds
        while True:
            rows = [line.split() for line in self.on(balancer, "python3", "-c", ask + read).splitlines()]
            # name, operational state (2: running), administrative state (0: nobody took it out)
            found = {row[3] for row in rows if len(row) > 6 and row[1] == "shop" and row[5:7] == ["2", "0"]}
            if found >= set(self.shops) or time.monotonic() > deadline:
                return found
            time.sleep(0.5)

    def entries(self, **wanted):
        return open_store(f"sqlite:///{self.folder / 'state/ledger.sqlite'}").entries(environment=self.target, **wanted)

    def open_intents(self):
        return [(entry.kind, entry.release) for entry in views.open_intents(self.entries())]

    def batches_of(self, release):
        intents = [entry for entry in self.entries(kind="step", phase="intent") if entry.release == release and entry.body["state"] == "switching"]
        return [entry.body["hosts"] for entry in intents]


class Users:
    """The load generator on its host. `summary` is what it has counted so far."""

    OUT = "/run/load.json"

    def __init__(self, fleet: Fleet, host: str) -> None:
        self.fleet, self.host = fleet, host
        urls = [f"http://{fleet.address[balancer]}:{port}" for balancer in fleet.balancers for port in (8080, 8090)]
        words = [word for url in urls for word in ("--url", url)]
        fleet.on(host, "systemd-run", "--quiet", "--unit=users", "/usr/bin/python3", "/opt/load.py", "--out", self.OUT, *words)

    def summary(self):
        return json.loads(self.fleet.on(self.host, "cat", self.OUT))

    @contextmanager
    def during(self):
        """What was counted while the block ran, in a dictionary that is filled when it ends."""
        before, seen = self.summary(), {}
        yield seen
        after = self.summary()
        seen.update({key: after[key] - before[key] for key in ("requests", "failed", "slow")})
        seen["failures"] = after["failures"][before["failed"] :]
        counts = {url: Counter(found) - Counter(before["versions"].get(url, {})) for url, found in after["versions"].items()}
        seen["versions"] = {port: dict(sum((found for url, found in counts.items() if url.endswith(f":{port}")), Counter())) for port in (8080, 8090)}
        print(f"requests {seen['requests']}, failed {seen['failed']}, slow {seen['slow']}, by version {seen['versions']}")
