# SPDX-License-Identifier: GPL-3.0-or-later
"""p99 of the half seconds that begin with a switch against that of the half seconds beside them, pair by pair, so that both see the same machine."""

from __future__ import annotations

import statistics
import time
from bisect import bisect_left
from typing import TYPE_CHECKING

from ..integration.support import module
from ..integration.traffic.fast import Balancer
from ..integration.traffic.load import Seen, quantile
from ._load import load

if TYPE_CHECKING:
    from ._runner import Bench

PAIRS, SECONDS = 60, 0.5
BAR = 1.25


def rows(bench: Bench, one: Balancer) -> None:
    for kind, keep_alive in (("keep-alive", True), ("close", False)):
        switching, count = _ratios(bench, one, keep_alive=keep_alive, switches=True)
        still, _count = _ratios(bench, one, keep_alive=keep_alive, switches=False)
        bench.row(f"p99 during a switch, steady is 1, {PAIRS} pairs, {kind}", ours=statistics.median(switching), reference=1.0, bar=BAR, unit="x")
        for what, found in (("switch against steady", switching), ("steady against steady", still)):
            low, middle, high = statistics.quantiles(found, n=4)
            bench.say(f"traffic: p99, {what}, {kind}: median {middle:.2f} x, quartiles {low:.2f} and {high:.2f}, {count} requests")


def _ratios(bench: Bench, one: Balancer, *, keep_alive: bool, switches: bool) -> tuple[list[float], int]:
    """One per pair of windows; every other pair begins with its steady one. Without switches the same windows are looked at all the same."""
    live, windows = "shop_blue", []
    one.driver.switch("shop", live)
    with load(bench, one.port, clients=8, keep_alive=keep_alive, pause=0.005) as users:
        for number in range(2 * PAIRS):
            marked = number % 4 in (0, 3)
            if marked and switches:
                live = "shop_green" if live == "shop_blue" else "shop_blue"
            windows.append((marked, _window(one, live)))
    p99s = [(marked, _p99(users.seen, began)) for marked, began in windows]
    pairs = [dict(p99s[at : at + 2]) for at in range(0, len(p99s), 2)]
    return [pair[True] / pair[False] for pair in pairs], len(users.seen.began)


def _window(one: Balancer, pool: str) -> float:
    """The module runs in every window: what its own work costs this machine is not what a switch costs its users."""
    began = time.monotonic()
    module.run("traffic", socket=one.socket, map=one.map, service="shop", value=pool)
    time.sleep(max(0.0, began + SECONDS - time.monotonic()))
    return began


def _p99(seen: Seen, began: float) -> float:
    """They come in order of their ends, so nearly in that of their beginnings: a little around the window is looked through too."""
    near = range(max(0, bisect_left(seen.began, began) - 1000), min(len(seen.began), bisect_left(seen.began, began + SECONDS) + 1000))
    return quantile([seen.took[at] for at in near if began <= seen.began[at] < began + SECONDS], 0.99)
