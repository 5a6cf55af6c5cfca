# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`system`: names and addresses, resolver, time, host name and locale."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "system"
KINDS = ("hosts", "resolver", "time", "hostname", "locale")
ZONES = "/zoneinfo/"
CHRONY = ("/etc/chrony.conf", "/etc/chrony/chrony.conf", "/etc/chrony/conf.d/*.conf", "/etc/chrony/sources.d/*.sources", "/etc/chrony.d/*.conf")
NTP = ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf")
TIMESYNCD = ("/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/*.conf")
SERVICES = ("chrony", "chronyd", "systemd-timesyncd", "ntp", "ntpd", "ntpsec")
LOCALES = ("/etc/locale.conf", "/etc/default/locale")


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    items: Items = {}
    parts: tuple[tuple[str, Callable[[Host], Items]], ...] = (
        ("hosts:/etc/hosts", _hosts),
        ("resolver:/etc/resolv.conf", _resolver),
        ("resolver:/etc/nsswitch.conf", _switch),
        ("time:zone", _zone),
        ("time:servers", _servers),
        ("time:enabled", _enabled),
        ("hostname:static", _hostname),
        ("locale:", _locale),
    )
    for name, part in parts:
        try:
            items.update(part(host))
        except FileNotFoundError:
            continue
        except Unknown as exc:
            items[name] = {"unknown": str(exc)}
    return items


def _lines(path: str, host: Host, comments: str = "#") -> list[list[str]]:
    lines = (line.strip() for line in host.text(path).split("\n"))
    return [line.split("#")[0].split() for line in lines if line and line[0] not in comments]


def _hosts(host: Host) -> Items:
    """By name, for a name is what is looked up; its first address wins."""
    items: Items = {}
    for address, *names in _lines("/etc/hosts", host):
        for name in dict.fromkeys(names):
            item = items.setdefault(f"hosts:{printable(name)}", {"addresses": []})
            if address not in item["addresses"]:
                item["addresses"].append(address)
    return items


def _resolver(host: Host) -> Items:
    items: Items = {}
    for key, *words in _lines("/etc/resolv.conf", host, "#;"):
        item = items.setdefault(f"resolver:{printable(key)}", {"values": []})
        # The last search list wins, of all others each line counts.
        item["values"] = words if key in ("search", "domain") else [*item["values"], *words]
    return items


def _switch(host: Host) -> Items:
    found = [words for key, *words in _lines("/etc/nsswitch.conf", host) if key == "hosts:"]
    return {"resolver:hosts": {"values": found[-1]}} if found else {}


def _zone(host: Host) -> Items:
    path = host.path("/etc/localtime")
    if os.path.islink(path):
        target = os.readlink(path)
        return {"time:zone": {"value": target.partition(ZONES)[2] or printable(target)}}
    try:
        digest = hashlib.sha256(host.data("/etc/localtime")).hexdigest()
    except FileNotFoundError:
        return {"time:zone": {"value": "UTC"}}
    return {"time:zone": {"value": "a file of its own", "sha256": digest}}


def _servers(host: Host) -> Items:
    found: dict[str, list[str]] = {}
    for daemon, patterns in (("chrony", CHRONY), ("ntp", NTP)):
        for path in [path for pattern in patterns for path in host.glob(pattern)]:
            lines = [" ".join(words) for words in _lines(path, host, "#!;%") if words[0] in ("server", "pool", "peer")]
            found.setdefault(daemon, []).extend(lines)
    for path in [path for pattern in TIMESYNCD for path in host.glob(pattern)]:
        for words in _lines(path, host, "#;["):
            key, _sign, value = " ".join(words).partition("=")
            if key.strip() == "NTP":
                found["timesyncd"] = [*found.get("timesyncd", []), *value.split()] if value.strip() else []
    return {f"time:{daemon}": {"servers": servers} for daemon, servers in found.items()}


def _enabled(host: Host) -> Items:
    """The services that systemd starts at boot: links, so that it need not be asked."""
    links = [path.rpartition("/")[2] for name in SERVICES for path in host.glob(f"/etc/systemd/system/*.wants/{name}.service")]
    return {"time:enabled": {"services": sorted({link.rpartition(".")[0] for link in links})}}


def _hostname(host: Host) -> Items:
    return {"hostname:static": {"value": host.text("/etc/hostname").strip()}}


def _locale(host: Host) -> Items:
    items: Items = {}
    for path in LOCALES:
        try:
            lines = _lines(path, host)
        except FileNotFoundError:
            continue
        for words in lines:
            key, sign, value = " ".join(words).partition("=")
            if sign:
                items.setdefault(f"locale:{printable(key)}", {"value": value.strip("\"'")})
    return items
