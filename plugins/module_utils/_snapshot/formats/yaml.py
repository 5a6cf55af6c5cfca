# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as it is written: nothing is constructed, so tags of programs (`!vault`, `!Ref`) do no harm and aliases cannot fill the memory."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import DEEPEST, MOST_VALUES, Broken, Literal, flatten

NAME = "yaml"
MATCH = ("*.yml", "*.yaml")
TEXT = "tag:yaml.org,2002:str"
CORE = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "binary", "value", "map", "seq"))
MERGE = "tag:yaml.org,2002:merge"
# PyYAML alone reads some 50 KiB a second.
SLOW_LIMIT = 128 * 1024


def parse(text: str) -> dict[str, str]:
    yaml = _library()
    fast = getattr(yaml, "CSafeLoader", None)
    if fast is None and len(text) > SLOW_LIMIT:
        raise Broken("it is too large for PyYAML without libyaml")
    loader = fast or yaml.SafeLoader
    try:
        _check_depth(text, yaml, loader)
        trees = [Reader(yaml, loader).tree(node) for node in yaml.compose_all(text, Loader=loader)]
    except RecursionError as exc:
        raise Broken("it is nested too deep") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        raise Broken(f"it is not YAML (line {mark.line + 1 if mark else '?'})") from exc
    except ValueError as exc:
        raise Broken("it is not YAML") from exc
    return flatten(trees[0] if len(trees) == 1 else {f"document[{number}]": tree for number, tree in enumerate(trees)})


def _library() -> Any:
    """Not before it is wanted: it takes long to import, and most snapshots read no YAML."""
    try:
        import yaml
    except ImportError as exc:
        raise Broken("YAML is read with PyYAML, which is not installed for this Python") from exc
    return yaml


def _check_depth(text: str, yaml: Any, loader: Any) -> None:
    """Before anything recursive sees it: libyaml's composer would use up the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Broken(f"it is nested deeper than {DEEPEST} levels")


class Reader:
    def __init__(self, yaml: Any, loader: Any) -> None:
        self._yaml = yaml
        self._resolve = loader("").resolve
        self._left = MOST_VALUES

    def tree(self, node: Any, depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise Broken(f"it has more than {MOST_VALUES} values or {DEEPEST} levels, with what its aliases stand for")
        if isinstance(node, self._yaml.ScalarNode):
            return self._scalar(node)
        mapping = isinstance(node, self._yaml.MappingNode)
        tree: Any = self._mapping(node, depth) if mapping else [self.tree(one, depth + 1) for one in node.value]
        return tree if node.tag in CORE else {node.tag: tree}

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == MERGE:
                for one in reversed(value.value if isinstance(value, self._yaml.SequenceNode) else [value]):
                    tree = self.tree(one, depth + 1)
                    merged.update(tree if isinstance(tree, dict) else {"<<": tree})
                continue
            if not isinstance(key, self._yaml.ScalarNode):
                raise Broken("a key is not a plain value")
            name = str(self._scalar(key))
            if name in own:
                raise Broken("a mapping has the same key twice, and programs differ in which one counts")
            own[name] = self.tree(value, depth + 1)
        return {**merged, **own}

    def _scalar(self, node: Any) -> str:
        text: str = node.value
        if node.tag == TEXT:
            # '"yes"' is a text and 'yes' is not.
            plain = self._resolve(self._yaml.ScalarNode, text, (True, False)) == TEXT
            return text if plain else Literal(json.dumps(text, ensure_ascii=False))
        return Literal(text) if node.tag in CORE else f"{node.tag} {text}"
