# SPDX-License-Identifier: GPL-3.0-or-later
"""strangers.py FOLDER: releases of a site and of Django's stock project, whose files lie in FOLDER/mysite.tar.gz.

0.9.0 has the site alone, without the page that its probe asks for.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import yaml


def pack(path: Path, files: dict[str, bytes]) -> dict:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return {"version": path.name.split("-")[1].removesuffix(".tar.gz"), "artifact": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def main(folder: Path) -> None:
    with tarfile.open(folder / "mysite.tar.gz") as archive:
        project = {member.name: reader.read() for member in archive if (reader := archive.extractfile(member))}
    (folder / "artifacts/releases").mkdir(parents=True, exist_ok=True)
    for version in ("0.9.0", "1.0.0", "1.1.0"):
        page = {} if version == "0.9.0" else {"index.html": f"<h1>My app {version}</h1>\n".encode()}
        components = {"site": pack(folder / f"artifacts/site-{version}.tar.gz", {"REVISION": version.encode(), **page})}
        if page:
            components["mysite"] = pack(folder / f"artifacts/mysite-{version}.tar.gz", {**project, "REVISION": version.encode()})
        manifest = {
            "version": version,
            "type": "minor",
            "owner": "team-shop",
            "summary": "What others wrote.",
            "changelog": ["Nothing of ours."],
            "components": components,
            "rollback": {"criteria": ["A probe fails."], "max_minutes": 10, "migration": "none"},
        }
        (folder / f"artifacts/releases/{version}.yml").write_text(yaml.safe_dump(manifest, sort_keys=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
