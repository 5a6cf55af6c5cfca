# SPDX-License-Identifier: GPL-3.0-or-later
"""What every traffic driver offers, and how the others call it. A driver is one balancer; it only carries out what acts.py decided."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Callable, NamedTuple, Optional, Protocol

# Names go into a balancer's commands and files: nothing that ends a word or a line there.
WORD = re.compile(r"[^\s;\\<>{}\"'$#\x00-\x1f]+\Z")
# program, arguments, seconds -> exit code, output, errors
Run = Callable[[list[str], float], tuple[int, str, str]]
# services: {service: live pool}; servers: {pool: {server: {state, weight, sessions, check, and up where it is known}}}; and, where the driver has them,
# splits: {service: {pool: percent}}, closed: {service: seconds of Retry-After}, unkept: services that a restart would move.
State = dict[str, Any]


class TrafficError(Exception):
    """What was asked of the balancer and why it could not be done; `details` are results that the caller should see all the same."""

    def __init__(self, message: str, details: Optional[dict[str, Any]] = None) -> None:
        super().__init__(message)
        self.details = details or {}


class Unreachable(TrafficError):
    """Nobody answers there, which is something else than a balancer that refuses."""


class Driver(Protocol):
    address: str
    # What it calls a service and a pool.
    words: tuple[str, str]
    # Whether a split may have a third pool, the old release started anew.
    same_age: bool

    def together(self) -> AbstractContextManager[None]:
        """Changes inside may be carried out at its end, all at once."""

    def state(self) -> State: ...

    def switch(self, service: str, pool: str) -> None:
        """All requests to the pool; ends a split."""

    def split(self, service: str, shares: dict[str, float]) -> None:
        """Percent per pool, together 100; see split_of."""

    def close(self, service: str, retry_after: int) -> None: ...

    def open(self, service: str) -> None: ...

    def set_weight(self, pool: str, server: str, weight: int) -> None: ...

    def drain(self, pool: str, server: str) -> None: ...

    def ready(self, pool: str, server: str) -> None: ...

    def maint(self, pool: str, server: str) -> None: ...

    def wait_up(self, pool: str, deadline: float) -> float: ...

    def sessions(self, places: list[tuple[str, Optional[str]]]) -> list[int]:
        """How many are left, per (pool, server) or (pool, None) for the whole pool."""

    def cut(self, pool: str, server: Optional[str]) -> None:
        """End the sessions that are left."""


def existing(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def check_service(driver: Driver, state: State, service: str) -> None:
    if service not in state["services"]:
        raise TrafficError(f"The balancer at {driver.address} has no {driver.words[0]} {service}; it has {existing(state['services'])}.")


def check_pool(driver: Driver, state: State, pool: str) -> None:
    if pool not in state["servers"]:
        raise TrafficError(f"The balancer at {driver.address} has no {driver.words[1]} {pool}; it has {existing(state['servers'])}.")


def check_server(driver: Driver, state: State, pool: str, server: str) -> None:
    check_pool(driver, state, pool)
    known = state["servers"][pool]
    if server not in known:
        raise TrafficError(f"{driver.words[1].capitalize()} {pool} of the balancer at {driver.address} has no server {server}; it has {existing(known)}.")


def known(address: str, pools: Mapping[str, Any], pool: str) -> Any:
    """Of a pool that was there a moment ago."""
    if pool not in pools:
        raise TrafficError(f"The balancer at {address} does not know {pool} any more; was it started anew with another configuration?")
    return pools[pool]


def serves(server: dict[str, Any]) -> bool:
    """Ready, and not known to be down."""
    return bool(server["state"] == "ready" and server.get("up", True))


def canary_of(service: str, shares: dict[str, float], live: str) -> tuple[str, float]:
    """(canary, its percent) of a wish for two pools; the live pool gets what is left."""
    others = [pool for pool in shares if pool != live]
    if len(shares) != 2 or len(others) != 1:
        raise TrafficError(f"Service {service} is split between its live pool {live} and one other pool; asked was for {existing(shares)}.")
    if abs(sum(shares.values()) - 100) > 1e-6 or min(shares.values()) < 0:
        raise TrafficError(f"The shares of {service} must be percents that make 100; asked was for {shares}.")
    return others[0], shares[others[0]]


class Split(NamedTuple):
    canary: str
    percent: float
    baseline: str = ""  # it gets as much as the canary


def split_of(service: str, shares: dict[str, float], live: str, *, same_age: bool) -> Split:
    """A wish for two pools, or for three, one of them <service>_baseline with the share of the canary."""
    third = f"{service}_baseline"
    if third not in shares or len(shares) != 3:
        return Split(*canary_of(service, shares, live))
    if not same_age:
        raise TrafficError(f"Service {service} can be split between three pools only by driver haproxy; asked was for {existing(shares)}.")
    two = {pool: percent for pool, percent in shares.items() if pool != third}
    two[live] = two.get(live, 0) + shares[third]
    canary, percent = canary_of(service, two, live)
    if abs(shares[third] - percent) > 1e-6:
        raise TrafficError(f"{third} gets as much as the canary {canary}, {percent:g} percent; asked was for {shares[third]:g}.")
    return Split(canary, percent, third)
