# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment as small as one can be, and a walk over it: a run is ended at one task boundary after the other, then recovered.

The application is one file, there is no database and no vault: a run costs seconds, so that hundreds of them can be ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import urllib.request
from collections import Counter
from pathlib import Path

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import holds
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner
from ansible_collections.evenkeel.release.tests.integration.support.process import state_folder

from . import world
from .lab import ROOT, TARGET, Lab

VERSIONS = ("1.0.0", "1.1.0")
COLOURS = ("blue", "green")
APP = """\
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({"version": VERSION}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
"""
METRIC = {"name": "failed requests", "kind": "ratio", "highest": 0.5, "must_see": 0.9, "min_samples": 2}
ROLLOUTS = {
    "blue_green": {},
    "rolling": {"batches": [1], "min_healthy": 1, "minimum_healthy": "{{ killed_minimum_healthy | default(0) | int }}"},
    "recreate": {},
    "canary": {"steps": [{"weight": 50, "seconds": 1}], "metrics": [METRIC]},
}


class SmallLab(Lab):
    """One application behind one balancer."""

    def __init__(self, strategy):
        self.state = state_folder("ek-")
        self.runner = PlaybookRunner(self.state / "ansible")
        self.strategy = strategy
        for version in VERSIONS:
            self._package(version)
        (self.state / "templates").mkdir()
        (self.state / "templates/shop.conf.j2").write_text("release = {{ configure_release }}\n")
        self.inventory = self.state / "hosts.yml"
        self.inventory.write_text(yaml.safe_dump(self._inventory()))

    def _package(self, version):
        folder = self.state / "releases"
        folder.mkdir(exist_ok=True)
        archive = self.state / f"shop-{version}.tar.gz"
        content = APP.replace("VERSION", repr(version)).encode()
        with tarfile.open(archive, "w:gz") as tar:
            entry = tarfile.TarInfo("app.py")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
        manifest = {
            "version": version,
            "type": "minor",
            "owner": "team",
            "summary": "One file.",
            "changelog": ["Its version."],
            "components": {"shop": {"version": version, "artifact": str(archive), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}},
            "rollback": {"criteria": ["A probe fails."], "max_minutes": 5, "migration": "none"},
        }
        (folder / f"{version}.yml").write_text(yaml.safe_dump(manifest))

    def _inventory(self):
        # One host after the other is what a rolling deployment is about; the others have all hosts in the same state at any boundary.
        web = ["production-web1", "production-web2"] if self.strategy == "rolling" else ["production-web1"]
        hosts = {"production_lb": ["production-lb"], "production_web": web}
        shop = {
            "engine": "application",
            "hosts": "production_web",
            "uses": {"balancer": "balancer"},
            "component": "shop",
            "strategy": self.strategy,
            "runtime": "process",
            "command": [sys.executable, "-I", "-S", "{release_dir}/app.py", "{address}", "{port}"],
            "config": [{"template": "shop.conf.j2", "name": "shop.conf"}],
            "probes": [{"name": "ready", "type": "http", "path": "/health/ready"}],
            # Whoever wants a way back asks for requests that nobody sends.
            "bake": {"seconds": 0.2, "max_error_rate": 0.01, "min_requests": "{{ killed_min_requests | default(0) | int }}"},
        }
        if ROLLOUTS[self.strategy]:
            shop["rollout"] = ROLLOUTS[self.strategy]
        production = {
            "evenkeel_environment": {
                "name": TARGET, "tier": "production", "kind": "permanent", "owner": "team", "stage": 1, "provider": "process", "data_policy": "none",
            },
            "evenkeel_services": {"balancer": {"engine": "haproxy", "hosts": "production_lb"}, "shop": shop},
        }  # fmt: skip
        everyone = {
            "ansible_connection": "local",
            "ansible_pipelining": True,
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "evenkeel_state_dir": str(self.state),
            "evenkeel_releases_dir": str(self.state / "releases"),
            "evenkeel_policies_dir": str(ROOT / "inventories/demo/policies"),
        }
        children = {group: {"hosts": dict.fromkeys(names)} for group, names in hosts.items()}
        return {"all": {"vars": everyone, "hosts": {"localhost": None}, "children": {TARGET: {"vars": production, "children": children}}}}

    def begin(self):
        self.must("provision")
        for version in VERSIONS:
            with Visitors(self):
                self.must("deploy", evenkeel_version=version)
        self.usual = set(world.names(self.state))
        return self

    def other(self):
        return VERSIONS[1 - VERSIONS.index(self.served())]

    def forget(self):
        """What the hosts have of the release that does not run: a run that brings it does all of its work again."""
        idle = self.other()
        for at in self.endpoints("shop").values():
            root = Path(at["paths"]["root"])
            [colour] = set(COLOURS) - {os.readlink(root / "config/live")}
            for folder in filter(Path.exists, (root / "releases" / idle, root / "config" / colour)):
                subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
                shutil.rmtree(folder)
            (root / f"releases/{idle}.json").unlink(missing_ok=True)

    @property
    def balancer(self):
        return next(iter(self.endpoints("balancer").values()))["paths"]

    @property
    def look(self):
        return [sys.executable, "-I", "-S", world.__file__, str(self.state), self.balancer["socket"], self.balancer["map"]]

    def running(self):
        """{(host, version): how many processes}, from /proc."""
        paths = [Path(path).parts for path in world.processes(self.state).values()]
        return dict(Counter((parts[-4], parts[-2]) for parts in paths))

    def faults(self):
        """Why the environment is not settled on one release, seen with other eyes than the collection's; empty when it is."""
        version = self.served()
        hosts = sorted(self.endpoints("shop"))
        expected = {
            "served": ([self.served() for _request in range(6)], [version] * 6),
            "current": (self.current(), dict.fromkeys(hosts, version)),
            "running": (self.running(), {(host, version): 1 for host in hosts}),
            "live configuration": (self._live_links(), self.listening()),
            "open intents": (self.open_intents(), []),
            "the ledger's answer": (views.deployed(self.entries()).get(TARGET), {"shop": version}),
            "lease": (self.store.lease(f"environment/{TARGET}"), None),
            "ledger": (verify(self.store).faults, []),
            "left behind": (sorted(set(world.names(self.state)) - self.usual), []),
            **self._balanced(),
        }
        return {name: found for name, (found, wanted) in expected.items() if found != wanted}

    def _live_links(self):
        """{host: [colour]}; a service with one port has both colours at it, and nothing to compare."""
        at = self.endpoints("shop")
        if "main" in next(iter(at.values()))["ports"]:
            return {host: ["main"] for host in at}
        return {host: [os.readlink(Path(place["paths"]["root"], "config/live"))] for host, place in at.items()}

    def _balanced(self):
        at = self.balancer
        on_disk = dict(line.split(None, 1) for line in Path(at["map"]).read_text().splitlines() if line and line[0] != "#")
        in_memory = {line.split()[1]: line.split(None, 2)[2] for line in world.ask(at["socket"], f"show map {at['map']}").splitlines() if line.strip()}
        rows = [line.split(",") for line in world.ask(at["socket"], "show stat").splitlines() if line and not line.startswith("#")]
        resting = [(row[0], row[1], row[17]) for row in rows if row[17].split()[0] in ("MAINT", "DRAIN", "NOLB")]
        special = {key: value for key, value in in_memory.items() if key.endswith((".canary", ".page")) and value not in ("none:0", "open")}
        return {"map file": (on_disk, in_memory), "servers out of the traffic": (resting, []), "split or closed": (special, {})}


