# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts made of a few files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host

KEY = b"a key of thirty-two bytes or so."


def make(root: Path, files: dict[str, Any], *, tools: dict[str, str] | None = None, key: bytes = KEY) -> Host:
    """`files`: {path: text, bytes, ("link", target) or None for a folder}; `tools`: {first words of a command: what it says}."""
    for path, content in files.items():
        place = root / path.lstrip("/")
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, tuple):
            place.symlink_to(content[1])
        else:
            place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(argv: list[str], timeout: float) -> tuple[int, str]:
        for words, said in (tools or {}).items():
            if " ".join(argv).startswith(words):
                return 0, said
        raise FileNotFoundError(argv[0])

    return Host(str(root), key, run)
