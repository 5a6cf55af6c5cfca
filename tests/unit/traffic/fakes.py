# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver in memory that can fail at a chosen step."""

from __future__ import annotations

import contextlib
import copy

from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError, Unreachable, canary_of


def server(state="ready", weight=1, sessions=0):
    return {"state": state, "weight": weight, "sessions": sessions, "check": "", "address": ""}


class FakeDriver:
    words = ("service", "pool")
    same_age = False

    def __init__(self, address="lb", *, fails=(), up=True, reachable=True):
        self.address, self.fails, self.up, self.reachable = address, set(fails), up, reachable
        self.known = {
            "services": {"shop": "blue"},
            "servers": {"blue": {"web1": server(), "web2": server()}, "green": {"web1": server(), "web2": server()}},
            "splits": {},
            "closed": {},
            "unkept": [],
        }
        self.calls = []
        self.cuts = []

    def _do(self, call, *words):
        self.calls.append((call, *words))
        if call in self.fails:
            raise TrafficError(f"{self.address} failed at {call}.")

    def together(self):
        self.calls.append(("together",))
        return contextlib.nullcontext()

    def state(self):
        if not self.reachable:
            raise Unreachable(f"Nobody at {self.address}.")
        return copy.deepcopy(self.known)

    def switch(self, service, pool):
        self._do("switch", service, pool)
        self.known["services"][service] = pool
        self.known["splits"].pop(service, None)

    def split(self, service, shares):
        self._do("split", service, shares)
        canary_of(service, shares, self.known["services"][service])
        self.known["splits"][service] = dict(shares)

    def close(self, service, retry_after):
        self._do("close", service, retry_after)
        self.known["closed"][service] = retry_after

    def open(self, service):
        self._do("open", service)
        self.known["closed"].pop(service, None)

    def set_weight(self, pool, server, weight):
        self._do("set_weight", pool, server, weight)
        self.known["servers"][pool][server]["weight"] = weight

    def _set(self, state, pool, server):
        self._do(state, pool, server)
        self.known["servers"][pool][server]["state"] = state

    def drain(self, pool, server):
        self._set("drain", pool, server)

    def ready(self, pool, server):
        self._set("ready", pool, server)

    def maint(self, pool, server):
        self._set("maint", pool, server)

    def wait_up(self, pool, deadline):
        self._do("wait_up", pool)
        if not self.up:
            raise TrafficError(f"{pool} is down; nothing was switched.")
        return 0.25

    def sessions(self, places):
        return [sum(one["sessions"] for name, one in self.known["servers"][pool].items() if server in (None, name)) for pool, server in places]

    def cut(self, pool, server):
        self.cuts.append((pool, server))
        self.known["servers"][pool][server]["sessions"] = 0
