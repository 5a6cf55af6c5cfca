# SPDX-License-Identifier: GPL-3.0-or-later
"""Any balancer that a program can move: one argument list per verb, answers in JSON, and each change is read back."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import Run, State, TrafficError, Unreachable, canary_of, existing, known, serves

NAME = "command"
VERBS = ("state", "switch", "split", "close", "open", "set_weight", "drain", "ready", "maint", "cut")
STATES = ("ready", "drain", "maint")
POLL = 0.05


class Driver:
    words = ("service", "pool")
    same_age = False

    def __init__(self, commands: dict[str, list[str]], *, run: Run, timeout: float = 30.0) -> None:
        unknown = sorted(set(commands) - set(VERBS))
        if unknown or not commands.get("state"):
            raise TrafficError(f"commands: needed is 'state', allowed are {', '.join(VERBS)}; found {existing(commands)}.")
        self._commands, self._run, self._timeout = commands, run, timeout
        self.address = commands["state"][0]

    def together(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def _call(self, verb: str, **words: object) -> dict[str, Any]:
        if not self._commands.get(verb):
            raise TrafficError(f"commands has no argument list for {verb!r}; given are {existing(self._commands)}.")
        argv = [_filled(argument, words) for argument in self._commands[verb]]
        try:
            code, said, errors = self._run(argv, self._timeout)
        except OSError as exc:
            raise Unreachable(f"The command for {verb}, {argv[0]}, cannot be run: {exc.strerror or exc}.") from exc
        if code != 0:
            raise Unreachable(f"The command for {verb}, {argv[0]}, ended with {code}: {(errors or said).strip()[-400:]}")
        try:
            answer = json.loads(said or "{}")
        except ValueError as exc:
            raise TrafficError(f"The command for {verb}, {argv[0]}, did not answer in JSON: {said.strip()[:200]!r}") from exc
        if not isinstance(answer, dict) or answer.get("error"):
            raise TrafficError(f"The command for {verb}, {argv[0]}, answered {str(answer)[:300]}")
        return answer

    def state(self) -> State:
        answer = self._call("state")
        faults = faults_of(answer)
        if faults:
            raise TrafficError(f"The command for state, {self.address}, answered something else than a state: {'; '.join(faults[:5])}")
        servers = {
            pool: {name: dict(row, check=str(row.get("check") or ""), weight=row.get("weight"), sessions=row.get("sessions")) for name, row in rows.items()}
            for pool, rows in answer["servers"].items()
        }
        for row in (row for rows in servers.values() for row in rows.values()):
            row["up"] = not row["check"].upper().startswith("DOWN")
        return {"splits": {}, "closed": {}, "unkept": [], **answer, "servers": servers}

    def _done(self, verb: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise TrafficError(f"The command for {verb} ended well, yet state says {found}, wanted was {wanted}.")

    def switch(self, service: str, pool: str) -> None:
        self._call("switch", service=service, pool=pool)
        state = self.state()
        self._done("switch", (state["services"].get(service), state["splits"].get(service)), (pool, None))

    def split(self, service: str, shares: dict[str, float]) -> None:
        live = self.state()["services"][service]
        canary, percent = canary_of(service, shares, live)
        self._call("split", service=service, pool=canary, live=live, percent=f"{percent:g}")
        self._done("split", self.state()["splits"].get(service), shares)

    def close(self, service: str, retry_after: int) -> None:
        self._call("close", service=service, retry_after=retry_after)
        self._done("close", service in self.state()["closed"], True)

    def open(self, service: str) -> None:
        self._call("open", service=service)
        self._done("open", service in self.state()["closed"], False)

    def set_weight(self, pool: str, server: str, weight: int) -> None:
        self._call("set_weight", pool=pool, server=server, weight=weight)
        self._done("set_weight", self._server(pool, server)["weight"], weight)

    def drain(self, pool: str, server: str) -> None:
        self._set("drain", pool, server)

    def ready(self, pool: str, server: str) -> None:
        self._set("ready", pool, server)

    def maint(self, pool: str, server: str) -> None:
        self._set("maint", pool, server)

    def _set(self, verb: str, pool: str, server: str) -> None:
        self._call(verb, pool=pool, server=server)
        self._done(verb, self._server(pool, server)["state"], verb)

    def _server(self, pool: str, server: str) -> dict[str, Any]:
        return dict(self.state()["servers"].get(pool, {}).get(server) or {"state": None, "weight": None})

    def wait_up(self, pool: str, deadline: float) -> float:
        began = time.monotonic()
        while True:
            servers = known(self.address, self.state()["servers"], pool)
            if any(map(serves, servers.values())):
                return time.monotonic() - began
            if time.monotonic() - began > deadline:
                raise TrafficError(f"No server of {pool} is up after {deadline:g}s; nothing was switched. It has {existing(servers)}.")
            time.sleep(POLL)

    def sessions(self, places: list[tuple[str, Optional[str]]]) -> list[int]:
        servers = self.state()["servers"]
        counts = []
        for pool, server in places:
            mine = known(self.address, servers, pool)
            found = [known(self.address, mine, server)] if server else list(mine.values())
            if any(one.get("sessions") is None for one in found):
                raise TrafficError(f"The command for state, {self.address}, does not tell the sessions of {pool}: there is nothing to wait for.")
            counts.append(sum(one["sessions"] for one in found))
        return counts

    def cut(self, pool: str, server: Optional[str]) -> None:
        for name in [server] if server else list(known(self.address, self.state()["servers"], pool)):
            self._call("cut", pool=pool, server=name)


def _filled(argument: str, words: dict[str, object]) -> str:
    for name, value in words.items():
        argument = argument.replace("{" + name + "}", str(value))
    return argument


def faults_of(answer: dict[str, Any]) -> list[str]:
    """Everything that makes it no state, or nothing."""
    faults = [f"{key} is no mapping" for key in ("services", "servers") if not isinstance(answer.get(key), dict)]
    faults += [f"{key} is no mapping" for key in ("splits", "closed") if not isinstance(answer.get(key, {}), dict)]
    faults += [f"unknown key {key}" for key in sorted(set(answer) - {"services", "servers", "splits", "closed"})]
    if faults:
        return faults
    for pool, servers in answer["servers"].items():
        if not isinstance(servers, dict):
            faults.append(f"servers.{pool} is no mapping")
            continue
        faults += [f"servers.{pool}.{server}: {fault}" for server, row in servers.items() for fault in _server_faults(row)]
    return faults + [f"services.{name} names no pool of servers: {pool!r}" for name, pool in answer["services"].items() if pool not in list(answer["servers"])]


def _server_faults(row: object) -> list[str]:
    if not isinstance(row, dict):
        return ["is no mapping"]
    faults = [] if row.get("state") in STATES else [f"state {row.get('state')!r} is none of {', '.join(STATES)}"]
    for key in ("weight", "sessions"):
        if not (row.get(key) is None or (isinstance(row[key], int) and not isinstance(row[key], bool) and row[key] >= 0)):
            faults.append(f"{key} {row[key]!r} is no count")
    return faults
