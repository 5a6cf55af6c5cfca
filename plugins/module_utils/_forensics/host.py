# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is doing: processes of a service, its links, memory and disk, and what supervisors and the journal know."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.files import Absent, reason
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

CGROUP = "/sys/fs/cgroup"
# Of a unit: what it is, why it stopped, how often it was started again, what it may use.
UNIT = (
    *("Id", "LoadState", "ActiveState", "SubState", "Result", "MainPID", "ControlGroup", "NRestarts", "ExecMainStatus", "ExecMainCode"),
    *("ExecMainStartTimestamp", "ExecMainExitTimestamp", "MemoryCurrent", "MemoryMax", "TasksCurrent", "CPUUsageNSec", "OOMPolicy"),
)
PRESSURE = ("cpu", "io", "memory")
MEMORY = ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree", "Dirty", "Committed_AS")
MOST_NAMES = 200


def command(host: Host, argv: list[str], *, timeout: float) -> list[str]:
    try:
        return host.lines(argv, timeout)
    except Unknown as exc:
        raise Absent("missing" if "not installed" in str(exc) else "failed", str(exc)) from exc


def journal(host: Host, unit: str, *, since: float, lines: int, timeout: float) -> list[str]:
    """The newest lines of a unit, or of the kernel for ""."""
    what = ["-u", unit] if unit else ["-k"]
    # `-q` leaves out hints; the time is UTC, as in the ledger.
    shown = ["--no-pager", "-q", "--utc", "-o", "short-iso", "-n", str(lines), f"--since=@{since:.0f}"]
    return command(host, ["journalctl", *what, *shown], timeout=timeout)


def unit(host: Host, name: str, *, timeout: float) -> dict[str, str]:
    rows = command(host, ["systemctl", "show", name, "--no-pager", f"--property={','.join(UNIT)}"], timeout=timeout)
    found = dict(row.split("=", 1) for row in rows if "=" in row)
    if found.get("LoadState") == "not-found":
        raise Absent("missing", f"systemd knows no unit {name}")
    events = _text(f"{CGROUP}{found['ControlGroup']}/memory.events") if found.get("ControlGroup") else ""
    return {**found, **({"memory.events": " ".join(events.split())} if events else {})}


def unit_environment(host: Host, name: str, *, timeout: float) -> str:
    """Never shown: it tells which values to hide."""
    try:
        rows = command(host, ["systemctl", "show", name, "--no-pager", "--property=Environment"], timeout=timeout)
    except Absent:
        return ""
    return "\n".join(row.partition("=")[2] for row in rows)


def pids_of_unit(shown: Mapping[str, str]) -> list[int]:
    group = shown.get("ControlGroup", "")
    inside = [int(pid) for pid in _text(f"{CGROUP}{group}/cgroup.procs").split() if pid.isdigit()] if group else []
    main = shown.get("MainPID", "0")
    return inside or ([int(main)] if main.isdigit() and main != "0" else [])


def program(directory: str, name: str) -> dict[str, Any]:
    """What supervisord says of one of its programs."""
    supervisor = sv.Supervisor(directory, binary="supervisord")
    if not os.path.exists(supervisor.socket):
        raise Absent("missing", f"supervisord of {directory} is not running")
    try:
        found = supervisor.info(name)
    except (OSError, sv.SupervisorError) as exc:
        raise Absent("failed", f"supervisord of {directory} does not answer ({reason(exc)})") from exc
    if found is None:
        raise Absent("missing", f"supervisord of {directory} has no program {name}; it has {', '.join(supervisor.programs()) or 'none'}")
    return found


def processes(pids: Iterable[int]) -> list[dict[str, Any]]:
    """As far as they are still there. Of their environments nothing is shown."""
    booted = time.time() - float(_text("/proc/uptime").split()[0] or 0) if _text("/proc/uptime") else 0.0
    found = (_process(pid, booted) for pid in sorted(set(pids)))
    return [each for each in found if each]


def _process(pid: int, booted: float) -> dict[str, Any]:
    stat, status = _text(f"/proc/{pid}/stat"), _text(f"/proc/{pid}/status")
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20:
        return {}
    said = dict(row.split(":", 1) for row in status.splitlines() if ":" in row)
    ticks = float(os.sysconf("SC_CLK_TCK"))
    return {
        "pid": pid,
        "parent": int(fields[1]),
        "state": fields[0],
        "user": _user(said.get("Uid", "").split()),
        "started": round(booted + int(fields[19]) / ticks, 1),
        "cpu_seconds": round((int(fields[11]) + int(fields[12])) / ticks, 2),
        "threads": int(fields[17]),
        "rss_kb": int((said.get("VmRSS") or "0 kB").split()[0]),
        "descriptors": _count(f"/proc/{pid}/fd"),
        "descriptors_most": _limit(pid),
        "command": _text(f"/proc/{pid}/cmdline").replace("\0", " ").strip(),
    }


def _user(uids: Sequence[str]) -> str:
    if len(uids) < 2:
        return ""
    try:
        return pwd.getpwuid(int(uids[1])).pw_name
    except (KeyError, ValueError):
        return uids[1]


def _limit(pid: int) -> str:
    rows = [row for row in _text(f"/proc/{pid}/limits").splitlines() if row.startswith("Max open files")]
    return rows[0].split()[3] if rows else ""


def _count(path: str) -> int:
    try:
        return len(os.listdir(path))
    except OSError:
        return -1


def pointers(root: str) -> dict[str, Any]:
    """Every link in the service's folder and in its `config`, and which releases are there since when."""
    if not os.path.isdir(root):
        raise Absent("missing", f"there is no folder {root}")
    links = {}
    for folder in (root, os.path.join(root, "config")):
        for name in _names(folder):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                links[os.path.relpath(path, root)] = {"to": os.readlink(path), "there": os.path.exists(path), "set": _mtime(path)}
    releases = os.path.join(root, "releases")
    return {"root": root, "links": links, "releases": {name: _mtime(os.path.join(releases, name)) for name in _names(releases)}}


def resources(paths: Iterable[str]) -> dict[str, Any]:
    said = dict(row.split(":", 1) for row in _text("/proc/meminfo").splitlines() if ":" in row)
    return {
        "load": _text("/proc/loadavg").split()[:3],
        "processors": os.cpu_count(),
        "uptime_seconds": float((_text("/proc/uptime").split() or ["0"])[0]),
        "memory_kb": {name: int(said[name].split()[0]) for name in MEMORY if name in said},
        "pressure": {name: text.strip() for name in PRESSURE for text in [_text(f"/proc/pressure/{name}")] if text},
        "disks": {path: disk for path in dict.fromkeys(paths) for disk in [_disk(path)] if disk},
    }


def _disk(path: str) -> dict[str, Any]:
    try:
        found = os.statvfs(path)
    except OSError:
        return {}
    return {
        "mb": found.f_blocks * found.f_frsize >> 20,
        "free_mb": found.f_bavail * found.f_frsize >> 20,
        "files": found.f_files,
        "free_files": found.f_favail,
        "read_only": bool(found.f_flag & os.ST_RDONLY),
    }


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:MOST_NAMES]
    except OSError:
        return []


def _mtime(path: str) -> float:
    try:
        return round(os.lstat(path).st_mtime, 1)
    except OSError:
        return 0.0


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as stream:
            return stream.read(1 << 20)
    except OSError:
        return ""
