# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One archive of texts with a manifest. The same parts at the same time give the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from typing import Any, Optional

FORMAT = 1
MANIFEST = "manifest.json"
_ODD = re.compile(r"[^A-Za-z0-9._@+-]+")


def member(*parts: str) -> str:
    """A name in the archive that is no way out of it: `logs/var/log/shop.log`."""
    words = [_ODD.sub("_", word) for part in parts for word in part.split("/")]
    return "/".join(word for word in words if word and word not in (".", ".."))


class Bundle:
    """`most` bounds the sum of all texts."""

    def __init__(self, *, most: int) -> None:
        self._left = most
        self._texts: dict[str, bytes] = {}
        self.parts: list[dict[str, Any]] = []

    def add(self, name: str, source: str, text: str, *, available: Optional[int] = None, cut: bool = False) -> None:
        """The end of a text that is too large stays: what happened last is what is asked for."""
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > self._left:
            if self._left < 1024:
                self.lack(name, source, state="skipped", reason="the bundle is full")
                return
            data, cut = data[-self._left :].partition(b"\n")[2], True
        self._left -= len(data)
        name = self._free(name)
        self._texts[name] = data
        row: dict[str, Any] = {"name": name, "source": source, "state": "cut" if cut else "taken", "size": len(data), "sha256": _digest(data)}
        self.parts.append(row if available is None else {**row, "available": available})

    def lack(self, name: str, source: str, *, state: str, reason: str) -> None:
        self.parts.append({"name": name, "source": source, "state": state, "reason": reason})

    def packed(self, about: dict[str, Any], *, time: float) -> tuple[bytes, dict[str, Any]]:
        """(the archive, its manifest)"""
        manifest = {"format": FORMAT, **about, "parts": self.parts}
        texts = {MANIFEST: (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode(), **self._texts}
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, data in texts.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode, info.mtime = len(data), 0o600, int(time)
                archive.addfile(info, io.BytesIO(data))
        return gzip.compress(out.getvalue(), compresslevel=6, mtime=0), manifest

    def _free(self, name: str) -> str:
        """Two paths may give one name."""
        number, found = 2, name
        while found in self._texts or found == MANIFEST:
            found = f"{name}.{number}"
            number += 1
        return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
