# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs at set times: system and user crontabs, scripts of cron.daily and the like, anacron, at jobs, and who may make some.

A job is named by its line, so that lines may move; a secret in it is hidden and told by its fingerprint.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.texts import add, fingerprint, shown, value

NAME = "cron"
KINDS: tuple[str, ...] = ("cron",)
FOLDERS = ("/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/cron.yearly")
# Debian, RHEL. The second one holds the first one as a folder on Debian.
SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron")
AT_SPOOLS = ("/var/spool/cron/atjobs", "/var/spool/at")
MAY = ("/etc/cron.allow", "/etc/cron.deny", "/etc/at.allow", "/etc/at.deny")
VARIABLE = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z_][^\s=]*))\s*=\s*(.*?)\s*""", re.DOTALL)
AT_JOB = re.compile(r"([a-zA-Z=])([0-9a-f]{5})([0-9a-f]{8})")


def collect(options: Mapping[str, Any], host: Host) -> Items:
    items: Items = {}
    patterns = tuple(options.get("secret_keys") or ())

    def table(path: str, user: bool, place: Optional[str] = None) -> None:
        if os.path.isdir(host.path(path)):
            return
        _guarded(items, path, lambda: items.update(parse(host.text(path), path, host=host, user=user, anacron=place == "anacron", patterns=patterns)))

    table("/etc/crontab", True)
    table("/etc/anacrontab", False, "anacron")
    for path in _members(items, "/etc/cron.d", host):
        table(path, True)
    for folder in SPOOLS:
        for path in _members(items, folder, host):
            table(path, False)
    for folder in FOLDERS:
        for path in _members(items, folder, host):
            _guarded(items, path, lambda path=path: add(items, f"cron:{printable(path)}", _script(path, host)))  # type: ignore[misc]
    for folder in AT_SPOOLS:
        for path in _members(items, folder, host):
            _guarded(items, path, lambda path=path: items.update(_at_job(path, host)))  # type: ignore[misc]
    for path in MAY:
        _guarded(items, path, lambda path=path: add(items, f"cron:{path}", {"users": sorted(set(host.text(path).split()))}))  # type: ignore[misc]
    return items


def _guarded(items: Items, path: str, work: Callable[[], None]) -> None:
    try:
        work()
    except FileNotFoundError:
        return
    except Unknown as exc:
        items[f"cron:{printable(path)}"] = {"unknown": str(exc)}


def _members(items: Items, folder: str, host: Host) -> list[str]:
    """Files in it but hidden ones; a folder that cannot be listed becomes an item."""
    names: list[str] = []
    _guarded(items, folder, lambda: names.extend(host.names(folder)))
    return [f"{folder}/{name}" for name in names if not name.startswith(".")]


def parse(text: str, path: str, *, host: Host, user: bool = False, anacron: bool = False, patterns: Sequence[str] = ()) -> Items:
    items: Items = {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        variable = VARIABLE.fullmatch(line)
        if variable:
            name = next(one for one in variable.groups()[:3] if one is not None)
            add(items, f"cron:{printable(path)}:{printable(name)}", value(name, _bare(variable.group(4)), host=host, patterns=patterns))
            continue
        safe, mark = shown(" ".join(line.split()), host)
        add(items, f"cron:{printable(path)}:{printable(safe)}", {**_job(safe, user=user, anacron=anacron), **mark})
    return items


def _job(line: str, *, user: bool, anacron: bool) -> dict[str, Any]:
    """Fields of the line as it may be shown; a line that cron would refuse is told as such."""
    times = 2 if anacron else 1 if line.startswith("@") else 5
    fields = line.split(" ", times + (1 if user or anacron else 0))
    if len(fields) <= times + (1 if user or anacron else 0):
        return {"invalid": True}
    if anacron:
        return {"schedule": fields[0], "delay": fields[1], "job": fields[2], "command": fields[3]}
    item = {"schedule": " ".join(fields[:times]), "command": fields[-1]}
    return {**item, "user": fields[times]} if user else item


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _script(path: str, host: Host) -> dict[str, Any]:
    data = host.data(path)
    return {"sha256": hashlib.sha256(data).hexdigest(), "executable": os.access(host.path(path), os.X_OK)}


def _at_job(path: str, host: Host) -> Items:
    """A job holds the whole environment it was made in, so nothing of it is shown."""
    found = AT_JOB.fullmatch(os.path.basename(path))
    if not found:
        return {}
    item: dict[str, Any] = {"queue": found.group(1), "at": _minutes(int(found.group(3), 16))}
    return {f"cron:{printable(path)}": {**item, **fingerprint(host.text(path), host)}}


def _minutes(number: int) -> str:
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
