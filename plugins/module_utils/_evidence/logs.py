# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log files of the host, also rotated and packed ones, and the times in them."""

from __future__ import annotations

import calendar
import gzip
import os
import re
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import FLAGS, Host, reason
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

# Of each file the end is read: what is asked about is recent, and a log may fill a disk.
LARGEST = 16 << 20
LONGEST_LINE = 8192
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) +(\d+) (\d\d):(\d\d):(\d\d)")
MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if number}


def log_lines(host: Host, patterns: Sequence[str], since: float) -> Iterator[str]:
    """Lines of all these logs that were written to after `since`, the oldest file first; Unknown when there is none, or one can't be read."""
    files = sorted((mtime, path) for pattern in patterns for path in host.glob(pattern) for mtime in [_written(host, path)] if mtime is not None)
    if not files:
        raise Unknown(f"there is no {patterns[0]}")
    for mtime, path in files:
        if mtime >= since:
            yield from _lines(host, path)


def _written(host: Host, path: str) -> Optional[float]:
    try:
        found = os.stat(host.path(path))
    except OSError:
        return None
    return found.st_mtime if stat.S_ISREG(found.st_mode) else None


def _lines(host: Host, path: str) -> Iterator[str]:
    try:
        with open(os.open(host.path(path), FLAGS), "rb") as raw:
            if path.endswith(".gz"):
                data = gzip.GzipFile(fileobj=raw).read(LARGEST)
            else:
                raw.seek(max(0, os.fstat(raw.fileno()).st_size - LARGEST))
                data = raw.read(LARGEST)
    except (OSError, EOFError, zlib.error) as exc:
        raise Unknown(f"{path} cannot be read ({reason(exc)})") from exc
    for line in data.split(b"\n"):
        yield line[:LONGEST_LINE].decode("utf-8", "backslashreplace")


def moment(text: str, now: float) -> Optional[float]:
    """Seconds since the epoch of the time at the beginning of a line: RFC 3339, local time without a zone, or syslog's, which has no year."""
    found = _RFC3339.match(text)
    if found:
        numbers = tuple(int(part) for part in found.groups()[:6])
        fraction = float(found.group(7) or 0)
        if found.group(8):
            return calendar.timegm((*numbers, 0, 0, 0)) - _offset(found.group(8)) + fraction
        return _local(numbers) + fraction
    found = _SYSLOG.match(text)
    if not found or found.group(1) not in MONTHS:
        return None
    rest = (MONTHS[found.group(1)], *(int(part) for part in found.groups()[1:]))
    year = time.localtime(now).tm_year
    at = _local((year, *rest))
    # A day ahead is a clock that was turned; more is a line of last year.
    return at if at <= now + 86400 else _local((year - 1, *rest))


def _local(numbers: Sequence[int]) -> float:
    year, month, day, hour, minute, second = numbers
    try:
        return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
    except (OverflowError, ValueError):
        return 0.0


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return -seconds if zone[0] == "-" else seconds
