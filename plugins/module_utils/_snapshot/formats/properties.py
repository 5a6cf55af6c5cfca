# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Java properties: `key = value`, `key: value` or `key value`, backslash escapes, lines that go on after a backslash."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Values, folded

NAME = "properties"
MATCH = ("*.properties",)
KEY = re.compile(r"((?:\\.|[^\\=:\s])*)(?:\s*[=:]\s*|\s+|$)", re.DOTALL)
ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.?)", re.DOTALL)
NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse(text: str) -> dict[str, str]:
    values = Values()
    for line in _lines(folded(text)):
        found = KEY.match(line)
        if found is None:
            raise Broken("a line ends within an escape")
        values.add(_plain(found.group(1)), _plain(line[found.end() :]))
    return dict(values)


def _lines(text: str) -> Iterator[str]:
    parts: list[str] = []
    for line in re.split("\r\n|\n|\r", text):
        line = line.lstrip(" \t\f")
        if not parts and (not line or line[0] in "#!"):
            continue
        if (len(line) - len(line.rstrip("\\"))) % 2:
            parts.append(line[:-1])
            continue
        yield "".join([*parts, line])
        parts = []
    if parts:
        yield "".join(parts)


def _plain(text: str) -> str:
    return ESCAPE.sub(lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else NAMED.get(found[1], found[1]), text)
