# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: the scan of a tree of 100,200 files, the other collectors, a whole task, and a fleet of 1,000 hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _drift_facts, _drift_files, _drift_fleet

if TYPE_CHECKING:
    from ._runner import Bench


def run(bench: Bench) -> None:
    for part in (_drift_files, _drift_facts, _drift_fleet):
        part.rows(bench)
