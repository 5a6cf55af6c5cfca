# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an event concerns a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Scope


@dataclass(frozen=True)
class Target:
    """What is about to be deployed where. No services means: all of them, whatever they are called."""

    environment: str
    tier: str = ""
    project: str = ""
    services: tuple[str, ...] = ()


def target(environment: Mapping[str, Any] | str, services: Sequence[str] = (), project: str = "") -> Target:
    """Of an environment document, or of a name where the tier is not known."""
    if isinstance(environment, str):
        return Target(environment, "", project, tuple(services))
    return Target(str(environment.get("name", "")), str(environment.get("tier", "")), project, tuple(services))


def parts(scope: Scope, of: Target, *, generous: bool) -> tuple[str, ...]:
    """The services of the target that the scope covers; all of them are ("",) when the target names none.

    generous: what can't be told (the project or the tier is not known, no service is named) counts as covered: right for what refuses,
    wrong for what permits.
    """
    around = ((scope.projects, of.project), (scope.environments, of.environment), (scope.tiers, of.tier))
    if not all(not globs or (generous and not value) or (value and _any(globs, value)) for globs, value in around):
        return ()
    if not of.services:
        return ("",) if generous or not scope.services or "*" in scope.services else ()
    return tuple(service for service in of.services if not scope.services or _any(scope.services, service))


def _any(globs: Sequence[str], value: str) -> bool:
    return any(fnmatchcase(value, glob) for glob in globs)
