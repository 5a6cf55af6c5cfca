# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environment files: `NAME=value`, with `export`, quotes and comments. Variables in values are not filled in."""

from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Values

NAME = "dotenv"
MATCH = (".env", "*.env", ".env.*", "*/default/*", "*/sysconfig/*", "*/environment")
SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
START = re.compile(r"(?:export[ \t]+)?([^\s=#'\"]+)[ \t]*=[ \t]*")
SINGLE = re.compile(r"'([^']*)'")
DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r"(?:[^\n#]|(?<=\S)#)*")
END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|$)|[ \t\r]*$")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\n": ""}


def parse(text: str) -> dict[str, str]:
    values = Values()
    at = _end(SKIP, text, 0)
    while at < len(text):
        start = START.match(text, at)
        if start is None:
            raise Broken(f"line {_line(text, at)} is not NAME=value")
        value, at = _value(text, start.end())
        values.add(start.group(1), value)
        at = _end(SKIP, text, at)
    return dict(values)


def _value(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] not in ("'", '"'):
        end = _end(BARE, text, at)
        return text[at:end].strip(), end
    quoted = (SINGLE if text[at] == "'" else DOUBLE).match(text, at)
    ended = quoted and END.match(text, quoted.end())
    if quoted is None or ended is None:
        raise Broken(f"the quotes of line {_line(text, at)} do not end, or something follows them")
    value = quoted.group(1)
    if text[at] == '"':
        value = re.sub(r"\\(.)", lambda one: ESCAPES.get(one[1], one[1]), value, flags=re.DOTALL)
    return value, ended.end()


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
