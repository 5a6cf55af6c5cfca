# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.modules.data_sync import unexpected


def test_a_fault_of_the_module_itself_shows_no_value():
    try:
        int("a very secret value")
    except ValueError as exc:
        said = unexpected(exc)
    assert "secret" not in said
    assert said.startswith(
        "The synchronization stopped at a fault of its own, ValueError in test_a_fault_of_the_module_itself_shows_no_value (test_module.py, "
    )
