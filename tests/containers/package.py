# SPDX-License-Identifier: GPL-3.0-or-later
"""package.py OUT: the releases of the demo shop, and two that fail in ways that a lab can see.

1.2.0 fails one business request in five whatever the load is; the demo's own waits for more users than two cores can play.
1.9.0 starts everywhere, but is never ready in zone c.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "demo"))

import package

PICKY = """
import socket

if socket.gethostname() in {hosts}:
    REQUIRED_SCHEMA = 99
"""
# zone c, in both inventories of the lab
HOSTS = ("app5", "app6")


def main(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "shop"
        shutil.copytree(package.SOURCE, source)
        broken = source / "versions/1.2.0/shop/features.py"
        broken.write_text(broken.read_text().replace("BUSY = 15", "BUSY = 0"))
        picky = source / "versions/1.9.0"
        shutil.copytree(source / "versions/1.1.0", picky)
        (picky / "VERSION").write_text("1.9.0\n")
        with open(picky / "shop/features.py", "a", encoding="utf-8") as stream:
            stream.write(PICKY.format(hosts=HOSTS))
        (before,) = (release for release in package.RELEASES if release.version == "1.1.0")
        package.RELEASES.append(replace(before, version="1.9.0", summary="Never ready in zone c.", migration="none", overlays=["1.1.0", "1.9.0"]))
        package.package(out, source)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
