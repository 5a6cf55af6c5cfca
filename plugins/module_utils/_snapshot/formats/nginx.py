# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx: directives by the path of their blocks, `http.server[example.org:443].location[/].proxy_pass`.

Settings that are a map (headers, parameters, listeners) are named by their first argument. All others that come again are lines of one value,
in their order, which counts for many of them. So one more directive renames none.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Union

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import DEEPEST, Broken, Values, joined

NAME = "nginx"
MATCH = ("nginx.conf", "*/nginx/*.conf", "*/sites-available/*", "*/sites-enabled/*")
QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
TOKEN = re.compile(rf"[ \t\r\n]+|#[^\n]*|(?P<mark>[;{{}}])|(?P<quoted>{QUOTED})|(?P<word>(?![\"'])(?:\\.|\$\{{[^}}]*\}}|[^\s;{{}}\\])+)", re.DOTALL)
OPEN, CLOSE = "{", "}"
CODE = re.compile(rf"{QUOTED}|--[^\n]*|[{{}}]", re.DOTALL)  # Lua: a brace in a text or a comment closes nothing
BRACES = {OPEN: 1, CLOSE: -1}
_MAPS = (
    "add_header add_trailer proxy_set_header proxy_hide_header fastcgi_param uwsgi_param scgi_param grpc_set_header set env listen "
    "error_page include log_format limit_req_zone limit_conn_zone proxy_cache_path access_log error_log load_module server resolver"
)
MAPS = frozenset(_MAPS.split())
# Their lines are no directives but entries, and what stands first in them may be a secret.
TABLES = frozenset({"map", "geo", "split_clients", "types", "charset_map"})
VARIABLE = re.compile(r"\$\w+")
Directive = tuple[list[str], Union[list["Directive"], None]]


def parse(text: str) -> dict[str, str]:
    values = Values()
    _facts(_Parser(text).block(0), "", values)
    return dict(values)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def block(self, depth: int) -> list[Directive]:
        if depth > DEEPEST:
            raise Broken(f"it is nested deeper than {DEEPEST} levels")
        found: list[Directive] = []
        words: list[str] = []
        while True:
            kind, word = self._next()
            if kind == "mark" and word == OPEN and words and words[0].endswith("_by_lua_block"):
                found.append(([*words, self._raw()], None))
                words = []
            elif kind == "mark" and word == OPEN and words:
                found.append((words, self.block(depth + 1)))
                words = []
            elif kind == "mark" and word == ";" and words:
                found.append((words, None))
                words = []
            elif kind in ("word", "quoted"):
                words.append(word)
            elif not words and ((word == CLOSE and depth) or (not kind and not depth)):
                return found
            else:
                raise Broken(f"line {self._text.count(chr(10), 0, self._at) + 1} is not what a block allows there")

    def _next(self) -> tuple[str, str]:
        """("", "") is the end."""
        while self._at < len(self._text):
            found = TOKEN.match(self._text, self._at)
            if found is None:
                raise Broken(f"line {self._text.count(chr(10), 0, self._at) + 1} has quotes or braces that do not end")
            self._at = found.end()
            if found.lastgroup:
                return found.lastgroup, found.group()
        return "", ""

    def _raw(self) -> str:
        """Code of another language, up to the brace that closes it."""
        start, open_braces = self._at, 1
        for found in CODE.finditer(self._text, start):
            open_braces += BRACES.get(found.group(), 0)
            if not open_braces:
                self._at = found.end()
                return self._text[start : found.start()].strip()
        raise Broken("a block of code does not end")


def _facts(block: list[Directive], prefix: str, values: Values) -> None:
    seen: Counter[str] = Counter()
    for words, inner in block:
        name = joined(prefix, words[0])
        if inner is None:
            _line(words, name, values)
            continue
        if words[0] in TABLES:
            values.add(f"{name}[{' '.join(words[1:])}]", "\n".join(_written(one) for one in inner))
            continue
        label = _label(words, inner)
        block_name = name + (f"[{label}]" if label else "")
        seen[block_name] += 1
        path = block_name + (f"#{seen[block_name]}" if seen[block_name] > 1 else "")
        if words[0] == "if":
            values.add(path, " ".join(words[1:]))
        _facts(inner, path, values)


def _line(words: list[str], name: str, values: Values) -> None:
    if words[0] in MAPS and len(words) > 1:
        values.add(f"{name}[{_bare(words[1])}]", " ".join(words[2:]))
    else:
        values.add(name, " ".join(words[1:]))


def _label(words: list[str], inner: list[Directive]) -> str:
    if words[0] == "if":
        # A condition may compare with a secret, so it is a value and only its variable a name.
        found = VARIABLE.search(" ".join(words[1:]))
        return found.group() if found else ""
    if words[0] != "server":
        return " ".join(map(_bare, words[1:]))
    names = [_bare(one[1]) for one, _inner in inner if one[0] == "server_name" and len(one) > 1]
    ports = [_bare(one[1]) for one, _inner in inner if one[0] == "listen" and len(one) > 1]
    return ":".join([*names[:1], *(port.rpartition(":")[2] if names else port for port in ports[:1])])


def _bare(word: str) -> str:
    return word[1:-1] if word[0] in "\"'" else word


def _written(directive: Directive) -> str:
    words, inner = directive
    return " ".join(words) + ("" if inner is None else " {" + "; ".join(map(_written, inner)) + "}")
