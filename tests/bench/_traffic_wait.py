# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a drain sees the last session's end, alone and beside the module that most people use for it."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import statistics
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

from ansible_collections.evenkeel.release.plugins.module_utils._traffic.wait import Place, wait_drained

from ..integration.support import haproxy, module
from ..integration.support.process import free_port
from ..integration.traffic.fast import Balancer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._runner import Bench

DRAINS = 20
# Seconds of the last session. They end at various moments between two looks of the peer, which looks every 5 s.
SESSIONS = (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5)
PEER = "ansible_collections.community.general.plugins.modules"


class Held(http.server.BaseHTTPRequestHandler):
    """Answers /held/<seconds> after so long and notes when."""

    protocol_version = "HTTP/1.1"
    ends: list[float] = []

    def do_GET(self) -> None:
        held = self.path.startswith("/held/")
        if held:
            time.sleep(float(self.path.rpartition("/")[2]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.flush()
        if held:
            self.ends.append(time.monotonic())

    def log_message(self, *_words: object) -> None:
        pass


def rows(bench: Bench) -> None:
    port = free_port()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Held)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    one = Balancer(haproxy.binary(), dict.fromkeys(("blue_1", "blue_2", "green_1", "green_2"), port))
    try:
        _seen(bench, one)
        _beside(bench, one)
    finally:
        one.close()
        server.shutdown()


def _held(bench: Bench, one: Balancer, seconds: float) -> subprocess.Popen[bytes]:
    user = subprocess.Popen(["curl", "-s", "-o", str(bench.tmp / "answer"), f"http://127.0.0.1:{one.port}/held/{seconds}"])
    while not one.driver.sessions([("shop_blue", None)])[0]:
        time.sleep(0.005)
    return user


def _late(bench: Bench, one: Balancer, seconds: float, wait: Callable[[], object]) -> float:
    """Milliseconds between the end of the last session and the end of the waiting."""
    user = _held(bench, one, seconds)
    wait()
    seen = time.monotonic()
    user.wait()
    return (seen - Held.ends[-1]) * 1000


def _seen(bench: Bench, one: Balancer) -> None:
    late = [_late(bench, one, 0.3, lambda: wait_drained([Place(one.driver, "shop_blue", None)], deadline=10)) for _number in range(DRAINS)]
    bench.row(f"end of the last session seen, worst of {DRAINS}", ours=max(late), reference=100.0, bar=1, unit="ms")
    bench.row(f"end of the last session seen, median of {DRAINS}", ours=statistics.median(late), reference=100.0, bar=1, unit="ms")


def _beside(bench: Bench, one: Balancer) -> None:
    """Both modules whole, each in a process of its own, from the end of the session to their end. In turn, with the same sessions."""
    with contextlib.suppress(ModuleNotFoundError):
        if importlib.util.find_spec(f"{PEER}.haproxy"):
            late = [(_module(bench, one, seconds, _ours), _module(bench, one, seconds, _peer)) for seconds in SESSIONS]
            ours, peer = (statistics.mean(side) for side in zip(*late))
            bench.row(f"module ends after the last session, mean of {len(late)}, peer", ours=ours, reference=peer, bar=0.1, unit="ms")
            return
    bench.missing.append("community.general")
    bench.say("traffic: community.general is not on PYTHONPATH (PyPI's package ansible holds it): the row of drains beside it is left out")


def _module(bench: Bench, one: Balancer, seconds: float, begin: Callable[[Balancer, str], subprocess.Popen[str]]) -> float:
    one.reset()
    user = _held(bench, one, seconds)
    rows = one.driver.state()["servers"]["shop_blue"]
    busy = next(name for name, row in rows.items() if row["sessions"])
    said: dict[str, Any] = module.finish(begin(one, busy))
    seen = time.monotonic()
    user.wait()
    if said.get("failed"):
        raise RuntimeError(said["msg"])
    if seen < Held.ends[-1]:
        raise RuntimeError("it did not wait for the session")
    return (seen - Held.ends[-1]) * 1000


def _ours(one: Balancer, server: str) -> subprocess.Popen[str]:
    return module.start("traffic", socket=one.socket, state="maint", servers=[{"backend": "shop_blue", "server": server}], wait=True, deadline=30)


def _peer(one: Balancer, server: str) -> subprocess.Popen[str]:
    return module.start("haproxy", package=PEER, socket=one.socket, state="disabled", host=server, backend="shop_blue", drain=True, wait=True)
