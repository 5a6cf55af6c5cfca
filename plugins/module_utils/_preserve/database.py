# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways back for the data of one database: a named restore point, a backup that is made now, or one that somebody has proved.

Each answer has `usable` (it is a way back), `why` when it is none, `needs` (what else a restoration takes) and `how`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags.stale import seconds
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import describe, psycopg

DURATION = re.compile(r"(\d+)([smhd]?)\Z")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
SEGMENT = re.compile(r"[0-9A-F]{24}\Z")
LONGEST_NAME = 63  # of a restore point, in PostgreSQL
SETTINGS = """
select current_setting('wal_level'), current_setting('archive_mode'), pg_is_in_recovery(),
       (select last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver)
"""
ARCHIVED = "select last_archived_wal, failed_count from pg_stat_archiver"


def duration(text: str, *, option: str) -> int:
    found = DURATION.match(text.strip())
    if not found:
        raise PreserveError(f"{option} is {text!r}, allowed: a number of seconds, or a number with s, m, h or d, as in 24h.")
    return int(found.group(1)) * UNITS[found.group(2)]


def point_name(identity: str) -> str:
    """The tail of an id tells more than its head: ids that follow each other begin alike."""
    name = f"evenkeel_{identity}"
    return name if len(name) <= LONGEST_NAME else f"evenkeel_{identity[-(LONGEST_NAME - 9) :]}"


def restore_point(connection: Any, name: str, *, wait: float, clock: Callable[[], float], sleep: Callable[[float], None], check: bool) -> dict[str, Any]:
    """Makes the point even where no archive is known: a receiver of the log may be one. Then it is not `usable` by itself."""
    try:
        level, mode, standby, failing = connection.execute(SETTINGS).fetchone()
        why = _no_point(level, standby)
        if why:
            raise PreserveError(why)
        answer: dict[str, Any] = {"name": name, "lsn": "", "archived": False, "needs": "a base backup that was taken before the point", "how": _how(name)}
        if not check:
            answer["lsn"] = str(connection.execute("select pg_create_restore_point(%s)::text", (name,)).fetchone()[0])
        if mode == "off":
            return {**answer, "usable": False, "why": "archive_mode is off: the point is no way back by itself, since the log that leads to it is not kept"}
        if failing:
            return {**answer, "usable": False, "why": "the server's archiver is failing (see pg_stat_archiver), so the log up to the point is not kept"}
        if check:
            return {**answer, "usable": True, "why": ""}
        segment = connection.execute("select pg_walfile_name(%s::pg_lsn)", (answer["lsn"],)).fetchone()[0]
        connection.execute("select pg_switch_wal()")
        answer["archived"] = _archived(connection, segment, wait=wait, clock=clock, sleep=sleep)
    except psycopg.Error as exc:
        raise PreserveError(f"The restore point {name} could not be made: {describe(exc)}. Allow the role pg_create_restore_point and pg_switch_wal.") from None
    why = "" if answer["archived"] else f"the log up to the point was not archived within {wait:g} s"
    return {**answer, "usable": answer["archived"], "why": why}


def _no_point(level: str, standby: bool) -> str:
    if standby:
        return "The server is a standby, where no restore point can be made. Name the primary."
    if level == "minimal":
        return "wal_level is minimal, so there can be no restore point. Set it to replica and archive the log, or declare a backup instead."
    return ""


def _how(name: str) -> str:
    return f"restore a base backup from before the point, set recovery_target_name = '{name}' and restore_command, and start the server"


def _archived(connection: Any, segment: str, *, wait: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> bool:
    end = clock() + wait
    while True:
        last, _failed = connection.execute(ARCHIVED).fetchone()
        if last and SEGMENT.match(last) and last[:8] == segment[:8] and last >= segment:
            return True
        if clock() >= end:
            return False
        sleep(min(0.2, max(0.0, end - clock())))


def proven(backup: Mapping[str, Any], *, now: float, checked: Optional[bool]) -> dict[str, Any]:
    """checked: whether the command that proves it passed; None when there is none.

    A backup that nobody has restored is a hope: it needs `proven_at`, not earlier than `taken_at`, or a command that proves it now.
    """
    most = duration(str(backup.get("max_age") or "24h"), option="backup.max_age")
    taken = _time(backup, "taken_at")
    if taken is None:
        raise PreserveError("backup.taken_at is missing: without it nobody knows how much a restoration would lose.")
    proved = _time(backup, "proven_at")
    age = now - taken
    answer = {"id": str(backup["id"]), "taken_at": str(backup["taken_at"]), "age_seconds": round(age), "needs": "", "how": f"restore the backup {backup['id']}"}
    why = ""
    if age < -60:
        why = f"its taken_at {backup['taken_at']} lies in the future"
    elif age > most:
        why = f"it is {round(age)} s old, allowed are {most} s: take a newer one"
    elif checked is False:
        why = "the command that proves it failed"
    elif checked is None and proved is None:
        why = "nothing proves it: give proven_at, the time of a restoration that was tried, or a command under prove"
    elif checked is None and proved is not None and proved < taken:
        why = f"it was proved at {backup['proven_at']}, before it was taken"
    return {**answer, "usable": not why, "why": why}


def _time(backup: Mapping[str, Any], name: str) -> Optional[float]:
    text = str(backup.get(name) or "")
    found = seconds(text)
    if text and found is None:
        raise PreserveError(f"backup.{name} is {text!r}, allowed: RFC 3339, as in 2026-06-30T02:00:00Z.")
    return found


def filled(argv: list[str], values: Mapping[str, str]) -> list[str]:
    """`{file}`, `{id}`, `{backup}`: nothing else is a placeholder, so that a command may hold braces of its own."""
    found = []
    for word in argv:
        for name, value in values.items():
            word = word.replace("{%s}" % name, value)
        found.append(word)
    return found
