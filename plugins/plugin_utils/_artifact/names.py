# SPDX-License-Identifier: GPL-3.0-or-later
"""What may become a part of a path: nothing else ever does."""

from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RULES = {
    "component": (re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}"), "letters, digits, _ and -, a letter first, at most 100"),
    "version": (re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}"), "letters, digits and . + _ -, a letter or digit first, at most 100"),
    "os": (re.compile(r"[a-z][a-z0-9]{0,30}"), "lower-case letters and digits, such as linux"),
    "arch": (re.compile(r"[a-z0-9][a-z0-9_]{0,30}"), "lower-case letters, digits and _, such as amd64"),
    "variant": (re.compile(r"[a-z0-9]{0,10}"), "lower-case letters and digits, such as v7"),
}


def check(**values: str) -> None:
    """Every fault at once."""
    faults = [f"{name} is {value!r}, allowed: {_RULES[name][1]}" for name, value in values.items() if not _RULES[name][0].fullmatch(value)]
    if faults:
        raise ArtifactError(f"The artifact was refused, nothing was fetched: {'; '.join(faults)}.")


def digest(text: str, what: str = "sha256") -> str:
    """Upper-case digits are the same digest; anything but 64 of them is none."""
    lower = text.strip().lower()
    if not _SHA256.fullmatch(lower):
        raise ArtifactError(f"The artifact was refused, nothing was fetched: {what} is {text!r}, allowed: 64 hexadecimal digits, as the manifest pins it.")
    return lower
