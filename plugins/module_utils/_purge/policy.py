# SPDX-License-Identifier: GPL-3.0-or-later
"""A retention policy: which rows of which tables are too old, and every reason not to believe it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Optional

KEYS = ("name", "production", "classes", "environments", "rules")
RULE_KEYS = ("table", "column", "older_than", "class", "unit", "where", "reason")
OPERATORS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "like": "like"}
UNITS = ("seconds", "milliseconds")
DURATION = re.compile(r"([1-9]\d{0,5})([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
TTL = "ttl"  # the age is what the environment lives


class PurgeError(Exception):
    """One clear report; never holds a row's value."""


class Test(NamedTuple):
    column: str
    op: str  # one of OPERATORS, in, null, not_null
    value: Any = None


class Rule(NamedTuple):
    table: str
    column: str
    age: str
    data_class: str
    unit: str
    tests: tuple[Test, ...]
    reason: str

    def before(self, now: datetime) -> datetime:
        """Rows from before this moment are too old."""
        return now - timedelta(seconds=seconds(self.age) or 0)


class Policy(NamedTuple):
    name: str
    production: bool
    rules: list[Rule]


def seconds(text: Any) -> Optional[int]:
    found = DURATION.fullmatch(text) if isinstance(text, str) else None
    return int(found.group(1)) * SECONDS[found.group(2)] if found else None


def read(document: Mapping[str, Any], *, environment: str = "", ttl: str = "") -> Policy:
    """The policy as it is for this environment, or one error with all faults."""
    faults = [f"{key}: unknown key" for key in document if key not in KEYS]
    if not isinstance(document.get("name"), str) or not document["name"]:
        faults.append("name: a text is needed")
    if not isinstance(document.get("production", False), bool):
        faults.append("production: true or false")
    ages, age_faults = _ages(document, environment)
    rules: list[Rule] = []
    given = document.get("rules")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        faults.append("rules: a list with at least one rule is needed")
        given = []
    for place, entry in enumerate(given):
        rule, found = _rule(entry, ages, ttl)
        faults += [f"rules[{place}]{fault}" for fault in found]
        if rule is not None:
            rules.append(rule)
    if faults or age_faults:
        raise PurgeError("\n".join(["Nothing was read or removed: the retention policy isn't right.", *[f"- {one}" for one in [*age_faults, *faults]]]))
    return Policy(document["name"], bool(document.get("production", False)), rules)


def _ages(document: Mapping[str, Any], environment: str) -> tuple[dict[str, str], list[str]]:
    """{class: age}; what an environment says of its own comes last."""
    faults: list[str] = []
    found: dict[str, str] = {}
    environments = document.get("environments") or {}
    if not isinstance(environments, Mapping):
        return {}, ["environments: a mapping of environment to {class: age}"]
    for where, ages in (("classes", document.get("classes") or {}), *((f"environments.{name}", ages) for name, ages in environments.items())):
        if not isinstance(ages, Mapping):
            faults.append(f"{where}: a mapping of class to age is needed")
            continue
        faults += [f"{where}.{name}: found {age!r}, allowed is an age like 30d or 'ttl'" for name, age in ages.items() if age != TTL and seconds(age) is None]
        if where in ("classes", f"environments.{environment}"):
            found.update({str(name): str(age) for name, age in ages.items()})
    return found, faults


def _rule(entry: Any, ages: Mapping[str, str], ttl: str) -> tuple[Optional[Rule], list[str]]:
    if not isinstance(entry, Mapping):
        return None, [": a mapping is needed"]
    faults = [f".{key}: unknown key" for key in entry if key not in RULE_KEYS]
    faults += [f".{key}: a text is needed" for key in ("table", "column", "reason") if not isinstance(entry.get(key), str) or not entry[key].strip()]
    data_class = str(entry.get("class", ""))
    age = entry.get("older_than", ages.get(data_class))
    if age is None:
        faults.append(f".older_than: an age like 90d is needed, as no age is given for the class {data_class!r}")
    elif age == TTL and not ttl:
        faults.append(".older_than: is 'ttl', but the environment has none")
    elif age != TTL and seconds(age) is None:
        faults.append(f".older_than: found {age!r}, allowed is an age like 30s, 15m, 8h, 90d, 2w, or 'ttl'")
    elif age == TTL and seconds(ttl) is None:
        faults.append(f".older_than: the environment's ttl is {ttl!r}, allowed is an age like 7d")
    if entry.get("unit", "") not in ("", *UNITS):
        faults.append(f".unit: found {entry['unit']!r}, allowed are {', '.join(UNITS)}")
    tests, found = _tests(entry.get("where") or [])
    if faults or found:
        return None, [*faults, *found]
    return Rule(entry["table"], entry["column"], ttl if age == TTL else str(age), data_class, entry.get("unit", ""), tests, entry["reason"]), []


def _tests(given: Any) -> tuple[tuple[Test, ...], list[str]]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        return (), [".where: a list of {column, op, value}"]
    tests, faults = [], []
    for place, entry in enumerate(given):
        here = f".where[{place}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("column"), str) or set(entry) - {"column", "op", "value"}:
            faults.append(f"{here}: a mapping of column, op and value is needed")
            continue
        op, value = entry.get("op", "="), entry.get("value")
        plain = isinstance(value, (str, int, float))
        listed = isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(isinstance(one, (str, int, float)) for one in value)
        if op not in (*OPERATORS, "in", "null", "not_null"):
            faults.append(f"{here}.op: found {op!r}, allowed are {', '.join([*OPERATORS, 'in', 'null', 'not_null'])}")
        elif (op == "in" and not listed) or (op in OPERATORS and not plain):
            faults.append(f"{here}.value: {'a list' if op == 'in' else 'a text or a number'} is needed")
        else:
            tests.append(Test(entry["column"], op, value))
    return tuple(tests), faults
