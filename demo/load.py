# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the demo shop at a steady rate and counts every single request.

Connections are kept alive and nothing is retried: a connection error, a time-out or a status of 500 or more
is a failed request. Runs until SIGTERM, SIGINT or --seconds, lets running requests end, then writes
OUT/summary.json. OUT/samples.jsonl has one line per request, at most a second late.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

import gevent
from gevent.event import Event
from locust import HttpUser, task
from locust.env import Environment

TIMEOUT = 10.0
ITEMS = (("MUG-01", "Stoneware mug", "12.90"), ("TEA-07", "Green tea, 250 g", "8.90"), ("LMP-22", "Desk lamp", "59.00"))


class Recorder:
    """Takes each request as it ends; the file is flushed once a second, not per request."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._milliseconds: list[float] = []
        self._versions: dict[str, Counter[str]] = {}
        self._statuses: Counter[str] = Counter()
        self.failed = 0
        self.started = time.time()

    def add(self, *, name: str, ended: float, milliseconds: float, status: int, version: str) -> None:
        good = 0 < status < 500
        self._milliseconds.append(milliseconds)
        self._statuses[str(status) if status else "no answer"] += 1
        self.failed += not good
        counts = self._versions.setdefault(version or "none", Counter(requests=0, failed=0))
        counts.update(requests=1, failed=int(not good))
        sample = {
            "t": round(ended, 4),
            "ms": round(milliseconds, 2),
            "ok": good,
            "status": status,
            "version": version,
            "name": name,
        }
        self._stream.write(json.dumps(sample, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        self._stream.flush()

    def summary(self, ended: float) -> dict[str, Any]:
        return {
            "requests": len(self._milliseconds),
            "failed": self.failed,
            **{f"p{share}": percentile(self._milliseconds, share) for share in (50, 95, 99)},
            "per_second": round(len(self._milliseconds) / max(ended - self.started, 0.001), 1),
            "by_version": {version: dict(counts) for version, counts in sorted(self._versions.items())},
            "by_status": dict(sorted(self._statuses.items())),
            "started": round(self.started, 3),
            "ended": round(ended, 3),
        }


def percentile(values: list[float], share: int) -> float | None:
    """Nearest rank, so that the answer is a value that was measured."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * share // 100) - 1)], 2)


def shopper(url: str, *, rate: float, users: int, customers: int) -> type[HttpUser]:
    interval = users / rate

    class Shopper(HttpUser):
        host = url
        draw = random.Random()
        due = 0.0

        def on_start(self) -> None:
            # Users start together; spread over one interval they ask evenly instead of in bursts, which
            # locust's own constant_throughput would bring back in step.
            gevent.sleep(self.draw.uniform(0, interval))
            self.due = time.monotonic()

        def wait_time(self) -> float:
            now = time.monotonic()
            self.due = max(self.due + interval, now)
            return self.due - now

        def number(self) -> int:
            return self.draw.randrange(1, customers + 1)

        @task(4)
        def customer(self) -> None:
            self.client.get(f"/customers/{self.number()}", name="customer", timeout=TIMEOUT)

        @task(3)
        def orders(self) -> None:
            self.client.get("/orders", params={"customer": self.number()}, name="orders", timeout=TIMEOUT)

        @task(2)
        def home(self) -> None:
            self.client.get("/", name="home", timeout=TIMEOUT)

        @task(1)
        def order(self) -> None:
            sku, title, price = self.draw.choice(ITEMS)
            item = {"sku": sku, "title": title, "quantity": self.draw.randrange(1, 4), "unit_price": price}
            body = {"customer": self.number(), "items": [item]}
            self.client.post("/orders", json=body, name="order", timeout=TIMEOUT)

    return Shopper


def run(arguments: argparse.Namespace, recorder: Recorder) -> None:
    user = shopper(arguments.url, rate=arguments.rate, users=arguments.users, customers=arguments.customers)
    environment = Environment(user_classes=[user], stop_timeout=TIMEOUT + 1, catch_exceptions=True)

    def on_request(name: str, start_time: float, response_time: float, response: Any = None, **_rest: Any) -> None:
        answered = response is not None and response.status_code
        recorder.add(
            name=name,
            ended=start_time + response_time / 1000,
            milliseconds=response_time,
            status=response.status_code if answered else 0,
            version=response.headers.get("X-Shop-Version", "") if answered else "",
        )

    environment.events.request.add_listener(on_request)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    runner = environment.create_local_runner()
    recorder.started = time.time()
    runner.start(arguments.users, spawn_rate=arguments.users)
    until = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    while time.monotonic() < until and not stop.wait(timeout=min(1.0, until - time.monotonic())):
        recorder.flush()
    runner.stop()
    recorder.flush()


def write(path: Path, document: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="where the shop answers, for example http://127.0.0.1:8000")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rate", type=float, default=150.0, help="requests per second of all users together")
    parser.add_argument("--customers", type=int, default=50_000, help="numbers of customers to ask for: 1 to this")
    parser.add_argument("--seconds", type=float, default=0.0, help="0: until a signal")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    if min(arguments.users, arguments.rate, arguments.customers) <= 0:
        parser.error("--users, --rate and --customers must be above 0")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "summary.json").unlink(missing_ok=True)
    with open(arguments.out / "samples.jsonl", "w", encoding="utf-8", buffering=1 << 20) as stream:
        recorder = Recorder(stream)
        run(arguments, recorder)
        summary = recorder.summary(time.time())
    write(arguments.out / "summary.json", summary)
    print("requests: {requests}, failed requests: {failed}, p95: {p95} ms".format(**summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
