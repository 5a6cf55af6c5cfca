# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The format of sudoers(5): rules, and the files it includes."""

from __future__ import annotations

import re
from typing import NamedTuple

INCLUDE = re.compile(r"[@#](include|includedir)\s+(?:\"([^\"]+)\"|((?:[^\s\\]|\\.)+))\s*")


class Sudoers(NamedTuple):
    rules: list[str]
    includes: list[tuple[str, str]]  # (include or includedir, path)


def parse(text: str) -> Sudoers:
    rules: list[str] = []
    includes: list[tuple[str, str]] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        found = INCLUDE.fullmatch(line.strip())
        if found:
            includes.append((found.group(1), found.group(2) or re.sub(r"\\(.)", r"\1", found.group(3))))
            continue
        rule = " ".join(uncommented(line).split())
        if rule:
            rules.append(rule)
    return Sudoers(rules, includes)


def uncommented(line: str) -> str:
    """`#` begins a comment, but not in quotes, after a backslash, or before a number: `#1000` is a user."""
    quoted = False
    for at, char in enumerate(line):
        escaped = at > 0 and line[at - 1] == "\\"
        if char == '"' and not escaped:
            quoted = not quoted
        if char == "#" and not quoted and not escaped and not line[at + 1 : at + 2].isdigit():
            return line[:at]
    return line


def included(name: str) -> bool:
    """Whether a file of an included folder counts."""
    return "." not in name and not name.endswith("~")
