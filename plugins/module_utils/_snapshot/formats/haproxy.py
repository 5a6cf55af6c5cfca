# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy: keywords by section, `frontend[web].bind[*:80]`.

Keywords that are a map are named by their first argument; of all others the lines stay together, in their order, because the first that fits wins.
"""

from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Values

NAME = "haproxy"
MATCH = ("haproxy.cfg", "*/haproxy/*.cfg")
_SECTIONS = (
    "global defaults frontend backend listen userlist peers resolvers mailers cache program http-errors ring fcgi-app log-forward "
    "log-profile crt-store traces acme"
)
SECTIONS = frozenset(_SECTIONS.split())
_MAPS = (
    "acl bind server server-template option timeout stats errorfile errorfiles user group peer nameserver setenv presetenv resetenv "
    "log filter default-server stick mailer load set-var table crt"
)
MAPS = frozenset(_MAPS.split())
WORD = re.compile(r"(?:\\.|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\\\"'#])+", re.DOTALL)
SKIP = re.compile(r"[ \t\r]*(?:#.*)?")


def parse(text: str) -> dict[str, str]:
    values = Values()
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        words = _words(line, number)
        if not words:
            continue
        if words[0] in SECTIONS:
            section = words[0] + (f"[{words[1]}]" if len(words) > 1 else "")
            values.setdefault(section, " ".join(words[2:]))
        elif not section:
            raise Broken(f"line {number} stands before the first section")
        else:
            _line(section, words, values)
    return dict(values)


def _line(section: str, words: list[str], values: Values) -> None:
    start = 2 if words[0] in ("no", "default") and len(words) > 1 else 1
    name = f"{section}.{' '.join(words[:start])}"
    if words[start - 1] in MAPS and len(words) > start:
        name, start = f"{name}[{words[start]}]", start + 1
    values.add(name, " ".join(words[start:]))


def _words(line: str, number: int) -> list[str]:
    words: list[str] = []
    at = 0
    while True:
        skipped = SKIP.match(line, at)
        at = skipped.end() if skipped else at
        if at == len(line):
            return words
        found = WORD.match(line, at)
        if found is None:
            raise Broken(f"the quotes of line {number} do not end")
        words.append(found.group())
        at = found.end()
