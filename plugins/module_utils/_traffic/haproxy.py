# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's runtime interface: maps, server states and counters. No reload is ever made."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._traffic import files
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import haproxy_text as text_of
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import State, TrafficError, Unreachable, existing, known, split_of

NAME = "haproxy"
POLL = 0.05
TIMEOUT = 5.0
MAP_FILE = "Map file"


class Balancer:
    """One HAProxy process behind its runtime socket: a path, or host:port."""

    def __init__(self, address: str, timeout: float = TIMEOUT) -> None:
        self.address, self._timeout = address, timeout

    def command(self, line: str) -> str:
        try:
            connection = self._connect()
            with connection:
                connection.sendall((line + "\n").encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as exc:
            raise Unreachable(f"Could not ask HAProxy at {self.address}: {exc}. Is it running, and may this account open its socket?") from exc
        # Each answer ends with an empty line: without it HAProxy died in the middle, or this is not HAProxy.
        if answer != b"\n" and not answer.endswith(b"\n\n"):
            raise TrafficError(f"HAProxy at {self.address} broke off its answer to {line!r} after {len(answer)} bytes.")
        return answer.decode(errors="replace").strip("\n")

    def _connect(self) -> socket.socket:
        if "/" in self.address:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._timeout)
            try:
                connection.connect(self.address)
            except OSError:
                connection.close()
                raise
            return connection
        host, _dummy, port = self.address.rpartition(":")
        if not port.isdigit():
            raise TrafficError(f"socket {self.address!r} is neither a path nor host:port.")
        return socket.create_connection((host.strip("[]"), int(port)), self._timeout)

    def silent(self, line: str, what: str) -> None:
        """Run a command that answers nothing when it works."""
        said = self.command(line).strip()
        if said and not said.startswith("[") and "done" not in said.lower():
            raise TrafficError(f"HAProxy at {self.address} refused to {what}: {said}")

    def backends(self) -> dict[str, Any]:
        text = self.command("show stat")
        if not text.startswith("# pxname"):
            raise TrafficError(f"HAProxy at {self.address} gave no statistics: {text[:200]}")
        return text_of.parse_stat(text)

    def servers(self) -> dict[str, dict[str, dict[str, Any]]]:
        """{backend: {server: {state, weight, sessions, up, check, status, address}}}"""
        set_states = text_of.parse_servers(self.command("show servers state"))
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for backend, counted in self.backends().items():
            found[backend] = {}
            for server, row in counted["servers"].items():
                known = set_states.get(backend, {}).get(server)
                if known is None:
                    raise TrafficError(f"HAProxy at {self.address} counts {backend}/{server} but does not tell its state.")
                sessions = row.get("sessions", 0) + row.get("queued", 0)
                told = {name: row[name] for name in ("check", "status", "address")}
                found[backend][server] = dict(known, sessions=sessions, up=row["status"].startswith("UP") or row["status"] == "no check", **told)
        return found

    def maps(self) -> list[str]:
        found = re.findall(r"^-?\d+ \(([^)]+)\)", self.command("show map"), re.MULTILINE)
        return sorted(set(found))

    def entries(self, path: str) -> dict[str, str]:
        text = self.command(f"show map {path}")
        if text and not text.startswith("0x"):
            raise TrafficError(f"HAProxy at {self.address} has no map {path}; it has {existing(self.maps())}.")
        return text_of.parse_map(text)

    def switch(self, path: str, key: str, value: str, *, persist: bool = True) -> dict[str, str]:
        """The entries afterwards. Persist first, so that a crash between the two leaves at worst a restart that shows the new value early."""
        if not persist:
            return self._set_map(path, key, value)
        with files.locked(path):
            entries = self.entries(path)
            if key not in entries:
                raise TrafficError(f"Map {path} of HAProxy at {self.address} has no key {key}; it has {existing(entries)}.")
            before = entries[key]
            text = files.read(path, MAP_FILE)
            files.replace(path, text_of.with_entry(text, key, value))
            try:
                return self._set_map(path, key, value)
            except TrafficError:
                files.replace(path, text_of.with_entry(text, key, before))
                raise

    def _set_map(self, path: str, key: str, value: str) -> dict[str, str]:
        """Set and read back in one question."""
        said = self.command(f"set map {path} {key} {value}; show map {path}")
        found = text_of.parse_map(said)
        refusal = " ".join(line for line in said.splitlines() if line.strip() and not line.startswith("0x"))
        if refusal:
            raise TrafficError(f"HAProxy at {self.address} refused to set {key} to {value} in map {path}: {refusal}")
        if found.get(key) != value:
            raise TrafficError(f"Map {path} of HAProxy at {self.address} still says {key} {found.get(key)} after the switch.")
        return found

    def wait_up(self, backend: str, *, deadline: float, sleep: Callable[[float], None] = time.sleep) -> float:
        """Seconds until the backend could serve; looks 20 times a second."""
        started = time.monotonic()
        while True:
            found = known(self.address, self.backends(), backend)
            if text_of.is_up(found):
                return time.monotonic() - started
            if time.monotonic() - started > deadline:
                raise TrafficError(
                    f"Backend {backend} of HAProxy at {self.address} is {found['status']} after {deadline:g}s, needed is UP; nothing was"
                    f" switched. Its servers: {text_of.server_states(found)}."
                )
            sleep(POLL)


