# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's programs and files say, as data. Nothing here looks at anything but its arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError

PROGRAM = re.compile(r"\(PostgreSQL\) (\d+)\.(\d+)(?![\w.])")
VERSION = re.compile(r"(\d+)\.(\d+)\Z")
BACKUP_SLOT = "evenkeel_backup"
FIRST_MAJOR = 13  # a running replica follows another primary without a restart
LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})\Z")
SEGMENT = re.compile(r"[0-9A-F]{24}\Z")
WORD = re.compile(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))")
CONTROL = {
    "Database cluster state": "state",
    "Database system identifier": "system_identifier",
    "Latest checkpoint location": "checkpoint",
    "Latest checkpoint's TimeLineID": "timeline",
}


def program_version(text: str) -> str:
    """major.minor of what `postgres --version` says, such as "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"."""
    found = PROGRAM.search(text)
    if not found or int(found.group(1)) < FIRST_MAJOR:
        raise NodeError(f"postgres --version says {text.strip()!r}; allowed are released versions from {FIRST_MAJOR}.0 on, as in 18.6.")
    return f"{int(found.group(1))}.{int(found.group(2))}"


def number_version(number: int) -> str:
    """major.minor of server_version_num: 180006 is 18.6."""
    return f"{number // 10000}.{number % 10000}"


def version(text: str) -> tuple[int, int]:
    """Compares as numbers: 15.9 is before 15.10."""
    found = VERSION.match(text)
    if not found:
        raise NodeError(f"The version is {text!r}; allowed is major.minor, as in 18.6.")
    return int(found.group(1)), int(found.group(2))


def lsn(text: str) -> int:
    """A place in the log as a number of bytes."""
    found = LSN.match(text)
    if not found:
        raise NodeError(f"{text!r} is no place in the log; allowed is the form 0/3000148.")
    return (int(found.group(1), 16) << 32) + int(found.group(2), 16)


def control(text: str) -> dict[str, Any]:
    """The part of pg_controldata (in the C locale) that decisions are taken on."""
    said = {key.strip(): value.strip() for key, _colon, value in (line.partition(":") for line in text.splitlines())}
    missing = sorted(set(CONTROL) - set(said))
    if missing:
        raise NodeError(f"pg_controldata doesn't say {', '.join(missing)}. Are these the programs of the cluster's own major version?")
    found: dict[str, Any] = {name: said[key] for key, name in CONTROL.items()}
    return {**found, "timeline": int(found["timeline"])}


def history(text: str) -> list[dict[str, Any]]:
    """A timeline history file: which timeline was left, and where."""
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 2:
            found.append({"timeline": int(words[0]), "end": words[1]})
    return found


def upstream(conninfo: str) -> dict[str, Any]:
    """Host and port of a connection string; the rest, which may be a password, is left behind."""
    words = {key: quoted or plain for key, quoted, plain in WORD.findall(conninfo)}
    return {"host": words.get("host") or words.get("hostaddr") or "", "port": int(words.get("port") or 5432)} if words else {"host": "", "port": 0}


def conninfo(words: Mapping[str, Any]) -> str:
    """A connection string of those values that are given."""
    quoted = {key: str(value).replace("\\", "\\\\").replace("'", "\\'") for key, value in words.items() if value not in (None, "")}
    return " ".join(f"{key}='{value}'" for key, value in quoted.items())


def setting(name: str, value: str) -> str:
    """A line of a configuration file."""
    return "{} = '{}'\n".format(name, value.replace("\\", "\\\\").replace("'", "''"))


def set_to(text: str, name: str) -> str:
    """What the last line that `setting` wrote for this name says; empty where there is none."""
    found = re.findall(rf"^{re.escape(name)} = '((?:[^'\\]|''|\\.)*)'$", text, re.MULTILINE)
    return re.sub(r"''|\\(.)", lambda part: part.group(1) or "'", found[-1]) if found else ""


def without(text: str, names: Sequence[str]) -> str:
    """A configuration file without the lines that set these."""
    pattern = re.compile(r"\s*({})\s*(=|\s)".format("|".join(map(re.escape, names))))
    return "".join(line for line in text.splitlines(keepends=True) if not pattern.match(line))


def segments(names: Sequence[str], *, after: str, until: str) -> list[str]:
    """Files of the log behind one and up to another, both of the same timeline."""
    timeline = until[:8]
    return sorted(name for name in names if SEGMENT.match(name) and name[:8] == timeline and after < name <= until)


def diverged(left: Mapping[str, Any], new: Mapping[str, Any]) -> Optional[str]:
    """Why a server that was a primary can't simply follow the new one: empty when it can, None when that can't be told.

    left: control data of the stopped server. new: `timeline` and `history` of the primary. A server that was shut down ends with its checkpoint; the
    new timeline has all of it when it left the old one behind that record.
    """
    if left["state"] not in ("shut down", "shut down in recovery"):
        return None
    if left["timeline"] == new["timeline"]:
        return ""
    ends = {entry["timeline"]: entry["end"] for entry in new["history"]}
    if left["timeline"] not in ends:
        return f"its timeline {left['timeline']} is no ancestor of the primary's timeline {new['timeline']}"
    if lsn(left["checkpoint"]) >= lsn(ends[left["timeline"]]):
        return f"it went on to {left['checkpoint']} after the primary had left timeline {left['timeline']} at {ends[left['timeline']]}"
    return ""
