# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Literal, flatten

NAME = "json"
MATCH = ("*.json",)


def parse(text: str) -> dict[str, str]:
    try:
        tree = json.loads(text, object_pairs_hook=_mapping, parse_int=Literal, parse_float=Literal, parse_constant=Literal)
    except RecursionError as exc:
        raise Broken("it is nested too deep") from exc
    except ValueError as exc:
        raise Broken(f"it is not JSON (line {getattr(exc, 'lineno', '?')})") from exc
    return flatten(_words(tree))


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = {key: _words(value) for key, value in pairs}
    if len(mapping) < len(pairs):
        raise Broken("an object has the same key twice, and programs differ in which one counts")
    return mapping


def _words(value: Any) -> Any:
    if isinstance(value, list):
        return [_words(one) for one in value]
    return Literal(json.dumps(value)) if value is None or isinstance(value, bool) else value
