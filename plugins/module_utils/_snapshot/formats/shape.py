# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the formats share: `parse(text)` gives {key: text}, or raises Broken. No key's value is ever lost: a key that comes again is a line more."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import PEM_BEGIN, PEM_END

# More is data, not configuration. It also bounds what the aliases of a small YAML file can blow up to.
MOST_VALUES, DEEPEST = 20_000, 64
# Fields that tell the elements of a list apart, so that one more does not rename the others.
NAMES = ("name", "id", "key", "host", "path")
PEM = re.compile(f"{PEM_BEGIN.pattern}.*?(?:{PEM_END.pattern}|\\Z)", re.DOTALL)


class Broken(Exception):
    """Why a text cannot be parsed. Never quotes the text, which may hold secrets."""


class Literal(str):
    """Written as it stands: a number or a word of the format, unlike a text of the same letters."""


class Values(dict[str, str]):
    def add(self, key: str, value: str) -> None:
        if len(self) >= MOST_VALUES:
            raise Broken(f"it has more than {MOST_VALUES} values")
        self[key] = f"{self[key]}\n{value}" if key in self else value


def folded(text: str) -> str:
    """Private keys in one line each: where lines are all there is, the lines of a key would be names, which are shown."""
    return PEM.sub(lambda found: " ".join(found.group().split("\n")), text)


def joined(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


def flatten(value: Any) -> dict[str, str]:
    """Keys of a tree of mappings and lists. A list of plain values is one value; mappings in a list go by their names."""
    values = Values()
    if value != {}:
        _flatten(value, "", values, 0)
    return dict(values)


def _flatten(value: Any, prefix: str, values: Values, depth: int) -> None:
    if depth > DEEPEST:
        raise Broken(f"it is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict) and value:
        # What Kubernetes keeps in a Secret has any names.
        hidden = {"data", "stringData"} if value.get("kind") == "Secret" else set()
        for key, one in value.items():
            _flatten(one, joined(prefix, f"secret {key}" if key in hidden else key), values, depth + 1)
    elif isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        for label, one in zip(_labels(value), value):
            _flatten(one, f"{prefix}[{label}]", values, depth + 1)
    elif isinstance(value, list):
        values.add(prefix, f"[{', '.join(one if isinstance(one, Literal) else json.dumps(one, ensure_ascii=False) for one in value)}]")
    else:
        values.add(prefix, "{}" if value == {} else text_of(value))


def text_of(value: str) -> str:
    """A text that could be taken for something else is quoted: `"1"` is not `1`."""
    if isinstance(value, Literal):
        return str(value)
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return value
    return json.dumps(value, ensure_ascii=False)


def _labels(elements: list[Any]) -> list[str]:
    """The first of NAMES that an element has, else its number; one that comes again is `#2` and so on."""
    seen: Counter[str] = Counter()
    labels: list[str] = []
    for number, one in enumerate(elements):
        found = next((one[name] for name in NAMES if isinstance(one.get(name), str)), None) if isinstance(one, dict) else None
        label = str(number) if found is None else str(found)
        seen[label] += 1
        labels.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
    return labels
