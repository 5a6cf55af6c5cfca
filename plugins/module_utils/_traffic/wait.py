# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until servers have no session left, or serve again, many of them at several balancers at once."""

from __future__ import annotations

import time
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import Driver, known, serves

POLL = 0.02
# A request that was just given to a server may be counted a moment later: only the second empty look counts.
QUIET_LOOKS = 2
# How long ended sessions may take to go away.
CUT_SECONDS = 2.0


class Place(NamedTuple):
    driver: Driver
    pool: str
    server: Optional[str]  # None: the whole pool

    def __str__(self) -> str:
        return self.pool + (f"/{self.server}" if self.server else "")


def wait_drained(
    places: list[Place],
    *,
    deadline: float,
    cut: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[dict[str, Any]]:
    """Per place {waited: seconds, left: sessions at the deadline, cut: how many of them were ended}."""
    found = _look_until_empty(places, deadline=deadline, clock=clock, sleep=sleep)
    busy = [number for number, result in enumerate(found) if result["left"]]
    if not cut or not busy:
        return found
    for number in busy:
        places[number].driver.cut(places[number].pool, places[number].server)
    after = _look_until_empty([places[number] for number in busy], deadline=CUT_SECONDS, clock=clock, sleep=sleep)
    for number, again in zip(busy, after):
        found[number]["cut"] = max(0, found[number]["left"] - again["left"])
        found[number]["left"] = again["left"]
    return found


def wait_serving(
    places: list[Place],
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[float, list[Place]]:
    """(seconds, who does not serve even then)"""
    began = clock()
    while True:
        states = {id(place.driver): place.driver.state() for place in places}
        pools = [known(place.driver.address, states[id(place.driver)]["servers"], place.pool) for place in places]
        down = [place for place, servers in zip(places, pools) if not serves(servers.get(place.server, {"state": "gone"}))]
        elapsed = clock() - began
        if not down or elapsed >= deadline:
            return round(elapsed, 3), down
        sleep(POLL)


def _look_until_empty(places: list[Place], *, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> list[dict[str, Any]]:
    began = clock()
    quiet = [0] * len(places)
    results: list[dict[str, Any]] = [{} for _place in places]
    while True:
        waiting = [number for number in range(len(places)) if not results[number]]
        left = _sessions([places[number] for number in waiting])
        elapsed = clock() - began
        for number, sessions in zip(waiting, left):
            quiet[number] = 0 if sessions else quiet[number] + 1
            if quiet[number] >= QUIET_LOOKS:
                results[number] = {"waited": round(elapsed, 3), "left": 0, "cut": 0}
            elif sessions and elapsed >= deadline:
                results[number] = {"waited": round(elapsed, 3), "left": sessions, "cut": 0}
        if all(results):
            return results
        sleep(POLL)


def _sessions(places: list[Place]) -> list[int]:
    """One question per balancer, however many servers are waited for."""
    answers: list[int] = [0] * len(places)
    drivers = {id(place.driver): place.driver for place in places}
    for key, driver in drivers.items():
        mine = [number for number, place in enumerate(places) if id(place.driver) == key]
        for number, sessions in zip(mine, driver.sessions([(places[number].pool, places[number].server) for number in mine])):
            answers[number] = sessions
    return answers
