# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd and ssh: keywords in lower case, those of Match and Host blocks by the block, `match[user bob].permitrootlogin`.

What Include names stands where it is included. The first value of a keyword counts: later ones, which do not, are `#2` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Values, joined

NAME = "sshd"
MATCH = ("sshd_config", "ssh_config", "*/sshd_config.d/*", "*/ssh_config.d/*")
LINE = re.compile(r"([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)")
# Every line of these counts.
_LISTS = (
    "acceptenv allowgroups allowusers denygroups denyusers hostcertificate hostkey identityfile listenaddress port permitlisten permitopen "
    "sendenv setenv logverbose certificatefile localforward remoteforward dynamicforward"
)
LISTS = frozenset(_LISTS.split())
MOST_FILES, DEEPEST = 256, 16
# Pattern as it is written -> the texts of the files, in the order of their names.
Include = Callable[[str], list[str]]


def parse(text: str, include: Optional[Include] = None) -> dict[str, str]:
    """Without `include` an Include is a line like the others."""
    reader = _Reader(include)
    reader.read(text, "", 0)
    return dict(reader.values)


class _Reader:
    def __init__(self, include: Optional[Include]) -> None:
        self.values = Values()
        self._include, self._files = include, 0

    def read(self, text: str, block: str, depth: int) -> None:
        self._files += 1
        if depth > DEEPEST or self._files > MOST_FILES:
            raise Broken(f"it includes more than {MOST_FILES} files, or deeper than {DEEPEST} levels")
        for number, line in enumerate(text.split("\n"), 1):
            line = line.strip()
            if not line or line[0] == "#":
                continue
            found = LINE.fullmatch(line)
            if found is None:
                raise Broken(f"line {number} is not a keyword and its arguments")
            keyword, value = found.group(1).lower(), _uncommented(found.group(2), number)
            if keyword in ("match", "host"):
                block = "" if keyword == "match" and value.lower() == "all" else f"{keyword}[{value}]"
            else:
                self._line(keyword, value, block, depth)

    def _line(self, keyword: str, value: str, block: str, depth: int) -> None:
        name = joined(block, keyword)
        if keyword == "include":
            self.values.add(name, value)
            for text in [text for pattern in value.split() for text in self._include(pattern)] if self._include else []:
                self.read(text, block, depth + 1)
        elif keyword == "subsystem":
            first, _space, rest = value.partition(" ")
            self._first(f"{name}[{first}]", rest.strip())
        elif keyword in LISTS:
            self.values.add(name, value)
        else:
            self._first(name, value)

    def _first(self, name: str, value: str) -> None:
        again = 1
        key = name
        while key in self.values:
            again += 1
            key = f"{name}#{again}"
        self.values.add(key, value)


def _uncommented(text: str, number: int) -> str:
    """Arguments one space apart, without a comment at the end."""
    words: list[str] = []
    for quoted, word in re.findall(r'(?:"([^"]*)"|([^\s"]+))', text):
        if word.startswith("#"):
            return " ".join(words)
        words.append(word or (f'"{quoted}"' if " " in quoted or not quoted else quoted))
    if text.count('"') % 2:
        raise Broken(f"the quotes of line {number} do not end")
    return " ".join(words)
