# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted where, from where, how.

Left out: the kernel's own file systems (all but /proc, whose options hide processes), temporary ones below /run, and what container engines,
snap and the service manager mount and unmount by themselves. Of an overlay the layers are left out: their paths are made up at each start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import redact_line
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "mounts"
KINDS: tuple[str, ...] = ("mount",)
PSEUDO = re.compile(
    r"autofs|binder|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fuse\.(?:gvfsd-fuse|lxcfs|portal)|fusectl|hugetlbfs|mqueue|nfsd|nsfs"
    r"|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|sysfs|tracefs"
)
ENGINES = re.compile(r"/(?:var/lib/(?:docker|containers|containerd|kubelet|snapd|lxcfs)|run/(?:containerd|docker|user|credentials|netns|snapd)|snap)(?:/.*)?")
LAYERS = ("lowerdir=", "upperdir=", "workdir=", "lowerdir+=", "datadir+=")
ESCAPE = re.compile(r"\\([0-7]{3})")


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    try:
        return parse(host.text("/proc/self/mountinfo"))
    except FileNotFoundError as exc:
        raise Unknown("/proc/self/mountinfo is not there") from exc


def parse(text: str) -> Items:
    """Of several mounts in one place the last one is seen, the others are hidden below it."""
    items: Items = {}
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, source = before.split(" "), after.split(" ")
        if not dash or len(fields) < 6 or len(source) < 2:
            continue
        place, kind = _plain(fields[4]), source[0]
        if not _ours(place, kind):
            continue
        root = _plain(fields[3])
        item = {"source": printable(_plain(source[1])), "type": kind, "options": _options(fields[5], " ".join(source[2:]))}
        items[f"mount:{printable(place)}"] = item if root == "/" else {**item, "root": printable(root)}
    return items


def _ours(place: str, kind: str) -> bool:
    if kind == "proc":
        return place == "/proc"
    if PSEUDO.fullmatch(kind) or ENGINES.fullmatch(place):
        return False
    return not (kind == "tmpfs" and place.startswith(("/run/", "/sys/", "/proc/")))


def _options(mount: str, filesystem: str) -> str:
    names = {name for name in [*mount.split(","), *filesystem.split(",")] if name and not name.startswith(LAYERS)}
    # A file system that can be written may be mounted read-only: then that is what holds.
    names -= {"rw"} if "ro" in mount.split(",") else {"ro"} if "rw" in mount.split(",") and "ro" not in filesystem.split(",") else set()
    return printable(",".join(redact_line(name) for name in sorted(names)))


def _plain(text: str) -> str:
    return ESCAPE.sub(lambda found: chr(int(found[1], 8) & 0xFF), text)
