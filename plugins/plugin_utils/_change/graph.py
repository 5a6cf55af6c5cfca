# SPDX-License-Identifier: GPL-3.0-or-later
"""Who depends on whom, from `depends_on` and `uses` of the services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Services = Mapping[str, Mapping[str, Any]]


def children(services: Services) -> dict[str, set[str]]:
    """{service: those that it needs}; one that the document lacks is left out."""
    return {name: {other for other in _needs(one) if other in services} - {name} for name, one in services.items()}


def parents(services: Services) -> dict[str, set[str]]:
    """{service: those that need it}."""
    found: dict[str, set[str]] = {name: set() for name in services}
    for name, needed in children(services).items():
        for other in needed:
            found[other].add(name)
    return found


def related(services: Services, name: str) -> set[str]:
    """Its parents and children, one step away."""
    return children(services).get(name, set()) | parents(services).get(name, set())


def cut_off(services: Services, name: str) -> set[str]:
    """Every service that is without something it needs, itself or through others, while `name` is down."""
    needed_by, found, left = parents(services), set(), [name]
    while left:
        for each in needed_by.get(left.pop(), ()):
            if each not in found and each != name:
                found.add(each)
                left.append(each)
    return found


def _needs(service: Mapping[str, Any]) -> tuple[str, ...]:
    return (*service.get("depends_on", ()), *service.get("uses", {}).values())
