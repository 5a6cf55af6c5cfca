# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that a million of them lose over switches, drains and reloads; who answers after an acknowledgement; how soon a drain's end is seen."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.evenkeel.release.plugins.module_utils._traffic import files
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy import Driver

from ..integration.support import haproxy, module
from ..integration.traffic.fast import Balancer, Fleet
from ..integration.traffic.load import Seen, quantile, wrong_letters
from . import _traffic_latency, _traffic_reload, _traffic_wait
from ._load import load

if TYPE_CHECKING:
    from ._runner import Bench

REQUESTS, SWITCHES, FLIPS = 1_000_000, 50, 100
PART_SECONDS, AT_MOST_SECONDS, BETWEEN_SECONDS = 10.0, 400.0, 0.2
CLIENTS = 32


def run(bench: Bench) -> None:
    _traffic_wait.rows(bench)
    fleet = Fleet(haproxy.binary(), count=1)
    try:
        one = fleet.balancers[0]
        _flips(bench, one)
        _acknowledgement(bench, one)
        _lost(bench, one, "switches", lambda number: switch(one, number), requests=REQUESTS)
        one.reset()
        _traffic_latency.rows(bench, one)
        _lost(bench, one, "drains of a server", lambda number: rotate(one, number), requests=REQUESTS // 4)
        _traffic_reload.haproxy_rows(bench, fleet)
        _control(bench, fleet)
    finally:
        fleet.close()
    _traffic_reload.nginx_rows(bench)


def told(one: Balancer, **options: object) -> None:
    """The module itself, as a playbook runs it."""
    result = module.run("traffic", socket=one.socket, **options)
    if result.get("failed"):
        raise RuntimeError(result["msg"])


def switch(one: Balancer, number: int) -> None:
    told(one, map=one.map, service="shop", value=("shop_green", "shop_blue")[number % 2])


def rotate(one: Balancer, number: int) -> None:
    servers = [{"backend": "shop_blue", "server": f"web{number % 2 + 1}_blue"}]
    told(one, state="maint", servers=servers, wait=True, deadline=20)
    told(one, state="ready", servers=servers, wait=True)


def _loaded(bench: Bench, one: Balancer, turn: Callable[[int], None], *, keep_alive: bool, requests: int) -> tuple[Seen, int]:
    """Load in parts until both numbers are reached; (what was seen, turns made)."""
    seen, made, began = Seen(), 0, time.monotonic()
    while (len(seen.began) < requests or made < SWITCHES) and time.monotonic() - began < AT_MOST_SECONDS:
        with load(bench, one.port, clients=CLIENTS, keep_alive=keep_alive) as users:
            end = time.monotonic() + PART_SECONDS
            while time.monotonic() < end:
                turn(made)
                made += 1
                time.sleep(BETWEEN_SECONDS)
        seen.merge(users.seen)
    return seen, made


def _lost(bench: Bench, one: Balancer, what: str, turn: Callable[[int], None], *, requests: int) -> None:
    for kind, keep_alive in (("keep-alive", True), ("close", False)):
        one.reset()
        seen, made = _loaded(bench, one, turn, keep_alive=keep_alive, requests=requests)
        bench.row(f"lost of {len(seen.began)}, {made} {what}, {kind}", ours=seen.failed, reference=len(seen.began), bar=0, unit="")
        bench.say(f"traffic: {made} {what}, {kind}: {dict(seen.reasons) or 'no failure'}; {seen.reconnects} connections ended by the other side")


def _flips(bench: Bench, one: Balancer) -> None:
    one.reset()
    flips = []
    with load(bench, one.port, clients=CLIENTS) as users:
        for number in range(FLIPS):
            began = time.monotonic()
            switch(one, number)
            flips.append((time.monotonic(), began, "gb"[number % 2]))
            time.sleep(0.05)
        end = time.monotonic()
    wrong, checked = wrong_letters(users.seen, flips, end)
    bench.row(f"wrong colour of {checked} after {FLIPS} flips", ours=wrong, reference=checked, bar=0, unit="")


def _acknowledgement(bench: Bench, one: Balancer) -> None:
    """The flip itself is one question to HAProxy; the rest of a switch is the map file on the disk."""
    at_run_time = Driver(one.socket, one.map, persist=False)
    text = Path(one.map).read_text()

    def flip(driver: Driver, number: int) -> float:
        return _milliseconds(lambda: driver.switch("shop", ("shop_green", "shop_blue")[number % 2]))

    with load(bench, one.port, clients=8, pause=0.005):
        quick = [flip(at_run_time, number) for number in range(FLIPS)]
        bench.row("acknowledgement of a flip, p99", ours=quantile(quick, 0.99), reference=5.0, bar=1, unit="ms")
        # in turn, so that both see the same machine
        pairs = [(flip(one.driver, number), _milliseconds(lambda: files.replace(one.map, text))) for number in range(FLIPS)]
        kept, pure = (statistics.median(side) for side in zip(*pairs))
        bench.row("switch that is kept, against its file alone", ours=kept, reference=pure, bar=3, unit="ms")


def _milliseconds(act: Callable[[], object]) -> float:
    time.sleep(0.01)
    began = time.monotonic()
    act()
    return (time.monotonic() - began) * 1000


def _control(bench: Bench, fleet: Fleet) -> None:
    """Killed without a drain: these clients do notice. It ends the backends, so it comes last."""
    for kind, keep_alive in (("keep-alive", True), ("close", False)):
        with load(bench, fleet.balancers[0].port, clients=CLIENTS, keep_alive=keep_alive) as users:
            time.sleep(0.5)
            fleet.colours.server.process.kill()
            fleet.colours.server.process.wait()
            time.sleep(0.5)
        bench.row(f"lost when servers are killed undrained (control), {kind}", ours=users.seen.failed, reference=1, bar=1, better="higher", unit="")
        bench.say(f"traffic: killed undrained, {kind}: {dict(users.seen.reasons)}")
        fleet.colours.start()
        fleet.balancers[0].driver.wait_up("shop_blue", 10)