class Visitors:
    """A few requests at a time, so that a canary has something to be judged by."""

    def __init__(self, lab):
        self.lab, self.stop = lab, threading.Event()
        self.thread = threading.Thread(target=self._visit, daemon=True)

    def _visit(self):
        while not self.stop.wait(0.02):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.lab.url}/version", timeout=2).close()

    def __enter__(self):
        if self.lab.strategy == "canary":
            self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join(5)


class Walk:
    """Ends one act at its boundaries, one run after the other, and lets an operator recover each time."""

    def __init__(self, lab, act, *, how="KILL", prepare=None, after="", **extra):
        """prepare: what has to happen before each run; after: the boundary before the first that is taken; extra: variables of the run."""
        self.lab, self.act, self.how, self.prepare, self.after, self.extra = lab, act, how, prepare, after, extra

    def boundaries(self):
        """[(number, name, world)] of a run that nobody ends."""
        with Visitors(self.lab):
            self._begin()
            _run, seen = self.lab.walk(self.act, look=self.lab.look, **self._variables())
        found = [(number, name, found) for number, (name, found) in enumerate(seen, start=1)]
        names = [name.partition(": ")[2] for _number, name, _world in found]
        return found[names.index(self.after) + 1 :] if self.after else found

    def take(self, number, name="", *, ask=False):
        """What is wrong after the run was ended there and recovered; empty when nothing is. name: what is expected there."""
        lab = self.lab
        before, known = lab.served(), len(lab.entries(kind="verification"))
        with Visitors(lab):
            self._begin()
            variables = self._variables()
            seen = lab.killed(self.act, at=number, how=self.how, **variables)
        found = {} if name in ("", seen[-1][0]) else {"boundary": (seen[-1][0], name)}
        verified = [entry.release for entry in lab.entries(kind="verification")][known:]
        if ask and lab.open_intents():
            refused = lab.play("deploy", evenkeel_version=before)
            if refused.rc == 0 or "evenkeel.release.recover" not in refused.stdout:
                found["asked to deploy"] = (refused.rc, refused.stdout[-2000:])
        recovered = lab.play("recover")
        if recovered.rc != 0:
            found["recover"] = recovered.stdout[-6000:] + recovered.stderr[-1000:]
        wanted = verified[-1] if verified else before
        if lab.served() != wanted:
            found["release"] = (lab.served(), wanted)
        return {**found, **lab.faults()}

    def mend(self):
        """Whether the walk can go on after a fault."""
        if self.lab.faults():
            self.lab.play("recover")
        if self.lab.faults():
            self.lab.play("deploy", evenkeel_version=VERSIONS[0], deploy_force=True)
        return not self.lab.faults()

    def _begin(self):
        self.lab.forget()
        for version in holds.held([entry.as_dict() for entry in self.lab.entries(kind="hold")], TARGET):
            self.lab.must("mark", evenkeel_version=version, evenkeel_mark="lifted")
        if self.prepare:
            self.prepare(self.lab)

    def _variables(self):
        return self.extra if self.act == "recover" else {"evenkeel_version": self.lab.other(), **self.extra}


def chosen(boundaries, wanted):
    """wanted: "i/n" takes the i-th of n parts of the boundaries before which the world changed, "worlds" all of these, "all" every boundary."""
    if wanted == "all":
        return boundaries
    worlds = [boundary for at, boundary in enumerate(boundaries) if at == 0 or boundary[2] != boundaries[at - 1][2]]
    part, _slash, parts = wanted.partition("/")
    return worlds[int(part) - 1 :: int(parts)] if parts else worlds
