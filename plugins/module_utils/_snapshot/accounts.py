# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of /etc/passwd, /etc/shadow and /etc/group."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, NamedTuple, Union

DAYS = {3: "min_days", 4: "max_days", 5: "warn_days", 6: "inactive_days"}


SHADOWED = "x"


class Account(NamedTuple):
    name: str
    password: str
    uid: str
    gid: str
    gecos: str
    home: str
    shell: str


def rows(text: str, fields: int) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields); a line with another number of them has none."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            found = line.split(":")
            yield number, found if len(found) == fields else []


def accounts(text: str) -> list[Account]:
    return [Account(*found) for _number, found in rows(text, 7) if found]


def number(text: str) -> Union[int, str]:
    """What should be a number, and is told as it stands when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text


def password(field: str) -> tuple[str, str]:
    """(locked|set|none, the hash in it)."""
    if not field:
        return "none", ""
    mark = field.lstrip("!")
    locked = mark != field or field.startswith("*")
    return ("locked" if locked else "set"), "" if mark in ("", "*", SHADOWED) or mark.startswith(("*", "!")) else mark


def expiry(fields: list[str]) -> dict[str, Any]:
    """What limits a password; the day of its last change only where it asks for a new one."""
    item: dict[str, Any] = {name: number(fields[place]) for place, name in DAYS.items() if fields[place]}
    if fields[2] == "0":
        item["must_change"] = True
    if fields[7]:
        item["expires"] = _date(fields[7])
    return item


def _date(days: str) -> str:
    try:
        return (datetime.date(1970, 1, 1) + datetime.timedelta(days=int(days))).isoformat()
    except (ValueError, OverflowError):
        return days
