# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of one environment on the controller: `v<number>.json` and `v<number>.json.sig`. A version is written once."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError
from ansible_collections.evenkeel.release.plugins.plugin_utils._files import create

_NAME = re.compile(r"v([1-9][0-9]*)\.json")


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, number: int) -> Path:
        return self.folder / f"v{number}.json"

    def numbers(self) -> list[int]:
        found = [_NAME.fullmatch(path.name) for path in self.folder.glob("v*.json")]
        return sorted(int(match[1]) for match in found if match)

    def read(self, number: int) -> tuple[bytes, bytes]:
        """(document, signature); both have to be there."""
        path = self.path(number)
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise BaselineError(f"The baseline {path} cannot be read ({exc.strerror}). Next: restore it, or take a new one.") from exc
        try:
            return data, _signature(path).read_bytes()
        except OSError as exc:
            raise BaselineError(
                f"The baseline {path} is not signed: {_signature(path).name} cannot be read ({exc.strerror}). Next: restore it, or take a new one."
            ) from exc

    def write(self, number: int, data: bytes, signature: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path(number)
        if not (create(path, data) and create(_signature(path), signature)):
            raise BaselineError(f"The baseline {path} is there already: another run took it at this moment. Next: run this again.")


def _signature(path: Path) -> Path:
    return path.with_name(path.name + ".sig")
