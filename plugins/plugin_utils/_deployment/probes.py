# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes as a service declares them, aimed at one of its endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill

SCHEMES = ("http", "https")


def at(probes: Sequence[Mapping[str, Any]], endpoint: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`path` becomes a URL; host and port default to the endpoint's; {address} and {port} are filled."""
    return [_aim(fill(probe, endpoint), endpoint) for probe in probes]


def _aim(probe: dict[str, Any], endpoint: Mapping[str, Any]) -> dict[str, Any]:
    if probe.get("type") in SCHEMES:
        path = probe.pop("path", "/")
        probe.setdefault("url", f"{probe['type']}://{endpoint['address']}:{endpoint['port']}{path}")
    elif probe.get("type") != "command" and "url" not in probe:
        probe.setdefault("host", endpoint["address"])
        probe.setdefault("port", endpoint["port"])
    return probe
