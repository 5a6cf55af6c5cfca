# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx: an include file, `nginx -t`, a graceful reload. Weaker than a runtime interface: no session counts, kept connections end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from typing import Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._traffic import files
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import nginx_text as text_of
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import Run, State, TrafficError, Unreachable, canary_of, known

NAME = "nginx"
INCLUDE = "The include file of nginx"
POLL = 0.02
RELOAD_SECONDS = 15.0
LEAVING = b"shutting down"


class Driver:
    """One nginx with the file that its configuration includes. Pools are upstreams; the live one is the rest of split_clients."""

    words = ("service", "upstream")
    same_age = False

    def __init__(self, include: str, *, run: Run, program: Optional[list[str]] = None, pid_file: str = "/run/nginx.pid", timeout: float = 30.0) -> None:
        self.address, self._run, self._timeout = include, run, timeout
        self._program, self._pid_file = program or ["nginx"], pid_file
        self._pending: Optional[str] = None

    def state(self) -> State:
        self._workers()
        try:
            return text_of.read_state(files.read(self.address, INCLUDE))
        except text_of.Fault as exc:
            raise TrafficError(f"{INCLUDE} {self.address}: {exc}.") from exc

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """One test and one reload for all changes inside."""
        with files.locked(self.address):
            before = self._pending = files.read(self.address, INCLUDE)
            try:
                yield
                after = self._pending
            finally:
                self._pending = None
            if after != before:
                self._put(before, after)

    def _change(self, edit: Callable[[str], str]) -> None:
        if self._pending is not None:
            self._pending = edit(self._pending)
            return
        with self.together():
            self._pending = edit(self._pending or "")

    def _put(self, before: str, after: str) -> None:
        files.replace(self.address, after)
        told = False
        try:
            self._nginx("-t")
            if text_of.directives(before) != text_of.directives(after):
                told = True
                self._reload()
        except (TrafficError, OSError) as exc:
            files.replace(self.address, before)
            back = f"{self.address} was put back{self._reload_again() if told else ''}."
            raise TrafficError(f"{str(exc).rstrip('.')}. {back}") from exc

    def _reload_again(self) -> str:
        """A reload that was sent may still come into force, or has: only another one makes nginx serve what the file says again."""
        try:
            self._nginx("-s", "reload")
        except (TrafficError, OSError) as exc:
            return f", but nginx could not be told to read it again ({str(exc).rstrip('.')}); run 'nginx -s reload'"
        return " and nginx told to read it again"

    def _nginx(self, *arguments: str) -> None:
        code, said, errors = self._run([*self._program, *arguments], self._timeout)
        if code != 0:
            raise TrafficError("{} ended with {}: {}".format(" ".join([*self._program, *arguments]), code, (errors or said).strip()[-800:]))

    def _reload(self) -> None:
        """Done when every worker of before has begun to leave and new ones are there: the reload's own exit code says only that a signal was sent."""
        before = set(self._workers())
        self._nginx("-s", "reload")
        end = time.monotonic() + RELOAD_SECONDS
        while True:
            now = self._workers()
            if all(now.get(worker, LEAVING) == LEAVING for worker in before) and any(title != LEAVING for title in now.values()):
                return
            if time.monotonic() > end:
                raise TrafficError(f"nginx did not take its new configuration within {RELOAD_SECONDS:g}s; its error log says why.")
            time.sleep(POLL)

    def _master(self) -> int:
        try:
            pid = int(files.read(self._pid_file, "The pid file of nginx").strip() or "0")
            if pid < 1:
                raise ProcessLookupError
            os.kill(pid, 0)
        except PermissionError:
            return pid
        except (TrafficError, ValueError, ProcessLookupError) as exc:
            raise Unreachable(f"nginx of {self.address} does not run: its pid file {self._pid_file} names no process.") from exc
        return pid

    def _workers(self) -> dict[int, bytes]:
        """{pid: LEAVING or nothing} of the master's workers."""
        master, found = self._master(), {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
                if parent == master:
                    with open(f"/proc/{name}/cmdline", "rb") as title:
                        words = title.read()
                    if b"worker process" in words:
                        found[int(name)] = LEAVING if LEAVING in words else b""
        return found

    def switch(self, service: str, pool: str) -> None:
        self._change(lambda text: text_of.with_split(text, service, pool, None, 0))

    def split(self, service: str, shares: dict[str, float]) -> None:
        live = text_of.read_state(files.read(self.address, INCLUDE))["services"][service]
        canary, percent = canary_of(service, shares, live)
        self._change(lambda text: text_of.with_split(text, service, live, canary, percent))

    def close(self, service: str, retry_after: int) -> None:
        self._page(service, retry_after)

    def open(self, service: str) -> None:
        self._page(service, 0)

    def _page(self, service: str, seconds: int) -> None:
        if not text_of.has(files.read(self.address, INCLUDE), "closed", service):
            raise TrafficError(f"{service} cannot be closed: {self.address} has no block 'map $host ${service}_closed'. See docs/how-to/traffic.md.")
        self._change(lambda text: text_of.with_closed(text, service, seconds))

    def set_weight(self, pool: str, server: str, weight: int) -> None:
        if weight < 1:
            raise TrafficError(f"nginx has no weight {weight}; drain {pool}/{server} instead.")
        self._change(lambda text: text_of.with_server(text, pool, server, weight=weight))

    def drain(self, pool: str, server: str) -> None:
        self._change(lambda text: text_of.with_server(text, pool, server, state="drain"))

    def ready(self, pool: str, server: str) -> None:
        self._change(lambda text: text_of.with_server(text, pool, server, state="ready"))

    def maint(self, pool: str, server: str) -> None:
        self._change(lambda text: text_of.with_server(text, pool, server, state="maint"))

    def wait_up(self, pool: str, deadline: float) -> float:
        """nginx has no checks of its own to ask: one server of the pool has to accept a connection from here."""
        began = time.monotonic()
        while True:
            servers = known(self.address, self.state()["servers"], pool)
            if any(server["state"] == "ready" and _accepts(server["address"]) for server in servers.values()):
                return time.monotonic() - began
            if time.monotonic() - began > deadline:
                raise TrafficError(f"No server of {pool} accepts connections after {deadline:g}s; nothing was switched. It has {', '.join(servers) or 'none'}.")
            time.sleep(POLL)

    def sessions(self, places: list[tuple[str, Optional[str]]]) -> list[int]:
        """Workers that still finish requests under an older configuration; which server these requests went to nginx does not tell."""
        leaving = sum(title == LEAVING for title in self._workers().values())
        return [leaving] * len(places)

    def cut(self, pool: str, server: Optional[str]) -> None:  # noqa: ARG002  # a worker serves all pools
        for worker, title in self._workers().items():
            if title == LEAVING:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGTERM)


def _accepts(address: str) -> bool:
    try:
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(address[5:])
            return True
        host, _colon, port = address.rpartition(":")
        if not port.isdigit():
            host, port = address, "80"
        with socket.create_connection((host.strip("[]"), int(port)), 1):
            return True
    except OSError:
        return False
