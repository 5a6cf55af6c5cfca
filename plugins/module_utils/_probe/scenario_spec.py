# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario may say, step by step: its faults, and its complete form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.evenkeel.release.plugins.module_utils._probe.conditions import condition_fault, plain
from ansible_collections.evenkeel.release.plugins.module_utils._probe.jmespath import JmespathError, compiled
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Spec
from ansible_collections.evenkeel.release.plugins.module_utils._probe.variables import PLACEHOLDER, names_in

STEP_OPTIONS = ("name", "method", "path", "url", "headers", "body", "form", "redirects", "expect", "extract", "attempts", "interval", "timeout")
METRICS = frozenset({"status", "body", "bytes", "connect_ms", "tls_ms", "ttfb_ms", "total_ms"})
FAMILIES = ("header.", "cookie.")
SOURCES = ("jmespath", "json", "header", "cookie", "regex")
EXTRACT_OPTIONS = (*SOURCES, "secret", "default")
DEFAULTS: Mapping[str, Any] = {"path": "/", "redirects": 0, "attempts": 1, "interval": 0.5, "headers": {}, "extract": {}}
EXPECT = [{"metric": "status", "op": "lt", "value": 400}]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LOW = {"redirects": 0, "attempts": 1, "interval": 0, "timeout": 0.001}


def faults(spec: Spec) -> list[str]:
    found = []
    if not spec.get("steps"):
        found.append("steps is missing; allowed: a list of requests, one or more")
    if spec.get("cleanup_timeout", 1) <= 0:
        found.append(f"cleanup_timeout is {spec['cleanup_timeout']}; allowed: more than 0")
    for section in ("variables", "secrets"):
        found += [f"{section} has the name {name!r}; allowed: letters, digits and _" for name in spec.get(section) or {} if not _NAME.match(str(name))]
    known = {*(spec.get("variables") or {}), *(spec.get("secrets") or {})}
    taken: set[str] = set()
    for section in ("steps", "cleanup"):
        for number, given in enumerate(spec.get(section) or []):
            step = _without_none(given)
            name = step.get("name") or f"{section}[{number}]"
            own = _step_faults(step, known)
            if name in taken:
                own.append("its name is taken by an earlier step; allowed are names that differ")
            taken.add(name)
            known |= set(step.get("extract") or {})
            found += [f"{section}[{number}] ({name}): {fault}" for fault in own]
    unset = sorted(names_in(list((spec.get("headers") or {}).values())) - known)
    return found + [f"headers: $({name}) is set by no step; known: {', '.join(sorted(known)) or 'none'}" for name in unset]


def _step_faults(step: Mapping[str, Any], known: set[str]) -> list[str]:
    found = [f"{key} is not known; allowed: {', '.join(STEP_OPTIONS)}" for key in sorted(set(step) - set(STEP_OPTIONS))]
    found += [f"{key} is {step[key]}; allowed: {low} or more" for key, low in _LOW.items() if key in step and step[key] < low]
    if "body" in step and "form" in step:
        found.append("body stands beside form; allowed: one of the two")
    found += _place_faults(step)
    metrics = set(METRICS)
    for number, condition in enumerate(step.get("expect") or []):
        fault = condition_fault(condition, metrics, per_sample=True, prefixes=FAMILIES)
        found += [f"expect[{number}]: {fault}"] if fault else []
    own = set(step.get("extract") or {})
    for name, how in (step.get("extract") or {}).items():
        found += [f"extract.{name}: {fault}" for fault in _extract_faults(str(name), how)]
    sent = {key: value for key, value in step.items() if key not in ("name", "extract", "expect")}
    unset = sorted((names_in(sent) - known) | (names_in([one.get("value") for one in step.get("expect") or []]) - known - own))
    found += [f"$({name}) is set by nothing before it; known: {', '.join(sorted(known)) or 'none'}" for name in unset]
    return found


def _place_faults(step: Mapping[str, Any]) -> list[str]:
    if "url" in step:
        if "path" in step:
            return ["url stands beside path; allowed: one of the two"]
        url = step["url"]
        if PLACEHOLDER.fullmatch(url):
            return []
        fault = url_fault(url)
        return [f"url is {fault}"] if fault else []
    path = str(step.get("path", "/"))
    if PLACEHOLDER.fullmatch(path) or (path.startswith("/") and not re.search(r"[\x00-\x20\x7f]", path)):
        return []
    return ["path begins with no / or has blanks; allowed: text that begins with /, or one variable"]


def url_fault(text: str) -> str:
    try:
        url = urlsplit(text)
        fine = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or re.search(r"[\x00-\x20\x7f]", text):
        return "not a URL that begins with http:// or https:// and names a host"
    return "a URL with a user or password; allowed: the header Authorization" if url.username or url.password else ""


def _extract_faults(name: str, how: Any) -> list[str]:
    if not _NAME.match(name):
        return ["its name is not allowed; allowed: letters, digits and _"]
    if not isinstance(how, Mapping):
        return [f"is {type(how).__name__}; allowed: a mapping with one of {', '.join(SOURCES)}"]
    found = [f"{key} is not known; allowed: {', '.join(EXTRACT_OPTIONS)}" for key in sorted(set(how) - set(EXTRACT_OPTIONS))]
    sources = [source for source in SOURCES if how.get(source) is not None]
    if len(sources) != 1:
        found.append(f"has {', '.join(sources) or 'no source'}; allowed: one of {', '.join(SOURCES)}")
    if "jmespath" in sources:
        try:
            compiled(str(how["jmespath"]))
        except JmespathError as exc:
            found.append(f"{how['jmespath']!r} is no JMESPath expression: {exc}")
    if "json" in sources and not (how["json"] == "" or str(how["json"]).startswith("/")):
        found.append(f"json is {how['json']!r}; allowed: a JSON pointer such as /items/0/id")
    if "regex" in sources:
        try:
            re.compile(str(how["regex"]))
        except re.error as exc:
            found.append(f"regex is no regular expression ({exc})")
    return found


def fill(spec: Spec) -> dict[str, Any]:
    sections = {section: [_filled(step, f"{section}[{number}]") for number, step in enumerate(spec.get(section) or [])] for section in ("steps", "cleanup")}
    scheme = spec.get("scheme") or ("https" if spec.get("port") == 443 else "http")
    return {**sections, "scheme": scheme, "base": str(spec["path"]).split("?", maxsplit=1)[0].rstrip("/")}


def _filled(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    step = {**DEFAULTS, "name": name, **_without_none(given)}
    step.setdefault("method", "POST" if "body" in step or "form" in step else "GET")
    asked = [plain(condition) for condition in step.get("expect") or []]
    # A step that says nothing of the status must not take an error page for an answer.
    if not any(condition["metric"] == "status" for condition in asked):
        asked = [*EXPECT, *asked]
    step["expect"] = [{**one, "metric": one["metric"].lower()} if one["metric"].startswith("header.") else one for one in asked]
    return step


def _without_none(step: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in step.items() if value is not None}
