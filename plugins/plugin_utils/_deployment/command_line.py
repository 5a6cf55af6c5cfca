# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders of a service's commands: `{config}`, `{port}`, ... are filled, everything else stays as written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Strings, lists and mappings with their placeholders filled; an unknown placeholder is an error."""
    if isinstance(template, str):
        return PLACEHOLDER.sub(lambda match: _value(match.group(1), template, values), template)
    if isinstance(template, Mapping):
        return {str(key): fill(value, values) for key, value in template.items()}
    if isinstance(template, Sequence):
        return [fill(item, values) for item in template]
    return template


def _value(name: str, template: str, values: Mapping[str, Any]) -> str:
    if name not in values:
        raise DeploymentError(f"{template!r} has the placeholder {{{name}}}; allowed are {', '.join(f'{{{key}}}' for key in sorted(values))}.")
    return str(values[name])
