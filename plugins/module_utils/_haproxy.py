# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's runtime interface: maps, server states and counters. No reload is ever made."""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import tempfile
import time
from typing import Any, Callable, Optional

NAME = "haproxy"
WORD = re.compile(r"[^\s;\\<>\x00-\x1f]+\Z")
# Column of `show stat` -> name and meaning in our answer.
COUNTERS = {
    "stot": "sessions_total", "scur": "sessions", "req_tot": "requests", "hrsp_2xx": "hrsp_2xx",
    "hrsp_3xx": "hrsp_3xx", "hrsp_4xx": "hrsp_4xx", "hrsp_5xx": "hrsp_5xx", "hrsp_other": "hrsp_other",
    "econ": "econ", "eresp": "eresp", "wretr": "retries", "wredis": "redispatches",
    "rtime": "response_ms", "ttime": "total_ms", "weight": "weight", "qcur": "queued",
}  # fmt: skip
ADMIN = {"ready": "ready", "drain": "drain", "maint": "maint"}


class TrafficError(Exception):
    """What was asked of the balancer and why it could not be done."""


# --- pure part ------------------------------------------------------------------------------------------------------
def parse_stat(text: str) -> dict[str, Any]:
    """{backend: {status, counters..., servers: {server: {status, counters...}}}} from `show stat`."""
    rows = csv.DictReader(io.StringIO(text.lstrip("# ")))
    backends: dict[str, Any] = {}
    for row in rows:
        kind, backend = row.get("type"), str(row.get("pxname"))
        numbers = {name: int(row[column]) for column, name in COUNTERS.items() if (row.get(column) or "").isdigit()}
        found = dict(numbers, status=row.get("status", ""))
        if kind == "1":
            backends.setdefault(backend, {"servers": {}}).update(found)
        elif kind == "2":
            found.update(address=row.get("addr", ""), check=row.get("check_status", ""))
            # Counted per backend only: HAProxy 2.8 leaves a server's req_tot empty.
            found.setdefault("requests", sum(numbers.get("hrsp_" + family, 0) for family in ("2xx", "3xx", "4xx", "5xx", "other")))
            backends.setdefault(backend, {"servers": {}})["servers"][str(row["svname"])] = found
    return {name: found for name, found in backends.items() if "status" in found}


def parse_map(text: str) -> dict[str, str]:
    """{key: value} from `show map <file>`, whose lines are "<id> <key> <value>"."""
    entries: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(None, 2)
        if len(parts) == 3 and parts[0].startswith("0x"):
            entries.setdefault(parts[1], parts[2])
    return entries


def with_entry(text: str, key: str, value: str) -> str:
    """The map file's text with that entry; comments and order stay."""
    lines, done = [], False
    for line in text.splitlines():
        if not line.startswith("#") and line.split(None, 1)[:1] == [key]:
            if done:
                continue
            line, done = f"{key} {value}", True
        lines.append(line)
    if not done:
        lines.append(f"{key} {value}")
    return "\n".join(lines) + "\n"


