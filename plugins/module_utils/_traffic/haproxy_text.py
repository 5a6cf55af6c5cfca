# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy says at its runtime socket, as data. Pure functions."""

from __future__ import annotations

import csv
import io
from typing import Any, Optional

# Column of `show stat` -> name and meaning in our answer.
COUNTERS = {
    "stot": "sessions_total", "scur": "sessions", "req_tot": "requests", "hrsp_2xx": "hrsp_2xx",
    "hrsp_3xx": "hrsp_3xx", "hrsp_4xx": "hrsp_4xx", "hrsp_5xx": "hrsp_5xx", "hrsp_other": "hrsp_other",
    "econ": "econ", "eresp": "eresp", "wretr": "retries", "wredis": "redispatches",
    "rtime": "response_ms", "ttime": "total_ms", "weight": "weight", "qcur": "queued",
}  # fmt: skip
# Bits of srv_admin_state in `show servers state`.
MAINT_BITS, DRAIN_BITS = 0x01 | 0x02 | 0x04 | 0x20 | 0x40, 0x08 | 0x10
# Keys of the map beside a service's own: "<service>.canary <pool>:<share of 10000>[:<pool with the same share>]" and "<service>.page open|closed:<seconds>".
CANARY, PAGE = ".canary", ".page"
NO_CANARY, OPEN, CLOSED = "none:0", "open", "closed"
LOTS = 10000


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


def parse_servers(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    """{backend: {server: {state, weight}}} from `show servers state`: what was set, whatever the checks say.

    The status of `show stat` can't tell a drained server from one of weight 0."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[1].startswith("# "):
        return {}
    names = lines[1][2:].split()
    servers: dict[str, dict[str, dict[str, Any]]] = {}
    for line in lines[2:]:
        row = dict(zip(names, line.split()))
        bits = int(row["srv_admin_state"])
        state = "maint" if bits & MAINT_BITS else "drain" if bits & DRAIN_BITS else "ready"
        servers.setdefault(row["be_name"], {})[row["srv_name"]] = {"state": state, "weight": int(row["srv_uweight"])}
    return servers


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


def services(entries: dict[str, str]) -> dict[str, str]:
    """{service: live pool}: the map without what it says beside. A key such as the host shop.page is a service of its own."""
    beside = {key + end for key in entries for end in (CANARY, PAGE)}
    return {key: value for key, value in entries.items() if key not in beside}


def canary_value(pool: str, percent: float, baseline: str = "") -> str:
    return f"{pool}:{round(percent * LOTS / 100)}" + (f":{baseline}" if baseline else "")


def shares(entries: dict[str, str], service: str) -> Optional[dict[str, float]]:
    """{pool: percent} while the service is split."""
    pool, _colon, rest = entries.get(service + CANARY, NO_CANARY).partition(":")
    lots, _colon, baseline = rest.partition(":")
    live = entries.get(service, "")
    if pool in ("none", live) or not lots.isdigit():
        return None
    percent = int(lots) * 100 / LOTS
    if baseline:
        return {live: round(100 - 2 * percent, 2), pool: percent, baseline: percent}
    return {live: round(100 - percent, 2), pool: percent}


def retry_after(entries: dict[str, str], service: str) -> Optional[int]:
    """Seconds, while the service is closed."""
    word, _colon, seconds = entries.get(service + PAGE, OPEN).partition(":")
    return int(seconds) if word == CLOSED and seconds.isdigit() else None


def is_up(backend: dict[str, Any]) -> bool:
    """A backend is up with one server that passes its checks, or that has none to pass ("no check")."""
    statuses = [str(server["status"]) for server in backend["servers"].values()]
    return str(backend["status"]).startswith("UP") and any(status.startswith("UP") or status == "no check" for status in statuses)


def server_states(backend: dict[str, Any]) -> str:
    found = backend["servers"]
    texts = ["{} {} (check {})".format(name, found[name]["status"], found[name].get("check") or "none yet") for name in sorted(found)]
    return ", ".join(texts) or "no servers"
