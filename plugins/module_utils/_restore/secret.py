# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are secrets as a whole, in the words of a snapshot: by fingerprint, without digest and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import patterns
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import SECRET_FILES
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown


def matcher(secret_files: Sequence[str]) -> Callable[[bytes], bool]:
    match = patterns.compiled([*SECRET_FILES, *secret_files])
    return lambda path: bool(match and match(path))


class Fingerprints:
    def __init__(self, secret_files: Sequence[str], key: bytes) -> None:
        self._secret = matcher(secret_files)
        self._host = Host(fingerprint_key=key)

    def __call__(self, path: bytes, item: dict[str, Any]) -> dict[str, Any]:
        if item.get("type") != "file" or not self._secret(path):
            return item
        shown = {name: value for name, value in item.items() if name not in ("sha256", "size")}
        try:
            return {**shown, **self._host.secret(str(item["sha256"]))}
        except Unknown as exc:
            return {**shown, "unknown": str(exc)}