def file_entries(text: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(None, 1)
        if len(parts) == 2 and not line.startswith("#"):
            entries.setdefault(parts[0], parts[1].strip())
    return entries


def is_up(backend: dict[str, Any]) -> bool:
    """A backend is up with one server that passes its checks, or that has none to pass ("no check")."""
    statuses = [str(server["status"]) for server in backend["servers"].values()]
    return str(backend["status"]).startswith("UP") and any(status.startswith("UP") or status == "no check" for status in statuses)


def server_states(backend: dict[str, Any]) -> str:
    found = backend["servers"]
    texts = ["{} {} (check {})".format(name, found[name]["status"], found[name].get("check") or "none yet") for name in sorted(found)]
    return ", ".join(texts) or "no servers"


def admin_state(status: str) -> str:
    """ready | drain | maint, from the status column of `show stat`."""
    if status.startswith("MAINT"):
        return "maint"
    return "drain" if status.startswith(("DRAIN", "DOWN (agent)")) else "ready"


def existing(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


# --- the balancer ---------------------------------------------------------------------------------------------------
class Balancer:
    """One HAProxy process behind its runtime socket: a path, or host:port."""

    def __init__(self, address: str, timeout: float = 5.0) -> None:
        self.address, self._timeout = address, timeout

    def command(self, line: str) -> str:
        try:
            connection = self._connect()
            with connection:
                connection.sendall((line + "\n").encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as exc:
            raise TrafficError(f"Could not ask HAProxy at {self.address}: {exc}. Is it running, and may this account open its socket?") from exc
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
        return parse_stat(text)

    def maps(self) -> list[str]:
        found = re.findall(r"^-?\d+ \(([^)]+)\)", self.command("show map"), re.MULTILINE)
        return sorted(set(found))

    def entries(self, path: str) -> dict[str, str]:
        maps = self.maps()
        if path not in maps:
            raise TrafficError(f"HAProxy at {self.address} has no map {path}; it has {existing(maps)}.")
        return parse_map(self.command(f"show map {path}"))

    def server(self, backend: str, server: str) -> dict[str, Any]:
        backends = self.backends()
        if backend not in backends:
            raise TrafficError(f"HAProxy at {self.address} has no backend {backend}; it has {existing(backends)}.")
        servers = backends[backend]["servers"]
        if server not in servers:
            raise TrafficError(f"Backend {backend} of HAProxy at {self.address} has no server {server}; it has {existing(servers)}.")
        return dict(servers[server])

    def switch(self, path: str, key: str, value: str) -> None:
        """Persist first, so that a crash between the two leaves at worst a restart that shows the new value early."""
        before = self.entries(path)[key]
        text = read_map_file(path)
        write_atomically(path, with_entry(text, key, value))
        try:
            self.silent(f"set map {path} {key} {value}", f"set {key} to {value} in map {path}")
            found = self.entries(path).get(key)
            if found != value:
                raise TrafficError(f"Map {path} of HAProxy at {self.address} still says {key} {found} after the switch.")
        except TrafficError:
            write_atomically(path, with_entry(text, key, before))
            raise

    def wait_up(self, backend: str, *, deadline: float, sleep: Callable[[float], None] = time.sleep) -> float:
        """Seconds until the backend could serve; looks 20 times a second."""
        started = time.monotonic()
        while True:
            found = self.backends()[backend]
            if is_up(found):
                return time.monotonic() - started
            if time.monotonic() - started > deadline:
                raise TrafficError(
                    f"Backend {backend} of HAProxy at {self.address} is {found['status']} after {deadline:g}s, needed is UP; nothing was"
                    f" switched. Its servers: {server_states(found)}."
                )
            sleep(0.05)

    def set_state(self, backend: str, server: str, state: str) -> None:
        self.silent(f"set server {backend}/{server} state {state}", f"set {backend}/{server} to {state}")

    def set_weight(self, backend: str, server: str, weight: int) -> None:
        self.silent("set server %s/%s weight %d" % (backend, server, weight), "weigh %s/%s %d" % (backend, server, weight))

    def wait_drained(self, backend: str, server: Optional[str], *, deadline: float, sleep: Callable[[float], None] = time.sleep) -> float:
        """Seconds until the server (or the whole backend) has no session; looks 20 times a second."""
        started = time.monotonic()
        while True:
            found = self.backends()
            if backend not in found:
                raise TrafficError(f"HAProxy at {self.address} has no backend {backend}; it has {existing(found)}.")
            place = self.server(backend, server) if server else found[backend]
            if place.get("sessions", 0) == 0 and place.get("queued", 0) == 0:
                return time.monotonic() - started
            if time.monotonic() - started > deadline:
                raise TrafficError("%s still has %d sessions after %gs; needed are 0." % (server or backend, place["sessions"], deadline))
            sleep(0.05)


def read_map_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as exc:
        raise TrafficError(f"Map file {path} cannot be read: {exc.strerror}.") from exc


def write_atomically(path: str, text: str) -> None:
    found = os.stat(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".map.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), found.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(stream.fileno(), found.st_uid, found.st_gid)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
