# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a version lies in a range: semantic versions as npm reads them (semantic_version), Python's as PEP 440 does (packaging)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError

ECOSYSTEMS = ("npm", "pypi")


def contains(text: str, version: str, *, ecosystem: str = "npm") -> bool:
    """A pre-release lies in an npm range only when the range names a pre-release of the same version (npm's rule). Raises CompatibilityError."""
    if ecosystem == "pypi":
        return bool(_specifiers(text).contains(_pep440(version), prereleases=True))
    return bool(_npm(text).match(_semver(version)))


def covers(text: str, version: str) -> bool:
    """Whether what is said of the versions in the npm range is said of this one: a pre-release that no range names is taken for its release."""
    whole = _semver(version)
    return bool(_npm(text).match(whole)) or bool(whole.prerelease and _npm(text).match(whole.truncate("patch")))


def key(version: str, *, ecosystem: str = "npm") -> Any:
    """What versions of one ecosystem are ordered by."""
    return _pep440(version) if ecosystem == "pypi" else _semver(version).precedence_key


def check(version: str, *, ecosystem: str = "npm") -> None:
    """Raises when it is no version."""
    key(version, ecosystem=ecosystem)


def check_range(text: str, *, ecosystem: str = "npm") -> None:
    """Raises when it is no range."""
    if ecosystem == "pypi":
        _specifiers(text)
    else:
        _npm(text)


@lru_cache(maxsize=4096)
def _npm(text: str) -> Any:
    from semantic_version import NpmSpec

    try:
        return NpmSpec(" ".join(text.split()))
    except ValueError:
        raise CompatibilityError(f"{text!r} is no range of semantic versions; allowed is what npm takes, such as ^1.2.0 or >=1.2 <3.") from None


@lru_cache(maxsize=4096)
def _semver(version: str) -> Any:
    from semantic_version import Version

    try:
        return Version(version)
    except ValueError:
        raise CompatibilityError(f"{version!r} is no semantic version; allowed is one such as 1.2.3 or 1.2.3-rc.1.") from None


@lru_cache(maxsize=4096)
def _specifiers(text: str) -> Any:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet("" if text.strip() == "*" else text)
    except InvalidSpecifier:
        raise CompatibilityError(f"{text!r} is no version specifier of PEP 440; allowed is one such as >=1.21,<3 or ~=2.1.") from None


@lru_cache(maxsize=4096)
def _pep440(version: str) -> Any:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        raise CompatibilityError(f"{version!r} is no version of PEP 440; allowed is one such as 2.1.0 or 2.1.0rc1.") from None
