# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact policy: trusted keys and, by component, what is asked of an artifact. A component that no rule names is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.kinds import KINDS
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadKeyError, Key
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import timestamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

PLACES = ("component", "version", "os", "arch")


@dataclass(frozen=True)
class Demand:
    """`keys` are the names that count."""

    keys: frozenset[str]
    at_least: int


@dataclass(frozen=True)
class Rule:
    name: str
    components: tuple[str, ...]
    sources: tuple[str, ...]
    file_name: str
    max_bytes: int | None
    demands: tuple[Demand, ...]
    unsigned: str


@dataclass(frozen=True)
class Policy:
    keys: Mapping[str, Key]
    refused: Mapping[str, str]
    rules: tuple[Rule, ...]


def load(document: Mapping[str, Any], *, now: datetime) -> Policy:
    """Of plain data; ArtifactError with all its faults."""
    source = Source("the artifact policy")
    faults = check("artifacts", document, today=now.date(), source=source)
    if not faults:
        faults = [source.fault(path, found=found, allowed=allowed) for path, found, allowed in _cross_faults(document)]
    if faults:
        raise ArtifactError("The artifact policy can't be used. " + render(faults, {"policies": 1}))
    written = document.get("keys", {})
    return Policy(
        keys={name: _key(name, entry) for name, entry in written.items()},
        refused={name: reason for name, entry in written.items() if (reason := _refused(entry, now))},
        rules=tuple(_rule(entry, written) for entry in document["rules"]),
    )


def rule_for(policy: Policy, component: str) -> Rule:
    for rule in policy.rules:
        if any(fnmatchcase(component, pattern) for pattern in rule.components):
            return rule
    raise ArtifactError(
        f"The artifact policy has no rule for the component {component!r}, so it is refused; its rules are {', '.join(rule.name for rule in policy.rules)}."
        " Name the component in a rule."
    )


def check_source(rule: Rule, shown: str) -> None:
    if rule.sources and not any(address.matches(shown, pattern) for pattern in rule.sources):
        raise ArtifactError(f"The artifact must not come from {shown}: the rule {rule.name} of the artifact policy allows {', '.join(rule.sources)}.")


def check_name(rule: Rule, name: str, *, component: str, version: str, platform: Platform) -> None:
    values = {"component": component, "version": version, "os": platform.os, "arch": platform.arch}
    if rule.file_name and not re.fullmatch(_filled(rule.file_name, values), name):
        raise ArtifactError(
            f"The artifact's file is named {name!r}, the rule {rule.name} of the artifact policy allows {rule.file_name!r}"
            f" for component {component}, version {version}, platform {platform}. Publish it under its right name."
        )


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    for place in PLACES:
        pattern = pattern.replace("{" + place + "}", re.escape(values[place]))
    return pattern


def _key(name: str, entry: Mapping[str, Any]) -> Key:
    return Key(name, entry["kind"], entry["key"], namespace=entry.get("namespace", ""), fingerprint=entry.get("fingerprint", ""))


def _refused(entry: Mapping[str, Any], now: datetime) -> str:
    """Why the key is not trusted today; empty when it is."""
    if entry.get("revoked"):
        return f"revoked: {entry['revoked']}"
    begin, end = (timestamp(entry.get(name, "")) for name in ("valid_from", "valid_until"))
    if begin and now < begin:
        return f"not trusted before {entry['valid_from']}"
    if end and now >= end:
        return f"not trusted since {entry['valid_until']}"
    return ""


def _rule(entry: Mapping[str, Any], keys: Mapping[str, Any]) -> Rule:
    return Rule(
        name=entry["name"],
        components=tuple(entry["components"]),
        sources=tuple(entry.get("sources", ())),
        file_name=entry.get("file_name", ""),
        max_bytes=entry.get("max_bytes"),
        demands=tuple(_demand(demand, keys) for demand in entry.get("signatures", ())),
        unsigned=entry.get("unsigned", ""),
    )


def _demand(entry: Mapping[str, Any], keys: Mapping[str, Any]) -> Demand:
    kinds = entry.get("kinds", KINDS)
    counting = frozenset(name for name in entry.get("keys", keys) if keys[name]["kind"] in kinds)
    return Demand(counting, entry.get("at_least", 1))


def _cross_faults(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    keys = document.get("keys", {})
    for name, entry in keys.items():
        yield from _key_faults(name, entry)
    yield from _twins(keys)
    for number, rule in enumerate(document["rules"]):
        try:
            re.compile(_filled(rule.get("file_name", ""), dict.fromkeys(PLACES, "")))
        except re.error as exc:
            yield ("rules", number, "file_name"), f"{rule['file_name']!r}: {exc}", "a regular expression"
        for place, demand in enumerate(rule.get("signatures", ())):
            where: tuple[str | int, ...] = ("rules", number, "signatures", place)
            unknown = [name for name in demand.get("keys", ()) if name not in keys]
            if unknown:
                yield (*where, "keys"), f"the unknown key {', '.join(unknown)}", ", ".join(keys) or "a key that keys names"
            elif (have := len(_demand(demand, keys).keys)) < demand.get("at_least", 1):
                yield where, f"{have} keys that count", f"at least {demand.get('at_least', 1)}, or nothing would ever be let in"


def _key_faults(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for option, kind in (("namespace", "ssh"), ("fingerprint", "gpg")):
        if option in entry and entry["kind"] != kind:
            yield ("keys", name, option), f"{option} of a key of kind {entry['kind']}", f"{option} of a key of kind {kind} alone"
    try:
        KINDS[entry["kind"]].check_key(_key(name, entry))
    except BadKeyError as exc:
        yield ("keys", name, "key"), "something else", str(exc)


def _twins(keys: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """One key under two names would count as two signers, and stay trusted under one when the other is revoked."""
    seen: dict[tuple[str, str], str] = {}
    for name, entry in keys.items():
        try:
            known = (entry["kind"], KINDS[entry["kind"]].key_id(_key(name, entry)))
        except BadKeyError:
            continue
        if (first := seen.setdefault(known, name)) != name:
            yield ("keys", name), f"the key of {first} again", "each key once"
