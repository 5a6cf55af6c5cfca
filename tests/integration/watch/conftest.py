# SPDX-License-Identifier: GPL-3.0-or-later
"""Three days of several environments in a real Prometheus, and the ledger of their deployments."""

from __future__ import annotations

import functools
import http.server
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.process import free_port
from ansible_collections.evenkeel.release.tests.integration.support.prometheus import Prometheus

MINUTE, HOUR = 60, 3600
# When each environment got its release, in minutes before now; the releases before came 20, 40 and 60 hours earlier.
SWITCHED = {"database": 63, "good": 62, "silent": 61, "young": 29, "slow": 28, "down": 26, "stale": 25, "back": 24, "burning": 20}
LIVE_MINUTES = 2
SCRAPE = """scrape_configs:
- job_name: live
  scrape_interval: 250ms
  scrape_timeout: 250ms
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


@functools.cache
def now() -> int:
    """When the first test here began, in full minutes; it may be long after the tests were collected."""
    return int(time.time()) // MINUTE * MINUTE


def switched(environment: str) -> int:
    return now() - SWITCHED[environment] * MINUTE


def _latency(environment: str, at: float) -> float:
    slow = {"slow": at >= switched("slow") + 5 * MINUTE, "back": at >= switched("back") + 5 * MINUTE, "database": at >= now() - 18 * HOUR}
    return (0.5 if slow.get(environment) else 0.2) * random.Random(at).uniform(0.95, 1.05)


def _failing(environment: str, at: float) -> int:
    """Of 600 requests a minute."""
    return 540 if environment == "burning" and at > switched("burning") else int(random.Random(at).random() < 0.3)


def history() -> str:
    p95, requests, errors = [], [], []
    for environment in SWITCHED:
        if environment == "silent":
            continue
        labels, asked, failed = f'environment="{environment}"', 0, 0
        for at in range(now() - 74 * HOUR, now() + 15 * MINUTE, MINUTE):
            asked, failed = asked + 600, failed + _failing(environment, at)
            p95.append(f"p95_seconds{{{labels}}} {_latency(environment, at):.4f} {at}")
            requests.append(f"http_requests_total{{{labels}}} {asked} {at}")
            errors.append(f"http_errors_total{{{labels}}} {failed} {at}")
    kinds = [("p95_seconds", "gauge", p95), ("http_requests", "counter", requests), ("http_errors", "counter", errors)]
    return "\n".join(line for name, kind, lines in kinds for line in [f"# TYPE {name} {kind}", *lines]) + "\n# EOF\n"


class Exporter(http.server.BaseHTTPRequestHandler):
    """What a service tells about itself, now."""

    p95 = 0.2

    def do_GET(self) -> None:
        text = f"# TYPE live_p95_seconds gauge\nlive_p95_seconds {type(self).p95 * random.uniform(0.95, 1.05):.4f}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    server = Prometheus(history())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def live() -> Iterator[Prometheus]:
    """One without a history: that of the other ends later than now, and it takes nothing older than its end."""
    exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    server = Prometheus(scrapes=SCRAPE % exporter.server_address[1])
    yield server
    server.stop()
    exporter.shutdown()
    exporter.server_close()


class Deployments:
    """Writes the ledger as deployments do."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'ledger.sqlite'}"
        self.now = 0.0
        self.store = open_store(self.url, clock=lambda: int(self.now * 1e6))

    def add(self, kind: str, phase: str, at: float, environment: str, release: str, *, subject: str = "", **body: Any) -> str:
        self.now = at
        return self.store.append([NewEntry(kind, phase, environment=environment, release=release, subject=subject, body=body, actor={"name": "ada"})])[0].id

    def deploy(self, environment: str, release: str, at: float) -> str:
        """Users have it at `at`."""
        place = (environment, release)
        intent = self.add("deployment", "intent", at - 5, *place, plan={"services": [{"service": "shop", "release": release}]})
        switch = self.add("switch", "intent", at - 1, *place, subject="shop", to="green", deployment=intent)
        self.add("switch", "outcome", at, *place, subject="shop", intent=switch, verdict="passed", to="green")
        self.add("verification", "fact", at + 1, *place, intent=intent, verdict="passed")
        self.add("deployment", "outcome", at + 2, *place, intent=intent, verdict="passed", services={"shop": release})
        return intent


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Deployments:
    made = Deployments(tmp_path_factory.mktemp("watch"))
    # In the order of time: that of a ledger never goes back.
    for release, hours in (("1.0.0", 60), ("1.1.0", 40), ("1.2.0", 20), ("1.3.0", 0)):
        for environment in SWITCHED:
            made.deploy(environment, release, switched(environment) - hours * HOUR)
    return made


def guard(environment: str, url: str) -> dict[str, Any]:
    labels = f'{{environment="{environment}"}}'
    errors = {"events": f"http_errors_total{labels}", "of": f"http_requests_total{labels}"}
    metrics: list[dict[str, Any]] = [
        {"name": "p95", "kind": "gauge", "query": f"p95_seconds{labels}", "direction": "increase"},
        {"name": "errors", "kind": "ratio", "query": errors, "objective": 0.99, "burn": True},
    ]
    made = {"prometheus": {"url": url}, "step": MINUTE, "metrics": metrics, "on_bad": "rollback" if environment in ("back", "database") else "tell"}
    if environment == "live":
        live = {"name": "p95", "kind": "gauge", "query": "live_p95_seconds", "direction": "increase"}
        made.update(step=0.25, minutes=LIVE_MINUTES, before_minutes=5, every=1, earlier=0, metrics=[live])
    return made


@pytest.fixture(scope="module")
def inventory(prometheus: Prometheus, live: Prometheus) -> dict[str, Any]:
    children = {}
    for environment in (*SWITCHED, "live"):
        url = {"down": f"http://127.0.0.1:{free_port()}", "live": live.url}.get(environment, prometheus.url)
        children[environment] = {"hosts": {f"{environment}-web": {}}, "vars": {**document(environment), "evenkeel_services": services(guard(environment, url))}}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"vars": local, "hosts": {"localhost": {}}, "children": children}}


def document(environment: str) -> dict[str, Any]:
    return {
        "evenkeel_environment": {
            "name": environment, "tier": "production", "kind": "ephemeral", "owner": "team-shop", "stage": 1,
            "provider": "existing", "data_policy": "none", "ttl": "7d",
        }
    }  # fmt: skip


def services(guarded: dict[str, Any]) -> dict[str, Any]:
    shop = {
        "engine": "application", "hosts": "web", "component": "shop", "strategy": "blue_green", "runtime": "process",
        "command": ["shop"], "probes": [{"name": "ready", "type": "tcp"}], "guard": guarded,
    }  # fmt: skip
    return {"shop": shop}
