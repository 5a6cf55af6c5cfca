# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's production environment in a folder of its own, and independent eyes on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.playbook import CALLBACKS, PlaybookRunner
from ansible_collections.evenkeel.release.tests.integration.support.process import state_folder

ROOT = Path(__file__).resolve().parents[3]
TARGET = "production"


class Lab:
    def __init__(self) -> None:
        self.state = state_folder("ek-")
        self.runner = PlaybookRunner(self.state / "ansible")
        self.inventory = ROOT / "inventories/demo/hosts.yml"
        subprocess.run([sys.executable, str(ROOT / "demo/package.py"), str(self.state / "artifacts")], check=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def declare(self, strategy, *, web=None):
        """From now on an inventory of its own: the demo's with that strategy, and with these web hosts in production."""
        folder = self.state / "inventory"
        shutil.copytree(ROOT / "inventories/demo", folder)
        self.inventory = folder / "hosts.yml"
        self.edit("shop_environments", lambda text: text.replace("strategy: blue_green", f"strategy: {strategy}"))
        if web:
            hosts = yaml.safe_load(self.inventory.read_text())
            hosts["all"]["children"]["shop_environments"]["children"]["production"]["children"]["production_web"]["hosts"] = web
            self.inventory.write_text(yaml.safe_dump(hosts))

    def edit(self, group, change):
        path = self.inventory.parent / f"group_vars/{group}.yml"
        path.write_text(change(path.read_text()))

    def skip_the_rehearsal(self):
        """It would find the broken release before any user meets it."""
        self.edit("production", lambda text: text.partition("# Only production")[0])

    def provision(self):
        self.must("provision", evenkeel_target="platform")
        self.must("provision")

    def play(self, name, *, check=False, env=None, args=(), **extra):
        return self.runner(
            f"evenkeel.release.{name}",
            inventory=self.inventory,
            extra_vars={"evenkeel_target": TARGET, **extra},
            check=check,
            env={"EVENKEEL_STATE_DIR": str(self.state), **(env or {})},
            args=args,
        )

    def must(self, name, **extra):
        run = self.play(name, **extra)
        assert run.rc == 0, f"{name} {extra}\n{run.stdout[-4000:]}\n{run.stderr[-2000:]}"
        return run

    def killed(self, name, *, at, how="KILL", seconds=0, **extra):
        """A run that was ended when the task of that name, or the boundary of that number, began; the boundaries that it came to."""
        run, boundaries = self.walk(name, at=at, how=how, seconds=seconds, **extra)
        # Ansible tells a Ctrl-C with a status of its own.
        died = {"KILL": -signal.SIGKILL, "TERM": -signal.SIGTERM, "INT": 99}[how]
        assert run.rc == died, f"the run was not ended at {at!r}: rc {run.rc}\n{run.stdout[-3000:]}\n{run.stderr[-1000:]}"
        return boundaries

    def walk(self, name, *, at="", how="KILL", seconds=0, look=(), **extra):
        """A run and the boundaries of tasks that it came to, each with what the program `look` printed there."""
        seen = self.state / f"boundaries-{time.monotonic_ns()}"
        env = {
            "EVENKEEL_KILL_AT": str(at),
            "EVENKEEL_KILL_HOW": how,
            "EVENKEEL_KILL_AFTER": str(seconds),
            "EVENKEEL_KILL_SEEN": str(seen),
            "EVENKEEL_KILL_LOOK": json.dumps([*look]),
            "ANSIBLE_CALLBACK_PLUGINS": f"{CALLBACKS}{os.pathsep}{Path(__file__).parent / 'callbacks'}",
            "ANSIBLE_CALLBACKS_ENABLED": "capture,kill",
        }
        run = self.play(name, env=env, **extra)
        boundaries = [json.loads(line) for line in seen.read_text().splitlines()]
        seen.unlink()
        return run, boundaries

    def endpoints(self, service):
        return json.loads((self.state / f"provisioned/{TARGET}.json").read_text())["endpoints"][service]

    @property
    def url(self):
        at = next(iter(self.endpoints("balancer").values()))
        return f"http://{at['address']}:{at['ports']['http']}"

    def served(self):
        with urllib.request.urlopen(f"{self.url}/version", timeout=5) as answer:
            return json.load(answer)["version"]

    def current(self):
        """{host: version its `current` link points at}."""
        return {host: Path(at["paths"]["root"], "current").resolve().name for host, at in self.endpoints("shop").items()}

    def protection(self):
        """What keeps releases and configuration of the hosts from being changed."""
        roots = [Path(at["paths"]["root"]) for at in self.endpoints("shop").values()]
        return {_protection(place.resolve()) for root in roots for place in (root / "releases", root / "current", root / "config", root / "config/live")}

    def open(self):
        """Past the collection: nothing is protected any more."""
        subprocess.run(["chattr", "-R", "-f", "-i", str(self.state)], check=False)
        subprocess.run(["chmod", "-R", "-f", "u+w", str(self.state)], check=False)

    def listening(self):
        """{host: colours that answer}."""
        found = {}
        for host, at in self.endpoints("shop").items():
            found[host] = []
            for colour, port in sorted(at["ports"].items()):
                try:
                    urllib.request.urlopen(f"http://{at['address']}:{port}/health/live", timeout=2).close()
                    found[host].append(colour)
                except OSError:
                    pass
        return found

    @property
    def store(self):
        return open_store(f"sqlite:///{self.state / 'ledger.sqlite'}")

    def entries(self, **wanted):
        return self.store.entries(environment=TARGET, **wanted)

    def open_intents(self):
        return [(entry.kind, entry.phase) for entry in views.open_intents(self.entries())]

    def assert_settled(self, version):
        assert self.served() == version
        assert set(self.current().values()) == {version}
        assert all(len(colours) == 1 for colours in self.listening().values()), self.listening()
        assert self.open_intents() == []

    def vault(self, path, body=None):
        """A request of the vault's operator, past the collection."""
        at = json.loads((self.state / "provisioned/platform.json").read_text())["endpoints"]["vault"]["platform-vault"]
        keys = json.loads(Path(at["paths"]["keys"]).read_text())
        request = urllib.request.Request(
            f"http://{at['address']}:{at['ports']['main']}/v1/{path}",
            data=json.dumps(body or {}).encode(),
            headers={"X-Vault-Token": keys["root_token"]},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=10).close()

    def files(self):
        """{path: (kind, content)} of what a run must not touch in check mode; logs and live databases go on by themselves."""
        found = {}
        for path in sorted(self.state.rglob("*")):
            parts = path.relative_to(self.state).parts
            # The ledger is compared by its entries: a reader may move them from one of its files to another.
            if parts[0] == "ansible" or parts[0].startswith(("load-", "ledger.sqlite")):
                continue
            if {"log", "data", "run"} & set(parts) or path.suffix in {".log", ".sock", ".pid"} or path.is_socket():
                continue
            found["/".join(parts)] = os.readlink(path) if path.is_symlink() else path.is_dir() or path.read_bytes()
        found["ledger"] = [entry.id for entry in self.store.entries()]
        return found

    def close(self):
        self.open()
        for name in (TARGET, "platform"):
            self.play("teardown", evenkeel_target=name, teardown_confirm=name)
        shutil.rmtree(self.state, ignore_errors=True)


def has_attribute(folder):
    """Whether this user can make files immutable there."""
    probe = folder / "probe"
    probe.touch()
    able = subprocess.run(["chattr", "+i", str(probe)], check=False, capture_output=True).returncode == 0
    subprocess.run(["chattr", "-i", str(probe)], check=False, capture_output=True)
    probe.unlink()
    return able


def _protection(path):
    flags = subprocess.run(["lsattr", "-d", str(path)], check=False, capture_output=True, text=True).stdout.split()
    if flags and "i" in flags[0]:
        return "attribute"
    return "none" if path.stat().st_mode & 0o222 else "modes"


class Users:
    """Requests without a pause; `failed` counts every answer that is no answer."""

    def __init__(self, lab: Lab, users: int = 10) -> None:
        self.out = lab.state / f"load-{time.monotonic_ns()}"
        self.out.mkdir()
        command = [sys.executable, str(ROOT / "demo/load.py"), "--url", lab.url, "--users", str(users), "--rate", "80", "--out", str(self.out)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + 30
        while not (self.out / "samples.jsonl").exists() or not (self.out / "samples.jsonl").stat().st_size:
            assert time.monotonic() < deadline, "the load generator sends nothing"
            time.sleep(0.1)
        return self

    def met(self, version: str) -> bool:
        return f'"{version}"' in (self.out / "samples.jsonl").read_text()

    def __exit__(self, *_exc):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.summary = json.loads((self.out / "summary.json").read_text())


class Thief:
    """Takes the port of a host's service as soon as its release was stopped, and keeps it until it may go."""

    def __init__(self, lab, host, *, until=lambda: False):
        at = lab.endpoints("shop")[host]
        self.address = (at["address"], at["ports"]["main"])
        self.until = until
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._steal)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.over.set()
        self.thread.join(120)

    def _steal(self):
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and not self.over.is_set():
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind(self.address)
                except OSError:
                    time.sleep(0.002)
                    continue
                listener.listen()
                while time.monotonic() < deadline and not self.over.wait(0.1) and not self.until():
                    pass
                return
