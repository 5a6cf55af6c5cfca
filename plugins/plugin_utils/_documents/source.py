# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a file a value stands, and the faults that a parsed value no longer shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, Path, dotted


@dataclass(frozen=True)
class Source:
    """A file and the node of the document in it. `prefix` names the document where a file holds several."""

    file: str
    node: yaml.Node | None = None
    prefix: str = ""

    def line(self, path: Path) -> int:
        """Line of the key path, or of the nearest part of it that is written down."""
        if self.node is None:
            return 0
        node, line = self.node, self.node.start_mark.line + 1
        for part in path:
            step = _step(node, part)
            if step is None:
                break
            node, line = step
        return line

    def fault(self, path: Path, *, found: str, allowed: str, hint: str = "") -> Fault:
        full: Path = (self.prefix, *path) if self.prefix else path
        return Fault(self.file, self.line(path), dotted(full) or "(document)", found, allowed, hint)


def parse(text: str, file: str) -> tuple[Any, Source, list[Fault]]:
    """(value of plain data, its source, faults); the value is None when the text is not one YAML document."""
    try:
        node = _composed(text)
        source = Source(file, node)
        faults = list(structure_faults(source))
        if any("itself" in fault.found for fault in faults):
            return None, source, faults
        return plain(_built(node)), source, faults
    except (yaml.YAMLError, ValueError) as exc:  # ValueError: a date such as 2027-02-30
        mark = getattr(exc, "problem_mark", None)
        problem = getattr(exc, "problem", None) or (str(exc) if isinstance(exc, ValueError) else type(exc).__name__)
        line = mark.line + 1 if mark else 0
        return (
            None,
            Source(file),
            [Fault(file, line, "(document)", str(problem), "one YAML document", "repair the syntax of the file")],
        )


def _composed(text: str) -> yaml.Node | None:
    """By libyaml where it is, which takes a tenth of the time; what that refuses is told by the reader in Python, in the same words on every machine."""
    with suppress(yaml.YAMLError, ValueError):
        return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _built(node: yaml.Node | None) -> Any:
    """What yaml.safe_load gives, without reading the text again."""
    return None if node is None else yaml.constructor.SafeConstructor().construct_document(node)


def structure_faults(source: Source) -> Iterator[Fault]:
    """Keys that are written twice, where YAML silently takes the last, and anchors that contain themselves."""
    if source.node is not None:
        yield from _walk(source, source.node, (), (), set())


def plain(value: Any) -> Any:
    """Plain JSON data: dates as text, no types of the templating engine, keys as text."""
    if isinstance(value, dict):
        return {str.__str__(key) if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item, item.start_mark.line + 1
    return None


def _walk(source: Source, node: yaml.Node, path: Path, above: tuple[int, ...], seen: set[int]) -> Iterator[Fault]:
    if id(node) in above:
        yield source.fault(path, found="an anchor that contains itself", allowed="plain data")
        return
    if id(node) in seen:
        return
    seen.add(id(node))
    inside = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(source, item, (*path, index), inside, seen)
    if isinstance(node, yaml.MappingNode):
        yield from _repeated(source, node, path)
        for key, value in node.value:
            yield from _walk(source, value, (*path, str(key.value)), inside, seen)


def _repeated(source: Source, node: yaml.MappingNode, path: Path) -> Iterator[Fault]:
    first: dict[tuple[str, str], int] = {}
    for key, _value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            continue
        line = key.start_mark.line + 1
        earlier = first.setdefault((key.tag, key.value), line)
        if earlier != line or key.start_mark.column != _column(node, key.value):
            yield source.fault(
                (*path, key.value),
                found=f"the key twice, in lines {earlier} and {line}",
                allowed="each key once",
                hint="remove one of them",
            )


def _column(node: yaml.MappingNode, name: str) -> int:
    """Column of the first key of that name: two keys of a flow mapping share a line."""
    return int(next(key.start_mark.column for key, _value in node.value if key.value == name))
