# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of an SBOM as two kinds of evidence: sbom (is everything identified) and licences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import licences
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import INCONCLUSIVE, ITEMS, PASSED, Reading, percent, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

EXPRESSIONS = 1000


@dataclass(frozen=True)
class Package:
    """`licence` is one SPDX expression, empty where nobody says, or says it in words that SPDX does not know."""

    name: str
    version: str
    purl: str
    licence: str


@dataclass(frozen=True)
class About:
    tool: str = ""
    version: str = ""
    made_at: datetime | None = None
    subjects: tuple[str, ...] = ()


def licence_of(expression: str, names: Sequence[str]) -> str:
    """One expression of what a package declares. Classifiers of Python say again, and less exactly, what an SPDX id says."""
    exact = [name for name in names if not name.startswith("License ::")]
    return licences.normal(expression) if expression else licences.together(exact or names)


def readings(doc: Document, packages: Sequence[Package], about: About) -> list[Reading]:
    once = list(dict.fromkeys(packages))
    identified = [one for one in once if one.purl and (one.version or "@" in one.purl)]
    counts = Counter(one.licence for one in once if one.licence)
    if len(counts) > EXPRESSIONS:
        doc.refuse("", found=f"{len(counts)} different licence expressions", allowed=f"at most {EXPRESSIONS}", next_step="split the SBOM")
    without = [one for one in once if not one.licence]
    verdict, reason = (PASSED, "") if once else (INCONCLUSIVE, "the SBOM lists no package")
    numbers = {"packages": len(once), "identified": len(identified), "identified_percent": percent(len(identified), len(once)) if once else 0.0}
    licensed = {
        "packages": len(once),
        "licensed": len(once) - len(without),
        "unlicensed": len(without),
        "expressions": [{"expression": text, "packages": number} for text, number in sorted(counts.items())],
        "unlicensed_packages": [short(f"{one.name} {one.version}") for one in without[:ITEMS]],
    }
    shared = {"tool": about.tool, "tool_version": about.version, "made_at": about.made_at, "subjects": about.subjects}
    return [Reading("sbom", verdict, numbers, reason, **shared), Reading("licences", verdict, licensed, reason, **shared)]  # type: ignore[arg-type]
