# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What installed, upgraded or removed packages: the logs of dpkg and apt, and the history of dnf or yum."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._evidence.logs import log_lines, moment
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.redact import redacted
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

Event = dict[str, Any]
DPKG = ("/var/log/dpkg.log*",)
APT = ("/var/log/apt/history.log*",)
RPM = ("/var/log/dnf.rpm.log*", "/var/log/yum.log*")
_RPM_LINE = re.compile(
    r"(?:\S+ (?:SUBDEBUG|INFO|DEBUG) )?(Installed|Installing|Upgrade|Upgraded|Updated|Erased|Erase|Removed|Downgrade|Reinstalled|Cleanup): (\S+)"
)
_NEVRA = re.compile(r"(?:\d+:)?(.+?)-(?:\d+:)?[^-]+-[^-]+\.([^.]+)$")
_APT_PACKAGE = re.compile(r"([^\s:(),]+):(\S+) \(([^)]*)\)")
ACTIONS = {"install": "installed", "upgrade": "upgraded", "remove": "removed", "purge": "purged", "Install": "installed", "Upgrade": "upgraded"}


def events(host: Host, since: float, now: float) -> list[Event]:
    """[{how: package_log, time, packages, who, text}]; Unknown when none of the logs is there."""
    found: list[Event] = []
    reasons = []
    for read in (_apt, _dpkg, _rpm):
        try:
            found += [event for event in read(host, since, now) if event["time"] >= since]
        except Unknown as exc:
            reasons.append(str(exc))
    if len(reasons) == 3:
        raise Unknown("; ".join(reasons))
    return found


def base_name(package: str) -> str:
    """apt, dpkg and its lists do not agree on the architecture of packages for all of them."""
    return package.partition(":")[0] if package.startswith("deb/") else package


def about(found: list[Event], packages: Collection[str]) -> list[Event]:
    """Events of these packages, without the others of the same run."""
    wanted = {base_name(package) for package in packages}
    kept = []
    for event in found:
        names = [name for name in event["packages"] if base_name(name) in wanted]
        if names:
            kept.append({**event, "packages": names, "versions": {name: event["versions"][name] for name in names if name in event["versions"]}})
    return kept


def _event(at: Optional[float], packages: list[str], text: str, *, who: str = "", versions: Optional[dict[str, str]] = None) -> Event:
    return {"how": "package_log", "time": at or 0.0, "packages": packages, "who": who, "text": text, "versions": versions or {}}


def _dpkg(host: Host, since: float, now: float) -> Iterator[Event]:
    """`2026-11-21 08:00:00 upgrade openssl:amd64 3.0.1 3.0.2`"""
    for line in log_lines(host, DPKG, since):
        words = line.split()
        if len(words) >= 6 and words[2] in ("install", "upgrade", "remove", "purge"):
            version = "" if words[2] in ("remove", "purge") else words[5]
            text = f"dpkg {ACTIONS.get(words[2], words[2] + 'd')} {words[3]} {version or words[4]}"
            yield _event(moment(line, now), [f"deb/{words[3]}"], text, versions={f"deb/{words[3]}": version})


def _apt(host: Host, since: float, now: float) -> Iterator[Event]:
    """Paragraphs of `Start-Date:`, `Commandline:`, `Requested-By:` and the packages of each action."""
    fields: dict[str, str] = {}
    for line in [*log_lines(host, APT, since), ""]:
        key, colon, value = line.partition(": ")
        if line.startswith("Start-Date"):
            fields = {}
        if colon:
            fields[key] = value.strip()
        elif fields:
            yield from _apt_run(fields, now)
            fields = {}


def _apt_run(fields: dict[str, str], now: float) -> Iterator[Event]:
    at = moment(re.sub(r"\s+", " ", fields.get("Start-Date", "")), now)
    packages, versions = [], {}
    for action in ("Install", "Upgrade", "Downgrade", "Reinstall", "Remove", "Purge"):
        for name, arch, version in _APT_PACKAGE.findall(fields.get(action, "")):
            packages.append(f"deb/{name}:{arch}")
            # (new), (old, new), and each may be followed by `automatic`
            steps = [step for step in version.split(", ") if step != "automatic"]
            versions[packages[-1]] = "" if action in ("Remove", "Purge") or not steps else steps[-1]
    if packages:
        who = fields.get("Requested-By", "").partition(" ")[0]
        yield _event(at, packages, f"apt: {redacted(fields.get('Commandline', 'no command line'))}", who=who, versions=versions)


def _rpm(host: Host, since: float, now: float) -> Iterator[Event]:
    """`2026-11-21T08:00:00+0100 SUBDEBUG Upgrade: openssl-3.0.1-1.el9.x86_64`, or yum's with the time of syslog."""
    for line in log_lines(host, RPM, since):
        at = moment(line, now)
        found = _RPM_LINE.search(line) if at else None
        name = _NEVRA.match(found.group(2)) if found else None
        if found and name and found.group(1) not in ("Installing", "Cleanup"):
            yield _event(at, [f"rpm/{name.group(1)}.{name.group(2)}"], f"rpm {found.group(1).lower()} {found.group(2)}")
