# SPDX-License-Identifier: GPL-3.0-or-later
"""What all vulnerability reports have in common, and the numbers that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import ITEMS, PASSED, SEVERITIES, Reading, short

_WORDS = {"moderate": "medium", "info": "negligible", "none": "negligible", "important": "high", "unimportant": "negligible", "": "unknown"}
_SCALE = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"), (0.0, "negligible"))
# Ecosystems of OSV as types of package URLs.
_TYPES = {
    "pypi": "pypi",
    "npm": "npm",
    "go": "golang",
    "crates.io": "cargo",
    "maven": "maven",
    "rubygems": "gem",
    "nuget": "nuget",
    "packagist": "composer",
    "debian": "deb",
    "ubuntu": "deb",
    "alpine": "apk",
    "hex": "hex",
    "pub": "pub",
}


@dataclass(frozen=True)
class Vulnerability:
    """`ids` are all its names, the first is the one to show. `hidden` says who decided that it does not count, and why."""

    ids: tuple[str, ...]
    package: str
    version: str
    purl: str
    severity: str
    fixed_in: str = ""
    hidden: str = ""


def severity(word: object) -> str:
    """The word of a tool on our scale; what is not on it is unknown, which policies count too."""
    plain = str(word or "").strip().lower()
    plain = _WORDS.get(plain, plain)
    return plain if plain in SEVERITIES else "unknown"


def of_score(score: float) -> str:
    """CVSS 3.1, section 5: the qualitative scale."""
    return next((name for least, name in _SCALE if score >= least), "unknown")


def of_vector(vector: str) -> float | None:
    """Base score of a CVSS vector of version 2, 3 or 4."""
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    known = CVSS4 if vector.startswith("CVSS:4") else CVSS3 if vector.startswith("CVSS:3") else CVSS2
    try:
        return float(known(vector[:400]).base_score)
    except (CVSSError, ArithmeticError, TypeError, ValueError, KeyError):
        return None


def purl_of(ecosystem: str, name: str, version: str) -> str:
    """A package URL, or nothing for an ecosystem that has no type of its own."""
    from packageurl import PackageURL

    kind = _TYPES.get(ecosystem.split(":")[0].lower(), "")
    if not kind or not name:
        return ""
    namespace, _slash, last = name.replace(":", "/").rpartition("/")
    if kind == "deb":
        namespace = ecosystem.split(":")[0].lower()
    try:
        return str(PackageURL(kind, namespace or None, last, version or None).to_string())
    except ValueError:
        return ""


def reading(
    found: Iterable[Vulnerability],
    *,
    tool: str,
    version: str = "",
    made_at: datetime | None = None,
    verdict: str = PASSED,
    reason: str = "",
    subjects: tuple[str, ...] = (),
    more: dict[str, Any] | None = None,
) -> Reading:
    once = tuple(dict.fromkeys(found))
    return Reading(
        "dependencies",
        verdict,
        {**numbers(once), **(more or {})},
        reason,
        tool,
        version,
        made_at,
        subjects,
        items=items(once),
        findings=once,
    )


def numbers(found: Sequence[Vulnerability]) -> dict[str, Any]:
    """Open ones by severity, how many of them have a fix, and how many do not count because somebody said so."""
    open_ones = [one for one in found if not one.hidden]
    counts = {name: sum(one.severity == name for one in open_ones) for name in SEVERITIES}
    fixable = [one for one in open_ones if one.fixed_in]
    return {
        **counts,
        "vulnerabilities": len(open_ones),
        "fixable": len(fixable),
        "fixable_critical": sum(one.severity == "critical" for one in fixable),
        "fixable_high": sum(one.severity == "high" for one in fixable),
        "suppressed": len(found) - len(open_ones),
    }


def items(found: Sequence[Vulnerability]) -> tuple[dict[str, Any], ...]:
    """The worst open ones first, then what does not count."""
    ordered = sorted(found, key=lambda one: (bool(one.hidden), SEVERITIES.index(one.severity), one.ids[0]))
    return tuple(
        {
            "id": short(one.ids[0]),
            "package": short(f"{one.package} {one.version}"),
            "severity": one.severity,
            "fixed_in": short(one.fixed_in),
            **({"suppressed": short(one.hidden)} if one.hidden else {}),
        }
        for one in ordered[:ITEMS]
    )
