# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and timers of systemd: enabled, active, and a digest of what they are made of (their file and its drop-ins).

One call tells which are active; their files are read where systemd reads them. Left out is what comes and goes by itself: units made at run time,
of sessions and devices, instances per connection. A state that only passes counts as inactive: a job that runs right now is what it is before and
after.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.units import Units

NAME = "services"
KINDS: tuple[str, ...] = ("service", "timer")
ACTIVE = {"active": "active", "reloading": "active", "refreshing": "active", "failed": "failed"}
LIST = ["systemctl", "list-units", "--type=service,timer", "--all", "--no-legend", "--no-pager", "--plain", "--full"]
PASSING = re.compile(
    r"(?:run-[ru]?[0-9a-f-]+|run-p\d+-i\d+|session-.*|user@\d+|user-runtime-dir@\d+|systemd-(?:fsck|backlight|coredump|cryptsetup|growfs|makefs|mkswap)@.+"
    r"|modprobe@.+|lvm2-pvscan@.+|ifup@.+|dbus-:.*|[^@]+@\d+-.*|[0-9a-f]{64}(?:-[0-9a-f]+)?|docker-[0-9a-f]{64}|libpod-.*)\.(?:service|timer)"
)


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    if not os.path.isdir(host.path("/run/systemd/system")):
        raise Unknown("systemd does not run here")
    active = states(host.lines(LIST))
    units = Units(host)
    items: Items = {}
    for name in sorted(filter(ours, units.names() | active.keys())):
        item = _item(name, units, active)
        if item.get("enabled") != "transient":
            items[f"{name.rpartition('.')[2]}:{printable(name)}"] = item
    return items


def _item(name: str, units: Units, active: Mapping[str, str]) -> dict[str, Any]:
    target = units.target(name)
    item: dict[str, Any] = {"active": active.get(target, "inactive")}
    if target != name:
        item["alias"] = printable(target)
    try:
        item["enabled"], digest = units.enabled(name), units.digest(name)
    except Unknown as exc:
        return {**item, "unknown": str(exc)}
    return {**item, "unit": digest} if digest else item


def states(lines: list[str]) -> dict[str, str]:
    """What only others name and nobody has is not there."""
    rows = [line.split() for line in lines]
    return {row[0]: ACTIVE.get(row[2], "inactive") for row in rows if len(row) > 3 and row[1] != "not-found"}


def ours(name: str) -> bool:
    return name.endswith((".service", ".timer")) and not PASSING.fullmatch(name)
