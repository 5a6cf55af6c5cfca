# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file names its licence: SPDX in its first lines, or in a `.license` file beside it when it can't hold comments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

MARK = "SPDX-License" + "-Identifier:"
HEAD = 1000
# the licence text itself, files that a tool writes, and formats without comments
WITHOUT = ("LICENSE", "CHANGELOG.md", "changelogs/changelog.yaml")
DATA = (".json", ".png", ".ico", ".gz")
BARE = ("VERSION", "py.typed", ".gitkeep")


def tracked(root: Path) -> list[Path]:
    argv = ["git", "ls-files", "-z", "-co", "--exclude-standard", "--deduplicate"]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=True)
    return [root / name for name in done.stdout.split("\0") if name]


def without_licence(root: Path, files: Iterable[Path]) -> list[str]:
    found = []
    for file in files:
        name = file.relative_to(root).as_posix()
        if name in WITHOUT or not file.is_file() or file.is_symlink() or file.stat().st_size == 0:
            continue
        beside = file.with_name(file.name + ".license")
        if name.startswith("tests/sanity/ignore-"):  # ansible-test allows no line without an entry there
            continue
        if file.suffix in DATA or file.name in BARE or beside.exists():
            continue
        if MARK not in file.read_text(encoding="utf-8", errors="replace")[:HEAD]:
            found.append(f"{name}: no SPDX line in its first {HEAD} characters")
    return found


if __name__ == "__main__":
    top = Path(__file__).resolve().parents[2]
    report = without_licence(top, tracked(top))
    print("\n".join(report) or "licence headers: ok")
    sys.exit(bool(report))
