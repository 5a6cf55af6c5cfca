# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages the demo shop: one tarball per version, signed checksums and release manifests.

The same source gives the same bytes on every machine: entries are sorted, times and owners fixed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SOURCE = Path(__file__).resolve().parent / "shop"
# 2026-01-01T00:00:00Z; any fixed time will do.
MTIME = 1_767_225_600
PARTS = ("shop", "migrations")
CRITERIA = [
    "A probe fails after the switch.",
    "More than one request in a hundred fails while the new version bakes.",
]


@dataclass(frozen=True)
class Release:
    version: str
    kind: str
    summary: str
    changelog: list[str]
    change: str
    migration: str
    overlays: list[str] = field(default_factory=list)


RELEASES = [
    Release(
        "1.0.0",
        "major",
        "The first release of the shop.",
        ["Customers and orders, health checks and metrics."],
        "CHG0001",
        "expand",
    ),
    Release(
        "1.1.0",
        "minor",
        "Loyalty tiers with a discount.",
        ["Customers have a loyalty tier (migration 002, expands only).", "Silver saves 2 %, gold saves 5 %."],
        "CHG0002",
        "expand",
        ["1.1.0"],
    ),
    Release(
        "1.2.0",
        "minor",
        "A price cache. Broken on purpose: it fails one request in five, and only under load.",
        ["Prices come from a cache."],
        "CHG0003",
        "none",
        ["1.1.0", "1.2.0"],
    ),
    Release(
        "1.3.0",
        "minor",
        "A new checkout behind the flag new-checkout.",
        ["Customers with the flag new-checkout get the new checkout."],
        "CHG0004",
        "none",
        ["1.1.0", "1.3.0"],
    ),
    Release(
        "1.4.0",
        "minor",
        "Another checkout. Broken on purpose: it fails one request in two, and only for those who have the flag new-checkout.",
        ["Customers with the flag new-checkout get another checkout."],
        "CHG0005",
        "none",
        ["1.1.0", "1.4.0"],
    ),
]


def release_files(release: Release, source: Path) -> dict[str, bytes]:
    """Path in the tarball -> content: the base, then each overlay over it."""
    files: dict[str, bytes] = {}
    for root in [source, *(source / "versions" / name for name in release.overlays)]:
        for part in PARTS:
            files.update({path.relative_to(root).as_posix(): path.read_bytes() for path in (root / part).rglob("*") if path.suffix in (".py", ".sql")})
        files["VERSION"] = (root / "VERSION").read_bytes()
    if files["VERSION"].decode().strip() != release.version:
        raise SystemExit(f"package: VERSION says {files['VERSION'].decode().strip()}, expected {release.version}")
    return files


def tarball(files: dict[str, bytes]) -> bytes:
    folders = {parent.as_posix() for name in files for parent in Path(name).parents} - {"."}
    raw = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted([*files, *folders]):
            entry = tarfile.TarInfo(name)
            entry.mtime = MTIME
            entry.uname = entry.gname = "root"
            entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if name in folders else (tarfile.REGTYPE, 0o644)
            entry.size = len(files.get(name, b""))
            archive.addfile(entry, io.BytesIO(files.get(name, b"")))
    return raw.getvalue()


def manifest(release: Release, artifact: Path, content: bytes) -> str:
    document = {
        "version": release.version,
        "type": release.kind,
        "owner": "team-shop",
        "summary": release.summary,
        "changelog": release.changelog,
        "change": release.change,
        "components": {
            "shop": {
                "version": release.version,
                "artifact": str(artifact),
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }
        },
        "rollback": {"criteria": CRITERIA, "max_minutes": 10, "migration": release.migration},
    }
    head = "# SPDX-License-Identifier: GPL-3.0-or-later\n---\n"
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def write(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Writes by temp file and rename; True when the content is new."""
    if path.exists() and path.read_bytes() == content:
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
        stream.write(content)
    temporary.replace(path)
    return True


def signing_key(out: Path) -> Ed25519PrivateKey:
    path = out / "signing.key"
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write(path, pem, 0o600)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"package: {path} holds no Ed25519 key; remove it to have one made")
    return key


def package(out: Path, source: Path = SOURCE) -> list[str]:
    """Makes everything in out; gives back the names of the files that changed."""
    releases = out / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    changed, sums = [], []
    for release in RELEASES:
        content = tarball(release_files(release, source))
        artifact = out.resolve() / f"shop-{release.version}.tar.gz"
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {artifact.name}\n")
        document = releases / f"{release.version}.yml"
        for path, data in ((artifact, content), (document, manifest(release, artifact, content).encode())):
            changed += [path.name] if write(path, data) else []
    key = signing_key(out)
    listing = "".join(sums).encode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for name, data in (("SHA256SUMS", listing), ("SHA256SUMS.sig", key.sign(listing)), ("signing.pub", public)):
        changed += [name] if write(out / name, data) else []
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    out = parser.parse_args().out
    changed = package(out)
    print(f"{out}: {', '.join(changed) if changed else 'up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
