# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Globs over whole paths.

`*` and `?` stay within a name, `**` crosses `/`, `[abc]` and `[!abc]` are sets. `/a/**/b` is also `/a/b`.
A pattern that does not begin with `/` holds at any depth. One that ends in `/` means folders only. What lies below a match matches too.
Names that begin with a dot are names like any other. There is no escape: `[*]` is a star.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Optional

Match = Callable[[bytes], Any]
MAGIC = re.compile(rb"[*?\[]")
TOKEN = re.compile(rb"/\*\*(?=/)|\*\*|\*|\?|\[([!^]?)(\]?[^\]/]*)\]", re.DOTALL)


class Globs:
    """Paths and names are given with a `/` at their end when they are folders.

    Most patterns are for names at any depth: these are compared with names alone, and folders from which no other can match are told at once.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        given = [os.fsencode(pattern) for pattern in patterns if pattern]
        names = [pattern for pattern in given if b"/" not in pattern.rstrip(b"/")]
        self._names = _regex(translate(name.rstrip(b"/")) + (b"/" if name.endswith(b"/") else b"/?") for name in names)
        self._paths = [(_fixed(pattern), _regex([_whole(pattern)])) for pattern in given if b"/" in pattern.rstrip(b"/")]

    def __call__(self, path: bytes) -> bool:
        if self._names:
            *above, last = path.rstrip(b"/").split(b"/")
            parts = [part + b"/" for part in above] + [last + path[len(path.rstrip(b"/")) :]]
            if any(map(self._names, parts)):
                return True
        return any(match(path) for _fixed, match in self._paths if match)

    def within(self, folder: bytes) -> Optional[Match]:
        """A match for the names in a folder, None where none can match."""
        base = folder if folder.endswith(b"/") else folder + b"/"
        if self(base):
            return lambda _name: True
        paths = [match for fixed, match in self._paths if match and (fixed.startswith(base) or base.startswith(fixed))]
        if not paths:
            return self._names
        names = self._names or (lambda _name: None)
        return lambda name: names(name) or any(match(base + name) for match in paths)


def compiled(patterns: Iterable[str]) -> Optional[Match]:
    """None without any."""
    given = [pattern for pattern in patterns if pattern]
    return Globs(given) if given else None


def expand(patterns: Sequence[str], root: bytes = b"") -> list[bytes]:
    """Whole, plain paths of what is there, without `root`. Links are not followed, except where a pattern names what lies behind one."""
    found: set[bytes] = set()
    for pattern in patterns:
        raw = os.fsencode(pattern)
        if not raw.startswith(b"/"):
            raise ValueError(f"paths has {pattern!r}: a snapshot needs whole paths, which begin with /")
        parts = [part for part in os.path.normpath(raw).split(b"/") if part]
        found.update(_expand(b"", parts, root))
    return sorted(found)


def translate(pattern: bytes) -> bytes:
    parts = []
    at = 0
    for token in TOKEN.finditer(pattern):
        parts += [re.escape(pattern[at : token.start()]), _token(token)]
        at = token.end()
    return b"".join([*parts, re.escape(pattern[at:])])


def _regex(wanted: Iterable[bytes]) -> Optional[Match]:
    parts = list(wanted)
    try:
        return re.compile(b"(?s:" + b"|".join(parts) + rb")\Z").match if parts else None
    except re.error as exc:
        raise ValueError(f"a pattern cannot be used: a set in it is no set ({exc.msg}, in {os.fsdecode(b' '.join(parts))!r})") from exc


def _fixed(pattern: bytes) -> bytes:
    """What every match begins with."""
    magic = MAGIC.search(pattern)
    return (pattern[: magic.start()] if magic else pattern).rstrip(b"/") if pattern.startswith(b"/") else b""


def _whole(pattern: bytes) -> bytes:
    anywhere = b"" if pattern.startswith(b"/") else b"/**/"
    below = b"/.*" if pattern.endswith(b"/") else b"(?:/.*)?"
    return translate(anywhere + pattern.rstrip(b"/")) + below


def _token(token: re.Match[bytes]) -> bytes:
    text, pattern = token[0], token.string
    # A name has one character at least: `/a/*` is not the folder `/a/` itself.
    whole = pattern[: token.start()][-1:] in (b"", b"/") and pattern[token.end() :][:1] in (b"", b"/")
    if text == b"/**":
        return b"(?:/.*)?"
    if text == b"**":
        return b"[^/].*" if whole else b".*"
    if text == b"*":
        return b"[^/]+" if whole else b"[^/]*"
    if text == b"?":
        return b"[^/]"
    return (b"(?!/)[^" if token[1] else b"(?!/)[") + re.sub(rb"([\\\[\]&~|])", rb"\\\1", token[2]) + b"]"


def _expand(base: bytes, parts: Sequence[bytes], root: bytes) -> Iterator[bytes]:
    if not parts:
        if os.path.lexists(root + (base or b"/")):
            yield base or b"/"
        return
    first, rest = parts[0], parts[1:]
    if not MAGIC.search(first):
        yield from _expand(base + b"/" + first, rest, root)
        return
    if first == b"**" and rest:
        yield from _expand(base, rest, root)
    match = re.compile(rb"(?s:" + translate(first) + rb")\Z").match
    for name, folder in _names(root + base):
        if first == b"**":
            if not rest:
                yield base + b"/" + name
            elif folder:
                yield from _expand(base + b"/" + name, parts, root)
        elif match(name) and (folder or not rest):
            yield from _expand(base + b"/" + name, rest, root)


def _names(folder: bytes) -> list[tuple[bytes, bool]]:
    try:
        with os.scandir(folder or b"/") as entries:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []
