# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles as objects that only we can read: `ab/<sha256>.tar.gz`. Nothing prunes them but an operator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._files import create


class EvidenceError(Exception):
    """A bundle cannot be kept: which one, why, what to do."""


def path_of(store: Path, digest: str) -> Path:
    return store / digest[:2] / f"{digest}.tar.gz"


def keep(store: Path, data: bytes, digest: str) -> Path:
    """Writes it unless it is there; what is there and damaged gives way."""
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise EvidenceError(f"The bundle arrived with the digest {found}, the host said {digest}. Collect it again.")
    path = path_of(store, digest)
    try:
        for folder in (store, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not create(path, data) and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            path.unlink()
            create(path, data)
    except OSError as exc:
        raise EvidenceError(f"Writing {path} failed: {exc.strerror}. Free space there, or make {store} writable for this user.") from exc
    return path


def body(manifest: Mapping[str, Any], *, host: str, digest: str, size: int, deployment: str) -> dict[str, Any]:
    """For the ledger: what is kept, and what is not and why."""
    parts = list(manifest.get("parts") or ())
    lacking = {str(part["name"]): f"{part['state']}: {part.get('reason', '')}" for part in parts if "sha256" not in part}
    return {
        "deployment": deployment,
        "service": manifest.get("service", ""),
        "hosts": [host],
        "sha256": digest,
        "size": size,
        "taken_at": manifest.get("taken_at"),
        "reason": manifest.get("reason", ""),
        "parts": sorted(str(part["name"]) for part in parts if "sha256" in part),
        "lacking": lacking,
    }


def values(secrets: Any) -> list[str]:
    """All texts and numbers of a list or mapping of any depth."""
    if isinstance(secrets, Mapping):
        secrets = list(secrets.values())
    if isinstance(secrets, (list, tuple)):
        return list(dict.fromkeys(value for each in secrets for value in values(each)))
    if secrets is None or isinstance(secrets, bool):
        return []
    text = str(secrets)
    return [text] if text.strip() else []
