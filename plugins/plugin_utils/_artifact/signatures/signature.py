# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of signatures share."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass


class BadKeyError(ValueError):
    """The policy holds something that is no key of that kind."""


class BadSignatureError(ValueError):
    """The text is no signature of that kind, or not one of this key over this content."""


@dataclass(frozen=True)
class Key:
    """A trusted key of the policy. `text` is what the kind reads, `options` what it may ask of the policy besides."""

    name: str
    kind: str
    text: str
    namespace: str = ""
    fingerprint: str = ""


def unbase64(text: str | bytes, *, length: int | None = None) -> bytes:
    """ValueError for anything but base64, and for another length than the given one."""
    raw = text.encode() if isinstance(text, str) else text
    try:
        found = base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error as exc:
        raise ValueError("not base64") from exc
    if length is not None and len(found) != length:
        raise ValueError(f"{len(found)} bytes instead of {length}")
    return found
