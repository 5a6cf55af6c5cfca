# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of evidence: what a reader gives, whatever the format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PASSED, FAILED, ERRORED, INCONCLUSIVE = "passed", "failed", "errored", "inconclusive"
# A definite no first; then what could not be told, as the gate orders them.
WORST = (FAILED, ERRORED, INCONCLUSIVE, PASSED)
KINDS = (
    "tests",
    "coverage",
    "static_analysis",
    "dynamic_analysis",
    "infrastructure",
    "dependencies",
    "sbom",
    "licences",
    "contracts",
    "performance",
    "penetration_test",
    "uat",
)
SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")
SHA256 = re.compile(r"[0-9a-f]{64}")
ITEMS = 20  # of the worst findings an entry keeps so many, for people; the numbers count all
TEXT = 200


@dataclass(frozen=True)
class File:
    """Bytes as they were read; `name` is how the user called the file."""

    name: str
    data: bytes
    sha256: str


@dataclass(frozen=True)
class Reading:
    """What one file says of one kind of evidence.

    `verdict` is what the file says of itself, without any threshold: a scan that ended well and found something has passed.
    `made_at` is None where the format does not say; `subjects` are the sha256 of what the file says it is about.
    """

    kind: str
    verdict: str
    numbers: Mapping[str, Any]
    reason: str = ""
    tool: str = ""
    tool_version: str = ""
    made_at: datetime | None = None
    subjects: tuple[str, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Any, ...] = field(default=(), repr=False)  # vulnerabilities, for VEX; never recorded


def short(text: Any) -> str:
    """One line for people, without what would steer their terminal."""
    plain = "".join(one if one.isprintable() else "?" for one in " ".join(str(text)[: 10 * TEXT].split()))
    return plain if len(plain) <= TEXT else plain[: TEXT - 1] + "…"


def worst(verdicts: Any) -> str:
    found = set(verdicts)
    return next((verdict for verdict in WORST if verdict in found), INCONCLUSIVE)


def percent(part: float, of: float) -> float:
    """Rounded down, so that 79.999 is not 80."""
    return int(part * 10000 / of) / 100
