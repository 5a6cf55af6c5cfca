# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken, Literal, flatten

try:
    import tomllib
except ImportError:  # before Python 3.11
    HAS_TOML = False
else:
    HAS_TOML = True

NAME = "toml"
MATCH = ("*.toml",)


def parse(text: str) -> dict[str, str]:
    if not HAS_TOML:
        raise Broken("TOML is read with Python 3.11 or newer, this one is older")
    try:
        return flatten(_plain(tomllib.loads(text, parse_float=Literal)))
    except RecursionError as exc:
        raise Broken("it is nested too deep") from exc
    except ValueError as exc:
        raise Broken("it is not TOML") from exc


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bool):
        return Literal(str(value).lower())
    return value if isinstance(value, str) else Literal(str(value))
