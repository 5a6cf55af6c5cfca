# SPDX-License-Identifier: GPL-3.0-or-later
"""load.py --url URL... --out FILE: users who never stop asking, and a count of every request that failed or was slow.

Half of the users of each URL keep their connection, the others open one for each request. Nothing is tried twice. An answer of 500 or more, a
connection that breaks and an answer after ten seconds have failed; what takes longer than --slow seconds is slow. FILE is written every second,
and holds every failure with its time. Standard library only: it runs on a host of the lab.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

PATHS = ("/", "/orders?customer=1", "/customers/1", "/orders")
TIMEOUT = 10.0


class Count:
    def __init__(self, slow: float) -> None:
        self._lock = threading.Lock()
        self._slow = slow
        self._seconds: list[float] = []
        self._versions: dict[str, Counter[str]] = {}
        self._failures: list[dict] = []
        self._late = 0

    def add(self, *, url: str, path: str, seconds: float, version: str, fault: str) -> None:
        with self._lock:
            self._seconds.append(seconds)
            self._late += seconds > self._slow
            self._versions.setdefault(url, Counter())[version or "none"] += 1
            if fault:
                self._failures.append({"at": round(time.time(), 3), "url": url + path, "seconds": round(seconds, 3), "version": version, "fault": fault})

    def summary(self) -> dict:
        with self._lock:
            ordered = sorted(self._seconds)
            p99 = round(ordered[int(len(ordered) * 0.99)], 4) if ordered else None
            versions = {url: dict(counts) for url, counts in self._versions.items()}
            return {
                "requests": len(ordered),
                "failed": len(self._failures),
                "slow": self._late,
                "p99": p99,
                "versions": versions,
                "failures": list(self._failures),
            }


def ask(connection: http.client.HTTPConnection, path: str, keep: bool) -> tuple[str, str]:
    """(version that answered, what was wrong)."""
    connection.request("GET", path, headers={} if keep else {"Connection": "close"})
    answer = connection.getresponse()
    answer.read()
    version = answer.headers.get("X-Shop-Version", "")
    return version, f"status {answer.status}" if answer.status >= 500 else ""


def use(url: str, *, keep: bool, interval: float, count: Count, stop: threading.Event) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=TIMEOUT)
    due = time.monotonic()
    for path in itertools.cycle(PATHS):
        due = max(due + interval, time.monotonic())
        if stop.wait(due - time.monotonic()):
            return
        began = time.monotonic()
        try:
            version, fault = ask(connection, path, keep)
        except (OSError, http.client.HTTPException) as exc:
            version, fault = "", f"{type(exc).__name__}: {exc}"
        count.add(url=url, path=path, seconds=time.monotonic() - began, version=version, fault=fault)
        if fault or not keep:
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", action="append", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rate", type=float, default=8.0, help="requests per second of each URL")
    parser.add_argument("--slow", type=float, default=1.0, help="seconds")
    arguments = parser.parse_args()
    count, stop = Count(arguments.slow), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for url, keep in itertools.product(arguments.url, (True, False)):
        options = {"keep": keep, "interval": 2 / arguments.rate, "count": count, "stop": stop}
        threading.Thread(target=use, args=(url,), kwargs=options).start()
    while not stop.wait(1.0):
        with open(arguments.out + ".new", "w", encoding="utf-8") as stream:
            json.dump(count.summary(), stream)
        os.replace(arguments.out + ".new", arguments.out)


if __name__ == "__main__":
    main()
