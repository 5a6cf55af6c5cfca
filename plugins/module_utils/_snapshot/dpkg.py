# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of dpkg's database: status, md5sums, conffiles, diversions, and which paths this host does without."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Callable, NamedTuple

STATUS = "/var/lib/dpkg/status"
INFO = "/var/lib/dpkg/info"
FIELD = re.compile(r"^(Package|Status|Architecture|Version):[ \t]*(.*)$", re.MULTILINE)
CONFFILES = re.compile(r"^Conffiles:[ \t]*\n((?: .*(?:\n|\Z))+)", re.MULTILINE)
CONFFILE = re.compile(r" (/.*) ([0-9a-f]{32})((?: (?:obsolete|remove-on-upgrade))*)")


class Package(NamedTuple):
    name: str
    architecture: str
    version: str
    want: str  # install, hold, deinstall, purge
    state: str  # installed, half-configured, ...
    conffiles: dict[str, str]  # path: MD5


def packages(text: str) -> list[Package]:
    """All that have files on the host; what was removed and left its settings behind has none that count."""
    found = []
    for stanza in text.split("\n\n"):
        fields = dict(FIELD.findall(stanza))
        status = fields.get("Status", "").split()
        if len(status) != 3 or "Package" not in fields or status[2] in ("not-installed", "config-files"):
            continue
        conffiles = _conffiles(stanza) if "\nConffiles:" in stanza else {}
        found.append(Package(fields["Package"], fields.get("Architecture", ""), fields.get("Version", ""), status[0], status[2], conffiles))
    return found


def _conffiles(stanza: str) -> dict[str, str]:
    block = CONFFILES.search(stanza)
    rows = (CONFFILE.fullmatch(line) for line in block.group(1).splitlines()) if block else ()
    return {row.group(1): row.group(2) for row in rows if row and not row.group(3)}


def md5sums(data: bytes) -> dict[bytes, bytes]:
    """{path: MD5}"""
    return {b"/" + line[34:]: line[:32] for line in data.split(b"\n") if line[32:34] == b"  "}


def diversions(text: str) -> dict[str, tuple[str, str]]:
    """{path: (where the file of others lies, the package whose own file stays)}; a diversion of the host's own (`:`) is for all packages."""
    lines = text.splitlines()
    return {lines[at]: (lines[at + 1], lines[at + 2]) for at in range(0, len(lines) - 2, 3)}


def left_out(settings: Iterable[str]) -> Callable[[str], bool]:
    """Whether dpkg was told not to install a path: of all the patterns that match it, the last one counts."""
    rules: list[tuple[bool, Callable[[str], object]]] = []
    for line in (line for text in settings for line in text.splitlines()):
        found = re.fullmatch(r"\s*path-(exclude|include)(?:\s*=\s*|\s+)(.*?)\s*", line)
        if found:
            pattern = found.group(2).strip("\"'")
            rules.append((found.group(1) == "exclude", re.compile(fnmatch.translate(pattern)).match))
    return lambda path: next((out for out, match in reversed(rules) if match(path)), False)
