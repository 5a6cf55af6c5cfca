# SPDX-License-Identifier: GPL-3.0-or-later
"""Security baselines as data, read and checked; all faults of a document in one report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.operators import EXISTENCE, OPERATORS

SEVERITIES = ("low", "medium", "high", "critical")
MISSING = ("pass", "fail", "unknown")
REQUIRED = ("id", "title", "severity", "item", "operator", "on_missing", "rationale", "remedy")
OPTIONAL = ("applies", "attribute", "value", "except", "where", "config", "passes", "fails")
PACKAGE = "ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.baselines"


class BaselineFault(Exception):
    """The document cannot be used; the text lists every fault."""


@dataclass(frozen=True)
class Rule:
    id: str
    title: str
    severity: str
    items: tuple[str, ...]
    operator: str
    on_missing: str
    rationale: str
    remedy: str
    applies: str = ""  # without it and without anything named there is nothing to hold
    attribute: str = ""
    value: Any = None
    but: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    passes: Sequence[Mapping[str, Any]] = ()
    fails: Sequence[Mapping[str, Any]] = ()

    @property
    def kinds(self) -> set[str]:
        return {item.partition(":")[0] for item in (*self.items, *([self.applies] if self.applies else []))}


@dataclass(frozen=True)
class Baseline:
    name: str
    title: str
    rules: tuple[Rule, ...]


def load(name: str) -> Baseline:
    """One that comes along, by its name, or a file by its path."""
    if "/" in name:
        return parse(Path(name).expanduser().read_text(encoding="utf-8"), name)
    if name not in shipped():
        raise BaselineFault(f"There is no security baseline {name!r}: there are {', '.join(shipped())}, or the path of a file.")
    return parse(_text(name), name)


def shipped() -> list[str]:
    files = [one.name for one in _folder().iterdir()]
    return sorted(name.removesuffix(".yml") for name in files if name.endswith(".yml") and name != "common.yml")


def parse(text: str, name: str) -> Baseline:
    document = _read(text)
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        raise BaselineFault(f"The security baseline {name} is no document with a list of rules.")
    raw = [*(_read(_text("common"))["rules"] if document.get("extends") == "common" else []), *document["rules"]]
    replaced: dict[str, Any] = {str(rule.get("id")): rule for rule in raw if isinstance(rule, Mapping)}
    left_out = set(document.get("without") or ())
    faults = [*_unknown_keys(document, name), *(fault for rule in raw for fault in _faults(rule)), *_strangers(left_out, replaced)]
    if len(replaced) != len(raw) and not document.get("extends"):
        faults.append("two rules share an id")
    if faults:
        raise BaselineFault(f"The security baseline {name} cannot be used: {'; '.join(faults)}.")
    rules = tuple(_rule(rule) for key, rule in replaced.items() if key not in left_out)
    return Baseline(str(document.get("name", name)), str(document.get("title", name)), rules)


def _rule(raw: Mapping[str, Any]) -> Rule:
    given = {key: value for key, value in raw.items() if key not in ("item", "except")}
    return Rule(**given, items=_list(raw["item"]), but=_list(raw.get("except", ())))


def _faults(raw: Any) -> Iterator[str]:
    if not isinstance(raw, Mapping):
        yield f"{raw!r} is no rule"
        return
    where = f"rule {raw.get('id', '?')}"
    missing = [key for key in REQUIRED if not raw.get(key)]
    if missing:
        yield f"{where} lacks {', '.join(missing)}"
        return
    unknown = sorted(set(raw) - {*REQUIRED, *OPTIONAL})
    if unknown:
        yield f"{where} has {', '.join(unknown)}, which no rule has"
    operator = raw["operator"]
    if operator not in (*OPERATORS, *EXISTENCE):
        yield f"{where} has the operator {operator!r}, allowed: {', '.join([*OPERATORS, *EXISTENCE])}"
    elif operator in OPERATORS and ("attribute" not in raw or "value" not in raw):
        yield f"{where} compares and lacks attribute or value"
    for key, allowed in (("severity", SEVERITIES), ("on_missing", MISSING)):
        if raw[key] not in allowed:
            yield f"{where} has {key} {raw[key]!r}, allowed: {', '.join(allowed)}"
    for item in _list(raw["item"]):
        kind = item.partition(":")[0]
        if kind not in registry.KIND_OF:
            yield f"{where} names {item}, and no collector makes items of kind {kind}"
        elif kind == "config" and not isinstance(raw.get("config"), Mapping):
            yield f"{where} names {item} and lacks config, the file to read"


def _unknown_keys(document: Mapping[str, Any], name: str) -> Iterator[str]:
    unknown = sorted(set(document) - {"name", "title", "extends", "without", "rules"})
    if unknown:
        yield f"{name} has {', '.join(map(str, unknown))}, which no baseline has"


def _strangers(names: set[str], known: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(names - set(known)):
        yield f"without names {name}, and there is no such rule"


def _list(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _read(text: str) -> Any:
    # The parser in C does in 20 ms what the other one does in 300; both are safe ones.
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def _text(name: str) -> str:
    return str(_folder().joinpath(f"{name}.yml").read_text(encoding="utf-8"))


def _folder() -> Any:
    return resources.files(PACKAGE.rpartition(".")[0]).joinpath("baselines")
