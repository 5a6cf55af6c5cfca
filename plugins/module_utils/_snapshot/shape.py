# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What collectors share: their answer is items, or the reason why there are none; and how paths are written in them."""

from __future__ import annotations

import re
from typing import Any, Union

Items = dict[str, dict[str, Any]]

# A fixed list: str.isprintable() follows the Unicode tables of each Python, and hosts with different ones would differ.
# Control characters, the ones that turn the direction of writing, and bytes that are not UTF-8 (surrogates).
_UNSAFE = re.compile("[\\\\\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]")
_ESCAPE = re.compile(rb"\\(?:(\\)|x([0-9a-f]{2}))")


class Unknown(Exception):
    """The collector cannot look; that is never the same as finding nothing."""


def printable(path: Union[str, bytes]) -> str:
    r"""A path as text that no terminal, log or JSON document changes: `\` as `\\`, bytes that cannot be shown as `\xNN`. Two paths never share a text."""
    text = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
    return _UNSAFE.sub(_escaped, text)


def real_path(text: str) -> bytes:
    """The path that `printable` wrote; ValueError when it wrote no such text."""
    written = text.encode("utf-8")
    path = _ESCAPE.sub(lambda found: found[1] or bytes([int(found[2], 16)]), written)
    if printable(path) != text:
        raise ValueError(f"{text!r} is not a path as a snapshot writes it: a backslash in it is written twice, a byte that cannot be shown as \\xNN")
    return path


def _escaped(found: re.Match[str]) -> str:
    if found[0] == "\\":
        return "\\\\"
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode("utf-8", "surrogateescape"))
