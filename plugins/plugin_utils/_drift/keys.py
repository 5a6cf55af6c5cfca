# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the fingerprints that stand for secrets: one master key, in a file or in a transit engine, and one derived key per purpose."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._files import create

CONTEXT = "evenkeel.release fingerprint key: "
TERM = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
SHORTEST = 32


class KeyFault(Exception):
    """What is wrong with a key, without the key."""


def context_of(term: str) -> bytes:
    if TERM.fullmatch(term) is None:
        raise KeyFault(f"{term!r} does not name a key. Write <purpose>/<environment>, such as drift/staging, with letters, digits and _.- in both.")
    return (CONTEXT + term).encode()


def from_file(path: Path, term: str, *, make: bool) -> str:
    """Derived from the text of a file, which is made when it is missing; without `make` a key for this once is given instead."""
    context = context_of(term)
    master = _read(path)
    if master is None:
        master = _made(path) if make else secrets.token_urlsafe(48)
    return hmac.new(master.encode(), context, hashlib.sha256).hexdigest()


def _read(path: Path) -> str | None:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), encoding="ascii") as stream:
            found = os.fstat(stream.fileno())
            text = stream.read().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise KeyFault(f"The key file {path} cannot be read ({getattr(exc, 'strerror', None) or 'it is not text'}).") from exc
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
        raise KeyFault(f"The key file {path} has mode {stat.S_IMODE(found.st_mode):04o}, so others may know the key; allowed is 0600. Run: chmod 600 {path}")
    if len(text) < SHORTEST:
        raise KeyFault(
            f"The key file {path} holds {len(text)} characters; the least allowed is {SHORTEST}. Restore it, or remove it and take new baselines: "
            "fingerprints under another key cannot be compared."
        )
    return text


def _made(path: Path) -> str:
    """Of two runs that make it at once one wins, and both get the winner's: a link is made whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if create(path, (secrets.token_urlsafe(48) + "\n").encode("ascii"), prefix=f".{path.name}."):
            _sync(path.parent)
    except OSError as exc:
        raise KeyFault(f"The key file {path} cannot be made ({exc.strerror}). Make its folder writable, or name another file with key_file.") from exc
    master = _read(path)
    if master is None:
        raise KeyFault(f"The key file {path} was removed while it was made.")
    return master


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
