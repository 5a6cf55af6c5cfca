# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the variants of an artifact a host needs. Names are those of OCI and Go: linux/amd64, linux/arm/v7."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import names
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

# What `uname -m` calls them.
ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "amd64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "arm64": ("arm64", ""),
    "armv8l": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
}
M = TypeVar("M", bound=Mapping[str, Any])


class Platform(NamedTuple):
    os: str = ""
    arch: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part) or "any"


def of_facts(*, system: str, machine: str) -> Platform:
    arch, variant = ARCHITECTURES.get(machine.lower(), (machine.lower(), ""))
    return Platform(system.lower(), arch, variant)


def of_mapping(given: Mapping[str, Any]) -> Platform:
    """`arch` may be what the kernel calls it; an absent or empty part, or `any`, fits every host."""
    os, arch, variant = (_part(given, part) for part in Platform._fields)
    arch, implied = ARCHITECTURES.get(arch, (arch, ""))
    found = Platform(os, arch, variant or implied)
    names.check(**{name: value for name, value in found._asdict().items() if value})
    return found


def choose(variants: Iterable[M], platform: Platform) -> M:
    """The one that fits best: a named os and architecture before one for any."""
    known = [(of_mapping(variant), variant) for variant in variants]
    ranked = sorted(((_rank(offered), variant) for offered, variant in known if _fits(offered, platform)), key=lambda pair: -pair[0])
    offered = ", ".join(sorted(str(each) for each, _variant in known)) or "none"
    if not ranked:
        raise ArtifactError(f"No variant of the artifact fits {platform}; there are: {offered}. Publish one for it, or take the host out of this deployment.")
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        raise ArtifactError(f"More than one variant of the artifact fits {platform} equally well; there are: {offered}. Name os and arch of each once.")
    return ranked[0][1]


def _part(given: Mapping[str, Any], name: str) -> str:
    text = str(given.get(name) or "").lower()
    return "" if text == "any" else text


def _fits(offered: Platform, wanted: Platform) -> bool:
    return all(mine in ("", theirs) for mine, theirs in zip(offered, wanted, strict=True))


def _rank(offered: Platform) -> int:
    return sum(bool(part) for part in offered)
