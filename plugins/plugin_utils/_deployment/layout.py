# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances of a service a host may have at once, each with a port and a server at the balancer of its own: a pure function of
what the service declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.strategy import replacement

COLOURS = ("blue", "green")
# Strategies that replace a release on its host, host by host, instead of switching all users at the balancer.
REPLACED = ("rolling", "recreate")
# The old release, started anew beside a canary.
BASELINE = "baseline"
Service = Mapping[str, Any]


def surges(service: Service) -> bool:
    """Whether a host that is replaced runs both releases for a while."""
    return replacement(service) == "rolling" and bool((service.get("rollout") or {}).get("surge"))


def compares_same_age(service: Service) -> bool:
    return replacement(service) == "canary" and (service.get("rollout") or {}).get(BASELINE) == "same_age"


def one_pool(service: Service) -> bool:
    """Whether the balancer has one pool for the service; else it has one for each colour."""
    return replacement(service) in REPLACED


def own_colour(service: Service, host: str, groups: Mapping[str, Sequence[str]]) -> str:
    """The only colour that the host may run, "" when it may run both."""
    declared = service.get("colours") or {}
    return next((colour for colour in COLOURS if host in groups.get(str(declared.get(colour)), ())), "")


def ports(service: Service, host: str = "", groups: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Names of the ports that the service needs on a host."""
    if one_pool(service):
        return list(COLOURS) if surges(service) else ["main"]
    colour = own_colour(service, host, groups or {})
    return [*([colour] if colour else COLOURS), *([BASELINE] if compares_same_age(service) else [])]


def server_name(host: str, colour: str) -> str:
    """What the balancer calls one of several instances on a host."""
    return f"{host}_{colour}"