class Driver:
    """One balancer with the map that says, per service, which backend is live. Pools are backends."""

    words = ("key", "backend")
    same_age = True

    def __init__(self, socket_address: str, map_file: Optional[str] = None, *, persist: bool = True, timeout: float = TIMEOUT) -> None:
        self.address, self._map, self._persist = socket_address, map_file, persist
        self.balancer = Balancer(socket_address, timeout)

    def together(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def state(self) -> State:
        servers = self.balancer.servers()
        if self._map is None:
            return {"services": {}, "servers": servers, "splits": {}, "closed": {}, "unkept": []}
        entries = self.balancer.entries(self._map)
        live = text_of.services(entries)
        splits = {service: text_of.shares(entries, service) for service in live}
        closed = {service: text_of.retry_after(entries, service) for service in live}
        return {
            "services": live,
            "servers": servers,
            "splits": {service: shares for service, shares in splits.items() if shares is not None},
            "closed": {service: seconds for service, seconds in closed.items() if seconds is not None},
            "unkept": self._unkept(entries) if self._persist else [],
        }

    def _unkept(self, entries: dict[str, str]) -> list[str]:
        """A file that disagrees with the process would undo a switch at the next restart."""
        try:
            kept = text_of.file_entries(files.read(self._path(), MAP_FILE))
        except TrafficError as exc:
            raise TrafficError(f"{exc} When HAProxy at {self.address} runs on another host, say persist: false.") from exc
        suffixes = ("", text_of.CANARY, text_of.PAGE)
        keys = {service: [service + end for end in suffixes if service + end in entries] for service in text_of.services(entries)}
        return [service for service, own in keys.items() if any(entries[key] != kept.get(key) for key in own)]

    def _path(self) -> str:
        if self._map is None:
            raise TrafficError(f"Which map of HAProxy at {self.address} says where requests go? Give it as map.")
        return self._map

    def _set(self, key: str, value: str) -> dict[str, str]:
        return self.balancer.switch(self._path(), key, value, persist=self._persist)

    def _set_beside(self, service: str, end: str, value: str, what: str) -> None:
        """A key that the configuration must know: without it the entry would do nothing, and nobody would notice."""
        entries = self.balancer.entries(self._path())
        if service + end not in entries:
            raise TrafficError(
                f"{service} cannot be {what}: map {self._map} of HAProxy at {self.address} has no key {service}{end}, so its configuration"
                " knows nothing of it. How to write it is in docs/how-to/traffic.md."
            )
        if entries[service + end] != value or (self._persist and service in self._unkept(entries)):
            self._set(service + end, value)

    def switch(self, service: str, pool: str) -> None:
        """The pool first: when it was the canary its users never leave it."""
        now = self._set(service, pool)
        canary = now.get(service + text_of.CANARY, "")
        if canary and (canary != text_of.NO_CANARY or (self._persist and service in self._unkept(now))):
            self._set(service + text_of.CANARY, text_of.NO_CANARY)

    def split(self, service: str, shares: dict[str, float]) -> None:
        live = self.balancer.entries(self._path())[service]
        wanted = split_of(service, shares, live, same_age=self.same_age)
        if ":" in wanted.canary:
            raise TrafficError(f"{wanted.canary} has a ':' in its name, which the map needs between a canary and its share.")
        self._set_beside(service, text_of.CANARY, text_of.canary_value(*wanted), "split")

    def close(self, service: str, retry_after: int) -> None:
        self._set_beside(service, text_of.PAGE, f"{text_of.CLOSED}:{retry_after}", "closed")

    def open(self, service: str) -> None:
        self._set_beside(service, text_of.PAGE, text_of.OPEN, "opened")

    def set_weight(self, pool: str, server: str, weight: int) -> None:
        self.balancer.silent("set server %s/%s weight %d" % (pool, server, weight), "weigh %s/%s %d" % (pool, server, weight))
        self._verify(pool, server, "weight", weight)

    def drain(self, pool: str, server: str) -> None:
        self._set_state(pool, server, "drain")

    def ready(self, pool: str, server: str) -> None:
        self._set_state(pool, server, "ready")

    def maint(self, pool: str, server: str) -> None:
        self._set_state(pool, server, "maint")

    def _set_state(self, pool: str, server: str, state: str) -> None:
        self.balancer.silent(f"set server {pool}/{server} state {state}", f"set {pool}/{server} to {state}")
        self._verify(pool, server, "state", state)

    def _verify(self, pool: str, server: str, what: str, wanted: object) -> None:
        known = text_of.parse_servers(self.balancer.command(f"show servers state {pool}"))
        found = known.get(pool, {}).get(server, {}).get(what)
        if found != wanted:
            raise TrafficError(f"HAProxy at {self.address} still says {what} {found} of {pool}/{server} after it was set to {wanted}.")

    def wait_up(self, pool: str, deadline: float) -> float:
        return self.balancer.wait_up(pool, deadline=deadline)

    def sessions(self, places: list[tuple[str, Optional[str]]]) -> list[int]:
        counted = self.balancer.backends()
        try:
            rows = [counted[pool]["servers"][server] if server else counted[pool] for pool, server in places]
        except KeyError as exc:
            raise TrafficError(f"HAProxy at {self.address} does not know {exc} any more; was it started anew with another configuration?") from exc
        return [row.get("sessions", 0) + row.get("queued", 0) for row in rows]

    def cut(self, pool: str, server: Optional[str]) -> None:
        for name in [server] if server else known(self.address, self.balancer.backends(), pool)["servers"]:
            self.balancer.silent(f"shutdown sessions server {pool}/{name}", f"end the sessions of {pool}/{name}")
