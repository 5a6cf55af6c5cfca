# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of keys, as configparser, systemd and git read them; also plain lines of `key = value` or `key value`.

A value goes on in lines that stand deeper than its key, or after a backslash at the end. A bare key is one without value.
"""

from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Values, folded, joined

NAME = "ini"
MATCH = ("*.ini", "*.cfg", "*.cnf", "*.conf", "*.repo", "*.service", "*.socket", "*.timer", "*.mount", "*.network", "*.netdev", "*.desktop")
SECTION = re.compile(r"\[(.+)\]\s*(?:[#;].*)?")
SEPARATOR = re.compile(r"\s*[=:]\s*")
OPENS = re.compile(r"[^=:\"']*\{\s*(?:[#;].*)?")
SPACES = re.compile(r"\s+")


def parse(text: str) -> dict[str, str]:
    values = Values()
    section, key, indent = "", "", 0
    parts: list[str] = []

    def close() -> None:
        if key:
            values.add(joined(section, key), "\n".join(parts).strip())

    more = False
    for number, line in enumerate(folded(text).split("\n"), 1):
        bare = line.strip()
        if not bare or (bare[0] in "#;!" and not more):
            more = False
            continue
        if not more and OPENS.fullmatch(bare):
            raise Broken(f"line {number} opens a block in braces, so it is of another format")
        depth = len(line) - len(line.lstrip())
        header = SECTION.fullmatch(bare)
        if key and (more or (depth > indent and not header)):
            parts.append(bare)
        elif header:
            close()
            section, key = header.group(1).strip(), ""
        else:
            close()
            key, value = _pair(bare)
            indent, parts = depth, [value]
        more = bool(key) and parts[-1].endswith("\\")
        if more:
            parts[-1] = parts[-1][:-1].rstrip()
    close()
    return dict(values)


def _pair(line: str) -> tuple[str, str]:
    separator = SEPARATOR.search(line) or SPACES.search(line)
    if separator is None:
        return line, ""
    return line[: separator.start()].strip() or "=", line[separator.end() :].strip()
