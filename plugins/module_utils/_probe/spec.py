# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user wrote to complete probes; every fault of every probe in one list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Optional
from urllib.parse import SplitResult, urlsplit

from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import AGGREGATES, OPERATORS, PER_SAMPLE_PREFIXES
from ansible_collections.evenkeel.release.plugins.module_utils._probe.kinds import COMMON_OPTIONS, KINDS

DEFAULTS: Mapping[str, Any] = {
    "samples": 1,
    "warmup": 0,
    "interval": 0.0,
    "timeout": 5.0,
    "method": "GET",
    "sslmode": "prefer",
    "user": "postgres",
}
DEFAULT_PORTS = {"http": 80, "https": 443, "tls": 443, "postgresql": 5432}
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
    if spec["type"] in ("http", "https"):
        return f"{spec['type']}://{place}{spec['path'].split('?')[0]}"
    return place


def _faults(spec: Mapping[str, Any]) -> list[str]:
    kind = KINDS.get(str(spec.get("type")))
    if kind is None:
        return [f"type is {spec.get('type')!r}; allowed: {', '.join(KINDS)}"]
    faults = [
        f"{key} does not belong to a probe of type {spec['type']}; allowed: {', '.join(sorted(kind.options | COMMON_OPTIONS))}"
        for key in sorted(set(spec) - kind.options - COMMON_OPTIONS)
    ]
    faults += _number_faults(spec)
    faults += _place_faults(spec)
    known = {*kind.metrics, *AGGREGATES}
    for section in ("expect", "conditions"):
        for number, condition in enumerate(spec.get(section) or []):
            fault = _condition_fault(condition, known, per_sample=section == "expect")
            if fault:
                faults.append(f"{section}[{number}]: {fault}")
    return faults


def _number_faults(spec: Mapping[str, Any]) -> list[str]:
    limits = {"samples": 1, "warmup": 0, "interval": 0, "timeout": 0.001}
    return [f"{key} is {spec[key]}; allowed: {low} or more" for key, low in limits.items() if key in spec and spec[key] < low]


def _place_faults(spec: Mapping[str, Any]) -> list[str]:
    if spec["type"] == "command":
        return [] if spec.get("command") else ["command is missing; allowed: a list, the program first"]
    if "url" in spec:
        return _url_faults(spec)
    faults = [] if spec.get("host") else ["host is missing" + ("; allowed: url, or host and port" if spec["type"].startswith("http") else "")]
    port = spec.get("port", DEFAULT_PORTS.get(spec["type"]))
    if port is None or not 1 <= port <= 65535:
        faults.append(f"port is {port}; allowed: 1 to 65535")
    path = str(spec.get("path", "/"))
    if not path.startswith("/") or _CONTROL.search(path):
        faults.append(f"path is {path.split('?', maxsplit=1)[0]!r}; allowed: text that begins with / and has neither blanks nor control characters")
    return faults


def _url_faults(spec: Mapping[str, Any]) -> list[str]:
    if "host" in spec or "port" in spec or "path" in spec:
        return ["url stands beside host, port or path; allowed: one of the two forms"]
    url = _split(spec["url"])
    if url is None or url.scheme != spec["type"] or not url.hostname or _CONTROL.search(spec["url"]):
        return [f"url is not a URL that begins with {spec['type']}:// and names a host"]
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


def _condition_fault(condition: Mapping[str, Any], known: set[str], *, per_sample: bool) -> Optional[str]:
    metric = str(condition.get("metric"))
    if metric not in known and not (metric.startswith(PER_SAMPLE_PREFIXES) and metric.split(".", maxsplit=1)[0] in _parents(known)):
        return f"metric is {metric!r}; allowed: {', '.join(sorted(known))}, json.<path>"
    if per_sample and metric in AGGREGATES:
        return f"metric {metric} is taken over all samples; allowed in conditions, not in expect"
    if condition.get("op") not in OPERATORS:
        return f"op is {condition.get('op')!r}; allowed: {', '.join(OPERATORS)}"
    if condition["op"] == "matches":
        try:
            re.compile(str(condition.get("value")))
        except re.error as exc:
            return f"value is not a regular expression ({exc})"
    return None


def _parents(known: set[str]) -> set[str]:
    return {"json"} if known & {"body", "stdout"} else set()


def _filled(spec: Mapping[str, Any]) -> dict[str, Any]:
    full = {**DEFAULTS, **spec}
    if "url" in spec:
        url = urlsplit(spec["url"])
        full["host"] = url.hostname
        full["port"] = url.port or DEFAULT_PORTS[spec["type"]]
        full["path"] = (url.path or "/") + (f"?{url.query}" if url.query else "")
    full.setdefault("port", DEFAULT_PORTS.get(spec["type"]))
    full.setdefault("path", "/")
    full.setdefault("database", full["user"])
    conditions = [_plain(condition) for condition in spec.get("conditions") or []]
    asked = {condition["metric"] for condition in conditions}
    if "expect" in spec:
        full["expect"] = [_plain(condition) for condition in spec["expect"]]
    else:
        # A probe that names the status it wants (503, say) must not be held to the default as well.
        full["expect"] = [condition for condition in KINDS[spec["type"]].expect if condition["metric"] not in asked]
    if not asked & {"error_rate", "success_ratio"}:
        conditions.insert(0, dict(AVAILABLE))
    full["conditions"] = conditions
    return full


def _plain(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"metric": condition["metric"], "op": OPERATORS[condition["op"]], "value": condition.get("value")}
