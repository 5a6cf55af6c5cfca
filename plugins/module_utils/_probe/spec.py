# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user wrote to complete probes; every fault of every probe in one list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Optional
from urllib.parse import SplitResult, urlsplit

from ansible_collections.evenkeel.release.plugins.module_utils._probe.conditions import condition_fault, plain
from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import AGGREGATES
from ansible_collections.evenkeel.release.plugins.module_utils._probe.kinds import COMMON_OPTIONS, KINDS, Kind

DEFAULTS: Mapping[str, Any] = {"samples": 1, "warmup": 0, "interval": 0.0, "timeout": 5.0, "method": "GET", "addresses": "any"}
ADDRESSES = ("any", "each")
SCHEME_PORTS = {"http": 80, "https": 443}
AVAILABLE = {"metric": "error_rate", "op": "eq", "value": 0}
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def complete(probes: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """(complete probes, faults); a probe with a fault is not among the first."""
    done: list[dict[str, Any]] = []
    faults: list[str] = []
    names: set[str] = set()
    for index, given in enumerate(probes):
        spec = {key: value for key, value in given.items() if value is not None}
        label = f"probes[{index}] ({spec.get('name')})"
        own = _faults(spec)
        if spec.get("name") in names:
            own.append("its name is taken by an earlier probe; allowed are names that differ")
        names.add(str(spec.get("name")))
        if own:
            faults.extend(f"{label}: {fault}" for fault in own)
        else:
            done.append(_filled(spec))
    return done, faults


def target(spec: Mapping[str, Any]) -> str:
    """The probe's target as a report may show it: no user, no query, no arguments."""
    if spec["type"] == "command":
        return str(spec["command"][0])
    place = f"[{spec['host']}]:{spec['port']}" if ":" in spec["host"] else f"{spec['host']}:{spec['port']}"
    scheme = spec["type"] if spec["type"] in ("http", "https") else spec.get("scheme")
    if scheme:
        place = f"{scheme}://{place}{spec['path'].split('?')[0]}"
    return f"{place} {spec[KINDS[spec['type']].named]}" if KINDS[spec["type"]].named else place


def _faults(spec: Mapping[str, Any]) -> list[str]:
    kind = KINDS.get(str(spec.get("type")))
    if kind is None:
        return [f"type is {spec.get('type')!r}; allowed: {', '.join(KINDS)}"]
    faults = [
        f"{key} does not belong to a probe of type {spec['type']}; allowed: {', '.join(sorted(kind.options | COMMON_OPTIONS))}"
        for key in sorted(set(spec) - kind.options - COMMON_OPTIONS)
    ]
    faults += _number_faults(spec)
    faults += _place_faults(spec, kind)
    faults += kind.faults(spec)
    known = {*kind.metrics, *AGGREGATES}
    for section in ("expect", "conditions"):
        for number, condition in enumerate(spec.get(section) or []):
            fault = condition_fault(condition, known, per_sample=section == "expect", prefixes=kind.families)
            if fault:
                faults.append(f"{section}[{number}]: {fault}")
    return faults


def _number_faults(spec: Mapping[str, Any]) -> list[str]:
    limits = {"samples": 1, "warmup": 0, "interval": 0, "timeout": 0.001}
    return [f"{key} is {spec[key]}; allowed: {low} or more" for key, low in limits.items() if key in spec and spec[key] < low]


def _place_faults(spec: Mapping[str, Any], kind: Kind) -> list[str]:
    if spec["type"] == "command":
        return [] if spec.get("command") else ["command is missing; allowed: a list, the program first"]
    faults = []
    if spec.get("addresses", "any") not in ADDRESSES:
        faults.append(f"addresses is {spec['addresses']!r}; allowed: {', '.join(ADDRESSES)}")
    if "url" in spec:
        return faults + _url_faults(spec, kind.schemes or (spec["type"],))
    if not spec.get("host"):
        faults.append("host is missing" + ("; allowed: url, or host and port" if kind.schemes else ""))
    port = spec.get("port", kind.port)
    if port is None or not 1 <= port <= 65535:
        faults.append(f"port is {port}; allowed: 1 to 65535")
    path = str(spec.get("path", "/"))
    if not path.startswith("/") or _CONTROL.search(path):
        faults.append(f"path is {path.split('?', maxsplit=1)[0]!r}; allowed: text that begins with / and has neither blanks nor control characters")
    return faults


def _url_faults(spec: Mapping[str, Any], schemes: tuple[str, ...]) -> list[str]:
    if "host" in spec or "port" in spec or "path" in spec:
        return ["url stands beside host, port or path; allowed: one of the two forms"]
    url = _split(spec["url"])
    if url is None or url.scheme not in schemes or not url.hostname or _CONTROL.search(spec["url"]):
        return [f"url is not a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)} and names a host"]
    if url.username or url.password:
        return ["url carries a user or password; allowed: the header Authorization, which stays secret"]
    return []


def _split(text: str) -> Optional[SplitResult]:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 - raises when the port is no number
    except ValueError:
        return None
    return url


def _filled(spec: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS[spec["type"]]
    full = {**DEFAULTS, **kind.defaults, **spec}
    if "url" in spec:
        url = urlsplit(spec["url"])
        full["scheme"] = url.scheme
        full["host"] = url.hostname
        full["port"] = url.port or SCHEME_PORTS[url.scheme]
        full["path"] = (url.path or "/") + (f"?{url.query}" if url.query else "")
    full.setdefault("path", "/")
    conditions = [plain(condition) for condition in spec.get("conditions") or []]
    asked = {condition["metric"] for condition in conditions}
    if "expect" in spec:
        full["expect"] = [plain(condition) for condition in spec["expect"]]
    else:
        # A probe that names the status it wants (503, say) must not be held to the default as well.
        full["expect"] = [condition for condition in kind.expect if condition["metric"] not in asked]
    if not asked & {"error_rate", "success_ratio"}:
        conditions.insert(0, dict(AVAILABLE))
    full["conditions"] = conditions
    return {"port": kind.port, **full, **kind.fill(full)}
