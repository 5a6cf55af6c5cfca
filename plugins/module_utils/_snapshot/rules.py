# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every folder of one scan."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.pace import Pace
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.patterns import Globs

# A file may change twice within one tick of its clock: what was touched this recently is read again next time (git's racily clean rule).
RACY_NS = 2_000_000_000
# Keys, and lines without names: as a whole they are one secret, like all that `secret_files` names.
WHOLE_SECRETS = (
    *("shadow", "shadow-", "gshadow", "gshadow-", "*.key", "*_key", "*.keytab", "*.p12", "*.pfx", "*.jks", "*.kdbx", "/etc/ssl/private/**"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"),
    *(".pgpass", ".netrc", "*htpasswd", ".git-credentials", ".vault_pass*", "userlist.txt", "sasl_passwd*", "*-secrets", "*.secrets"),
)
# Files whose plain SHA-256 would let others try out passwords; of the last ones `config` can tell the keys.
SECRET_FILES = (*WHOLE_SECRETS, ".env", "*.env", ".my.cnf")
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Rules(NamedTuple):
    limits: Limits
    started_ns: int
    root: bytes = b""  # before every path; for tests and images
    left_out: Optional[Globs] = None
    secret: Optional[Globs] = None
    by_keys: frozenset[bytes] = frozenset()  # compared elsewhere, key by key
    by_names: frozenset[str] = frozenset()  # their names alone
    mounts: Mapping[bytes, frozenset[bytes]] = {}  # folder: names in it that are mount points
    pace: Optional[Pace] = None

    def real(self, path: bytes) -> bytes:
        return self.root + path or b"/"

    def excluded(self, path: bytes, folder: bool) -> bool:
        return self.left_out is not None and self.left_out(path + b"/" if folder else path)


def child(folder: bytes, name: bytes) -> bytes:
    return folder + name if folder == b"/" else folder + b"/" + name


def parent(path: bytes) -> tuple[bytes, bytes]:
    """Folder and name; `/` is `.` in no folder."""
    if path == b"/":
        return b"", b"."
    folder, _slash, name = path.rpartition(b"/")
    return folder or b"/", name


def mount_points(root: bytes, source: str = "/proc/self/mountinfo") -> dict[bytes, frozenset[bytes]]:
    """Without the list only mounts of other devices are told from folders."""
    try:
        with open(source, "rb") as stream:
            places = [_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), line.split()[4]) for line in stream]
    except (OSError, IndexError):
        return {}
    found: dict[bytes, set[bytes]] = {}
    for place in _below(places, root):
        folder, name = parent(place)
        found.setdefault(folder, set()).add(name)
    return {folder: frozenset(names) for folder, names in found.items()}


def _below(places: Iterable[bytes], root: bytes) -> Iterable[bytes]:
    real = os.path.realpath(root) if root else b""
    return [place[len(real) :] or b"/" for place in places if place == real or place.startswith(real + b"/")] if real else places
