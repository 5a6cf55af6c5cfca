# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this folder share: samples, entries and a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import document, read
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.document import Artifact
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import File, Reading

SAMPLES = Path(__file__).parent / "samples"
NOW = datetime(2027, 1, 15, 12, tzinfo=timezone.utc)
SHOP, WEB = "a" * 64, "b" * 64


def file(data: bytes | str, name: str = "report") -> File:
    raw = data.encode() if isinstance(data, str) else data
    return File(name, raw, hashlib.sha256(raw).hexdigest())


def sample(name: str) -> File:
    return file((SAMPLES / name).read_bytes(), name)


def one(name: str, kind: str = "") -> Reading:
    found = read.read(sample(name))
    return next(reading for reading in found if kind in ("", reading.kind))


def manifest(**components: Any) -> dict[str, Any]:
    return {"version": "1.0.0", "components": components or {"shop": {"version": "1.0.0", "artifact": "shop.tgz", "sha256": SHOP}}}


def entry(
    kind: str = "tests",
    *,
    sha256: str = SHOP,
    name: str = "unit",
    component: str = "shop",
    numbers: Mapping[str, Any] | None = None,
    verdict: str = "passed",
    age: timedelta = timedelta(hours=1),
    environment: str = "",
    number: int = 1,
    files: tuple[bytes, ...] = (b"x",),
) -> dict[str, Any]:
    """An entry as the ledger gives it, of evidence that is `age` old."""
    reading = Reading(
        kind, verdict, numbers if numbers is not None else {"tests": 3, "failed": 0, "errors": 0}, reason="" if verdict == "passed" else "so it is"
    )
    body = document.body(
        reading,
        name=name,
        artifact=Artifact(sha256, component, "1.0.0", component),
        files=[(file(data), "junit") for data in files],
        made_at=NOW - age,
    )
    return {"id": f"{number:08}", "kind": "evidence", "phase": "fact", "environment": environment, "release": "1.0.0", "subject": sha256, "body": body}
