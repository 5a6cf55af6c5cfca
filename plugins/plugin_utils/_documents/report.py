# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults as text, grouped by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault


def render(faults: Sequence[Fault], checked: Mapping[str, int]) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in checked.items())
    if not faults:
        return f"The documents are valid: {counts}."
    files = len({fault.file for fault in faults})
    head = f"{_count(len(faults), 'fault')} in {_count(files, 'place')} (checked: {counts}). Nothing was changed."
    lines = [head]
    for file, group in groupby(sorted(faults), key=lambda fault: fault.file):
        lines += ["", file]
        lines += [_line(fault) for fault in group]
    return "\n".join(lines)


def _line(fault: Fault) -> str:
    where = f"{fault.file}:{fault.line}" if fault.line else fault.file
    hint = f"\n      hint: {fault.hint}" if fault.hint else ""
    return f"  {where}  {fault.path}\n      found: {fault.found}\n      allowed: {fault.allowed}{hint}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
