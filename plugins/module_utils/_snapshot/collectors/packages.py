# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of dpkg and rpm, and on request those that pip, npm and gem put into folders (`package_trees`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import dpkg, trees
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "packages"
KINDS: tuple[str, ...] = ("package",)
RPM_FOLDERS = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
RPM_FORMAT = "%{NAME}\\t%{ARCH}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n"


def collect(options: Mapping[str, Any], host: Host) -> Items:
    items: Items = {}
    readers = [reader for reader, there in ((_deb, _has_dpkg(host)), (_rpm, has_rpm(host))) if there]
    wanted = options.get("package_trees") or ()
    if not readers and not wanted:
        raise Unknown("neither dpkg nor rpm keeps a database here")
    for reader in readers:
        items.update(reader(host))
    for pattern in wanted:
        for tree in host.glob(pattern) or [pattern]:
            items.update(trees.collect(tree.rstrip("/"), host))
    return items


def _has_dpkg(host: Host) -> bool:
    return bool(host.glob(dpkg.STATUS))


def has_rpm(host: Host) -> bool:
    """A folder that holds a database: the tool alone may be there to unpack things."""
    return any(host.glob(f"{folder}/{name}") for folder in RPM_FOLDERS for name in ("rpmdb.sqlite", "Packages", "Packages.db"))


def _deb(host: Host) -> Items:
    return deb(host.text(dpkg.STATUS))


def deb(text: str) -> Items:
    items: Items = {}
    for package in dpkg.packages(text):
        item: dict[str, Any] = {"version": package.version}
        if package.want == "hold":
            item["hold"] = True
        if package.state != "installed":
            item["state"] = package.state
        items[f"package:deb/{printable(package.name)}:{printable(package.architecture)}"] = item
    return items


def _rpm(host: Host) -> Items:
    return rpm(host.lines(["rpm", "-qa", "--qf", RPM_FORMAT], timeout=120))


def rpm(lines: list[str]) -> Items:
    """Kernels and keys may be there in several versions at once."""
    versions: dict[str, list[str]] = {}
    for row in (line.split("\t") for line in lines):
        if len(row) == 3:
            name = row[0] if row[1] in ("(none)", "") else f"{row[0]}.{row[1]}"
            versions.setdefault(f"package:rpm/{printable(name)}", []).append(row[2])
    return {name: {"version": ", ".join(sorted(several))} for name, several in versions.items()}
