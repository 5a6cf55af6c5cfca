# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters in the text that a service shows to Prometheus, summed over the series that a selector names."""

from __future__ import annotations

import math
import re

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LINE = re.compile(rf"^({NAME})(?:\{{(.*)\}})?\s+(\S+)(?:\s+-?[0-9.]+)?(?:\s+#.*)?$")
LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
SELECTOR = re.compile(rf"^\s*({NAME})\s*(?:\{{(.*)\}})?\s*$", re.DOTALL)
MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def total(text: str, selector: str) -> float | None:
    """The sum of all series that the selector, as in PromQL, takes; None when there is none."""
    name, matchers = parse(selector)
    values = [_number(found.group(3)) for found in map(LINE.match, text.splitlines()) if found and found.group(1) == name and _takes(found, matchers)]
    counted = [value for value in values if not math.isnan(value)]
    return sum(counted) if counted else None


def parse(selector: str) -> tuple[str, list[tuple[str, str, str]]]:
    """(name, [(label, operator, value)]); anything but a plain selector is an error, functions most of all: these are texts, not a database."""
    found = SELECTOR.match(selector)
    inside = found.group(2) or "" if found else ""
    matchers = [(label, operator, _plain(value)) for label, operator, value in MATCHER.findall(inside)]
    if not found or MATCHER.sub("", inside).strip():
        raise DeploymentError(f'scrape: {selector!r} is no selector; allowed is name{{label="value", other=~"regex"}}, with =, !=, =~ and !~.')
    for _label, operator, value in matchers:
        if "~" in operator:
            _compiled(value, selector)
    return found.group(1), matchers


def _takes(found: re.Match[str], matchers: list[tuple[str, str, str]]) -> bool:
    labels = {label: _plain(value) for label, value in LABEL.findall(found.group(2) or "")}
    return all(_agrees(labels.get(label, ""), operator, value) for label, operator, value in matchers)


def _agrees(found: str, operator: str, wanted: str) -> bool:
    same = bool(re.fullmatch(wanted, found)) if "~" in operator else found == wanted
    return same != operator.startswith("!")


def _compiled(pattern: str, selector: str) -> None:
    try:
        re.compile(pattern)
    except re.error as exc:
        raise DeploymentError(f"scrape: {selector!r} has a regular expression that can't be read: {exc}.") from exc


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found.group(1), found.group(0)), value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
