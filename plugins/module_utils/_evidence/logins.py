# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who became root or logged in, from auth.log, secure or the journal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._evidence.logs import log_lines, moment
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.redact import redacted
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

Event = dict[str, Any]
FILES = ("/var/log/auth.log*", "/var/log/secure*")
MOST_LINES = 20_000
_MESSAGE = re.compile(r"(?:\S+ +\d+ [\d:]{8}|\S+) \S+ ([\w.()/-]+?)(?:\[\d+\])?: (.*)")
_SUDO = re.compile(r"\s*(\S+) : (?:.*?; )?(?:TTY=(\S+) ; )?PWD=(.*?) ; USER=(\S+) ; (?:GROUP=\S+ ; )?(?:ENV=.*? ; )?COMMAND=(.*)")
_ACCEPTED = re.compile(r"Accepted (\S+) for (\S+) from (\S+) port \d+(?: ssh2)?(?:: (\S+ \S+))?")
_SU = re.compile(r"\(to (\S+)\) (\S+) on (\S+)")


def events(host: Host, since: float, now: float) -> list[Event]:
    """[{how: sudo | session, time, who, text, ...}] of the files, else of the journal; Unknown when there is neither."""
    try:
        return list(_of_files(host, since, now))
    except Unknown as absent:
        try:
            return list(_of_journal(host, since))
        except Unknown as exc:
            raise Unknown(f"{absent}, and {exc}") from exc


def _of_files(host: Host, since: float, now: float) -> Iterator[Event]:
    for line in log_lines(host, FILES, since):
        # Nearly all lines are of others: the cheap test first.
        if "COMMAND=" not in line and "Accepted " not in line and "(to " not in line:
            continue
        found = _MESSAGE.match(line)
        at = moment(line, now) if found else None
        if found and at is not None and at >= since:
            yield from _event(found.group(1), found.group(2), at)


def _of_journal(host: Host, since: float) -> Iterator[Event]:
    argv = ["journalctl", "-o", "json", "--no-pager", "-q", "-n", str(MOST_LINES), f"--since=@{int(since)}"]
    names = [f"SYSLOG_IDENTIFIER={name}" for name in ("sudo", "sshd", "sshd-session", "su")]
    yield from journal_events(host.lines([*argv, "--output-fields=MESSAGE,SYSLOG_IDENTIFIER", *names]))


def journal_events(lines: Iterable[str]) -> Iterator[Event]:
    for line in lines:
        try:
            entry = json.loads(line)
            at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(entry.get("MESSAGE"), str):
            yield from _event(str(entry.get("SYSLOG_IDENTIFIER", "")), entry["MESSAGE"], at)


def _event(program: str, message: str, at: float) -> Iterator[Event]:
    reader = {"sudo": _sudo, "sshd": _accepted, "sshd-session": _accepted, "su": _su}.get(program.rpartition("/")[2])
    found = reader(message) if reader else None
    if found:
        yield {**found, "time": at}


def _sudo(message: str) -> Optional[Event]:
    found = _SUDO.match(message)
    # `alice : command not allowed ; TTY=...` did nothing.
    if not found or " : command not allowed ;" in message or "incorrect password attempt" in message or " : user NOT in sudoers ;" in message:
        return None
    who, _tty, folder, user, command = found.groups()
    shown = redacted(command)
    return {"how": "sudo", "who": who, "as": user, "folder": folder, "command": shown, "text": f"sudo as {user}: {shown}"}


def _accepted(message: str) -> Optional[Event]:
    found = _ACCEPTED.match(message)
    if not found:
        return None
    method, who, origin, key = found.groups()
    return {"how": "session", "who": who, "text": f"ssh login of {who} from {origin} by {method}{f' {key}' if key else ''}"}


def _su(message: str) -> Optional[Event]:
    found = _SU.search(message)
    if not found or message.startswith("FAILED"):
        return None
    user, who, terminal = found.groups()
    return {"how": "sudo", "who": who, "as": user, "folder": "", "command": "su", "text": f"su to {user} on {terminal}"}
