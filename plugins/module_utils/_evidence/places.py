# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on the host an item comes from, and by which words a command line would name it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path

ACCOUNTS = ("/etc/passwd", "/etc/shadow")
UNITS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
FIXED: Mapping[str, tuple[str, ...]] = {
    "user": ACCOUNTS,
    "group": ("/etc/group", "/etc/gshadow"),
    "mount": ("/etc/fstab",),
    "hosts": ("/etc/hosts",),
    "resolver": ("/etc/resolv.conf",),
    "hostname": ("/etc/hostname",),
    "time": ("/etc/localtime", "/etc/timezone", "/etc/chrony.conf", "/etc/chrony/chrony.conf", "/etc/systemd/timesyncd.conf"),
    "locale": ("/etc/default/locale", "/etc/locale.conf"),
    "sysctl": ("/etc/sysctl.conf",),
    "cmdline": ("/etc/default/grub",),
    "firewall": ("/etc/nftables.conf", "/etc/iptables/rules.v4"),
}
# Words that any command line may hold say nothing.
SHORTEST = 3


def places(key: str, host: Host, config: Mapping[str, str]) -> list[str]:
    """Files, as `printable` writes paths. config: {base name: path} of the settings files that were looked at."""
    kind, _colon, rest = key.partition(":")
    if kind in FIXED:
        return list(FIXED[kind])
    if kind in ("file", "packaged"):
        return [rest]
    if kind == "certificate":
        return [rest.rpartition("#")[0] if rest.rpartition("#")[2].isdigit() and "#" in rest else rest]
    if kind in ("sudo", "cron", "config"):
        name = rest.partition(":")[0]
        return [name] if name.startswith("/") else [config[name]] if name in config else []
    if kind == "key":
        home = _home(host, rest.partition(":")[0])
        return [f"{home}/.ssh/authorized_keys"] if home else []
    if kind in ("service", "timer"):
        return [place for folder in UNITS for place in (f"{folder}/{rest}", f"{folder}/{rest}.d")]
    return []


def words(key: str) -> list[str]:
    """Names of the thing itself, that a command line would have as a word: an account, a unit, a package, a kernel setting."""
    kind, _colon, rest = key.partition(":")
    found = {
        "user": [rest],
        "group": [rest],
        "key": [rest.partition(":")[0]],
        "service": [rest, rest.rpartition(".")[0]],
        "timer": [rest, rest.rpartition(".")[0]],
        "mount": [rest],
        "sysctl": [rest, rest.replace(".", "/")],
        "package": [rest.rpartition("/")[2].partition(":")[0], rest.rpartition("/")[2].rpartition(".")[0]],
        "container": [rest.rpartition("/")[2]],
        "image": [rest.partition("/")[2]],
        "hostname": ["hostnamectl", "hostname"],
        "time": ["timedatectl"],
        "locale": ["localectl"],
        "firewall": ["nft", "iptables", "ip6tables", "ufw", "firewall-cmd"],
    }.get(kind, [])
    return [word for word in found if len(word) >= SHORTEST]


def real(place: str) -> str:
    try:
        return os.fsdecode(real_path(place))
    except ValueError:
        return place


def _home(host: Host, user: str) -> str:
    try:
        for line in host.text("/etc/passwd").splitlines():
            fields = line.split(":")
            if fields[0] == user and len(fields) > 5:
                return fields[5].rstrip("/")
    except FileNotFoundError:
        pass
    return ""
