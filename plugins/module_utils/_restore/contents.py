# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents of files as they travel, and what must not: a file that holds a secret stays where it is."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore import paths
from ansible_collections.evenkeel.release.plugins.module_utils._restore.look import READ
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Refused
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import secrets
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path

# Programs name the first line of a key; one that holds a key has its lines too.
KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----\r?\n(?:[A-Za-z0-9+/=:, .()-]+\r?\n|\r?\n)+")
MOST_LINES = 20_000


class Answer(NamedTuple):
    contents: dict[str, str]
    refused: dict[str, str]
    later: list[str]  # the answer is full: ask again for these


def gather(files: Mapping[str, str], *, largest: int, total: int, secret: Callable[[bytes], bool]) -> Answer:
    """`files`: {path as a snapshot writes it: its SHA-256 there}."""
    answer, size = Answer({}, {}, []), 0
    for path, digest in sorted(files.items()):
        if size >= total:
            answer.later.append(path)
            continue
        if digest in answer.contents:
            continue
        try:
            data = read(real_path(path), digest, largest=largest, secret=secret)
        except Refused as exc:
            answer.refused[path] = exc.reason
        except (OSError, ValueError) as exc:
            answer.refused[path] = f"it cannot be read ({(getattr(exc, 'strerror', None) or type(exc).__name__).lower()})"
        else:
            answer.contents[digest] = pack(data)
            size += len(answer.contents[digest])
    return answer


def texts(files: Mapping[str, str], *, largest: int, secret: Callable[[bytes], bool]) -> dict[str, str]:
    """Per path its text with the secrets hidden, for a diff. Without what is no text, is too large, is a secret as a whole, or is another one by now."""
    shown = {}
    for path, digest in sorted(files.items()):
        try:
            text = redacted(unchecked(real_path(path), digest, largest=largest, secret=secret))
        except (Refused, OSError, ValueError):
            continue
        if text is not None:
            shown[path] = text
    return shown


def redacted(data: bytes) -> Optional[str]:
    """None when it is no text, or too long to be searched."""
    try:
        lines = data.decode("utf-8").splitlines(True)
    except UnicodeDecodeError:
        return None
    if b"\0" in data or len(lines) > MOST_LINES:
        return None
    bare = [line.splitlines()[0] for line in lines]
    return "".join(kept + line[len(own) :] for line, own, kept in zip(lines, bare, secrets.redact_lines(bare)))


def read(path: bytes, digest: str, *, largest: int, secret: Callable[[bytes], bool]) -> bytes:
    data = unchecked(path, digest, largest=largest, secret=secret)
    why = holds_secret(data)
    if why:
        raise Refused(why, "Restore it from where the secret comes.")
    return data


def unchecked(path: bytes, digest: str, *, largest: int, secret: Callable[[bytes], bool]) -> bytes:
    """Nothing for others as it is: a line of it may be a secret."""
    if secret(path):
        raise Refused("it is one of secret_files", "Restore it from where the secret comes.")
    folder, name = paths.split(path)
    with paths.opened(folder) as here, open(os.open(name, READ, dir_fd=here), "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise Refused("it is no regular file", "Nothing to keep.")
        if found.st_size > largest:
            raise Refused(f"it has {found.st_size} bytes, more than the {largest} that are kept", "Raise max_file_size.")
        data = stream.read(largest + 1)
    if hashlib.sha256(data).hexdigest() != digest:
        raise Refused("it changed since the baseline was taken", "Take the baseline again.")
    return data


def holds_secret(data: bytes) -> str:
    """Why the content is not to leave the host; empty when it may. Text that cannot be judged is not let through."""
    if KEY.search(data):
        return "it holds a private key"
    if b"\0" in data[:8192]:
        return ""
    lines = data.decode("utf-8", "replace").splitlines()
    if len(lines) > MOST_LINES:
        return f"it is a text of more than {MOST_LINES} lines, too long to be searched for secrets"
    shown = secrets.redact_lines(lines)
    number = next((at for at, (line, kept) in enumerate(zip(lines, shown), 1) if line != kept), 0)
    return f"line {number} looks like a secret" if number else ""


def pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")


def unpack(digest: str, text: str) -> Optional[bytes]:
    """None when it is not what its digest says."""
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except (ValueError, zlib.error):
        return None
    return data if hashlib.sha256(data).hexdigest() == digest else None


def shown(item: Optional[Mapping[str, Any]], data: Optional[bytes], *, most: int) -> str:
    """For a diff: attributes, then the text with its secrets hidden; of anything else its digest is in the attributes."""
    if item is None:
        return ""
    lines = [f"{name}: {'[REDACTED]' if name == 'fingerprint' else value}" for name, value in sorted(item.items())]
    if data is not None and not item.get("secret") and b"\0" not in data[:8192] and not KEY.search(data):
        text = data[:most].decode("utf-8", "replace").splitlines()
        lines += ["", *secrets.redact_lines(text)] + ([f"[{len(data) - most} more bytes]"] if len(data) > most else [])
    return "\n".join(lines) + "\n"
