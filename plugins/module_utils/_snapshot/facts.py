# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`packages`, `services`, `sysctl` and `ports`: facts of the host."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown

LISTEN = "0A"


def packages() -> Items:
    if shutil.which("dpkg-query"):
        lines = _lines(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}:${Architecture}\t${Version}\n"])
        rows = [line.split("\t") for line in lines if line.startswith("ii")]
        return {f"package:{row[1]}": {"version": row[2]} for row in rows}
    if shutil.which("rpm"):
        rows = [line.split("\t") for line in _lines(["rpm", "-qa", "--qf", "%{NAME}.%{ARCH}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n"])]
        return {f"package:{row[0]}": {"version": row[1]} for row in rows}
    raise Unknown("neither dpkg-query nor rpm is there")


def services() -> Items:
    if not os.path.isdir("/run/systemd/system"):
        raise Unknown("systemd does not run here")
    rows = [line.split() for line in _lines(["systemctl", "list-unit-files", "--type=service", "--no-legend", "--plain"])]
    enabled = {row[0]: row[1] for row in rows if len(row) > 1}
    rows = [line.split() for line in _lines(["systemctl", "list-units", "--type=service", "--all", "--no-legend", "--plain"])]
    active = {row[0]: row[2] for row in rows if len(row) > 2}
    names = sorted({*enabled, *active})
    return {f"service:{name}": {"enabled": enabled.get(name, "unknown"), "active": active.get(name, "inactive")} for name in names}


def sysctl(keys: Sequence[str]) -> Items:
    items: Items = {}
    for key in keys:
        path = "/proc/sys/" + key.replace(".", "/")
        try:
            with open(path, encoding="ascii") as stream:
                items[f"sysctl:{key}"] = {"value": " ".join(stream.read().split())}
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as exc:
            raise Unknown(f"{path} cannot be read ({type(exc).__name__})") from exc
    return items


def ports() -> Items:
    items: Items = {}
    seen = 0
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as stream:
                lines = stream.read().splitlines()[1:]
        except OSError:
            continue
        seen += 1
        for fields in map(str.split, lines):
            if fields[3] == LISTEN:
                address, port = fields[1].split(":")
                items[f"port:tcp:{_address(address, family)}:{int(port, 16)}"] = {"listening": True}
    if not seen:
        raise Unknown("/proc/net/tcp cannot be read")
    return items


def _address(text: str, family: int) -> str:
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def _lines(command: list[str]) -> list[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as exc:
        raise Unknown(f"{command[0]} failed ({type(exc).__name__})") from exc
    return done.stdout.decode("utf-8", "replace").splitlines()
