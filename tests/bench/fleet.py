# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment costs the controller: five hundred hosts of which a batch fails, and twenty hosts over ssh against plain tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _fleet_local, _fleet_ssh

if TYPE_CHECKING:
    from ._runner import Bench


def run(bench: Bench) -> None:
    _fleet_local.rows(bench)
    _fleet_ssh.rows(bench)
