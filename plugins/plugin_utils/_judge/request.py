# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was written to what is judged: checked as a whole, all faults in one report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check, schema
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, Path
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import AVAILABILITY, Effect, JudgeError, Metric, Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds

NEEDED = {"events": "of", "of": "events", "probes": "probe", "haproxy": "backend"}
FORMS = ("points", "of", "query", "file", "probes", "haproxy")
SIDES = ("canary", "baseline")


def numbers(value: Any) -> Any:
    """Numbers that templating made text of, where the schema wants a number."""
    return _numbers(value, schema("judge"))


def _numbers(value: Any, rule: Mapping[str, Any]) -> Any:
    if "$ref" in rule:
        rule = schema("judge")["$defs"][rule["$ref"].rpartition("/")[2]]
    if isinstance(value, Mapping):
        extra = rule.get("additionalProperties")
        other = extra if isinstance(extra, Mapping) else {}
        return {key: _numbers(item, rule.get("properties", {}).get(key, other)) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item, rule.get("items", {})) for item in value]
    if isinstance(value, str) and rule.get("type") in ("number", "integer"):
        try:
            return int(value) if rule["type"] == "integer" else float(value)
        except ValueError:
            return value
    return value


def faults(document: Mapping[str, Any], today: date) -> list[Fault]:
    """`document` is plain; nothing was asked of a source yet."""
    source = Source("options")
    found = check("judge", document, today=today, source=source)
    return found or sorted(_faults(document, source))


def _faults(document: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    """What the schema can't say."""
    names = [metric["name"] for metric in document["metrics"]]
    for number, metric in enumerate(document["metrics"]):
        path: Path = ("metrics", number)
        if names.index(metric["name"]) != number:
            yield source.fault((*path, "name"), found=f"{metric['name']} again", allowed="each name once")
        yield from _metric_faults(metric, path, document, source)
    weights = document.get("weights", {})
    if sum(weights.values()) > 100:
        yield source.fault(("weights",), found=f"{sum(weights.values()):g} together", allowed="at most 100 together")
    yield from _look_faults(document, source)


def _metric_faults(metric: Mapping[str, Any], path: Path, document: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    for side in SIDES:
        if side in metric:
            yield from _source_faults(metric[side], (*path, side), document, source)
    for number, each in enumerate(metric.get("earlier", [])):
        yield from _source_faults(each, (*path, "earlier", number), document, source)
    if metric.get("objective") is not None and metric["kind"] != AVAILABILITY and not metric.get("burn"):
        allowed = "an objective for the kind availability, or with burn"
        yield source.fault((*path, "objective"), found=f"an objective of a {metric['kind']}", allowed=allowed, hint="use highest or lowest")
    if metric.get("burn") and ("objective" not in metric or metric["kind"] not in ("ratio", AVAILABILITY)):
        yield source.fault((*path, "burn"), found=f"burn of a {metric['kind']}", allowed="burn with an objective, of a ratio or availability")
    for key in ("highest", "lowest"):
        if metric["kind"] == "ratio" and key in metric and not 0 <= metric[key] < 1:
            yield source.fault((*path, key), found=f"{metric[key]:g}", allowed="a share from 0 to below 1", hint="write 0.05 for 5 %")
    if document.get("mode", "default") != "default" and "baseline" not in metric:
        yield source.fault((*path, "baseline"), found="nothing", allowed=f"a source: the mode {document['mode']} compares with it", hint="add baseline")


def _source_faults(each: Mapping[str, Any], path: Path, document: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    used = [form for form in FORMS if form in each]
    if len(used) != 1:
        yield source.fault(path, found=" and ".join(used) or "no source", allowed=f"exactly one of {', '.join(FORMS)}")
    for key, other in NEEDED.items():
        if key in each and other not in each:
            yield source.fault((*path, other), found="nothing", allowed=f"{other} together with {key}", hint=f"add {other}")
    if "query" in each and "prometheus" not in document:
        yield source.fault((*path, "query"), found="a query", allowed="a query together with the option prometheus", hint="add prometheus: {url: ...}")
    if "query" in each:
        wanted = [key for key in ("start", "end") if key not in each and document.get(key) is None]
        if wanted:
            yield source.fault(path, found=f"a query without {' and '.join(wanted)}", allowed="a window, here or for all queries")
    for key in ("start", "end"):
        try:
            seconds(each.get(key, 0), key)
        except JudgeError as exc:
            yield source.fault((*path, key), found=str(each[key]), allowed=str(exc).partition("needed are ")[2])


def _look_faults(document: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    fractions = document.get("fractions", [])
    if list(fractions) != sorted(set(fractions)):
        yield source.fault(("fractions",), found=str(fractions), allowed="each above the one before")
    look, looks = document.get("look", 1), document.get("looks", 1)
    if look > looks:
        yield source.fault(("look",), found=f"look {look} of {looks}", allowed=f"1 to {looks}")
    if document.get("marginal_score", 75) > document.get("pass_score", 95):
        yield source.fault(("marginal_score",), found=f"{document['marginal_score']:g}", allowed="at most pass_score")
    for key in ("start", "end"):
        try:
            seconds(document.get(key, 0), key)
        except JudgeError as exc:
            yield source.fault((key,), found=str(document[key]), allowed=str(exc).partition("needed are ")[2])


def settings(document: Mapping[str, Any]) -> Settings:
    look, looks = document.get("look", 1), document.get("looks", 1)
    fractions = tuple(document.get("fractions") or ((number + 1) / looks for number in range(look)))
    given = {key: document[key] for key in ("mode", "alpha", "power", "weights", "pass_score", "marginal_score") if key in document}
    return Settings(**given, fractions=fractions)


def metric(written: Mapping[str, Any]) -> Metric:
    known = {field.name for field in fields(Metric)} - {"effect", "groups"}
    given = {key: value for key, value in written.items() if key in known}
    return Metric(**given, groups=tuple(written.get("groups", ())), effect=Effect(**written.get("effect", {})))
