# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.expression import decide, evaluate
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import open_window, semver_compare

ORDERED = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.9",
    "1.0.10",
]


def test_semver_precedence_is_that_of_the_specification() -> None:
    for left, first in enumerate(ORDERED):
        for right, second in enumerate(ORDERED):
            assert semver_compare(first, second) == (left > right) - (left < right), (first, second)
    assert semver_compare("1.0.0+a", "1.0.0+b") == 0


@pytest.mark.parametrize(
    ("window", "moment", "is_open"),
    [
        ({"days": ["fri"], "from": "22:00", "to": "02:00", "timezone": "UTC"}, "2026-11-21T01:59:00", True),
        ({"days": ["fri"], "from": "22:00", "to": "02:00", "timezone": "UTC"}, "2026-11-21T02:00:00", False),
        ({"days": ["fri"], "from": "22:00", "to": "02:00", "timezone": "UTC"}, "2026-11-20T01:00:00", False),
        ({"days": ["sat"], "from": "09:00", "to": "10:00", "timezone": "Europe/Berlin"}, "2026-11-21T08:30:00", True),
        ({"days": ["sat"], "from": "09:00", "to": "10:00", "timezone": "Europe/Berlin"}, "2026-11-21T09:30:00", False),
        ({"days": ["sat"], "from": "00:00", "to": "00:00", "timezone": "UTC"}, "2026-11-21T23:59:59", True),
        # Summer time began at 01:00 UTC that day: nine o'clock in Berlin is seven in UTC.
        ({"days": ["sun"], "from": "09:00", "to": "10:00", "timezone": "Europe/Berlin"}, "2026-03-29T07:30:00", True),
    ],
)
def test_windows(window: dict[str, Any], moment: str, is_open: bool) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=timezone.utc)
    assert (open_window([{"name": "w", **window}], now) == "w") == is_open


def test_functions_in_expressions() -> None:
    evidence = {"now": "2026-11-21T10:00:00Z", "then": "2026-11-21T09:59:00+00:00", "have": ["a", "b"], "windows": [], "freezes": []}
    assert evaluate("age_seconds(then)", evidence) == 60
    assert decide("contains_all(have, ['a'])", evidence)
    assert not decide("contains_all(have, ['a', 'c'])", evidence)
    assert decide("semver_compare('1.10.0', '1.9.0') == `1`", evidence)
    assert not decide("within_window(windows, now)", evidence)
    assert not decide("in_freeze(freezes, now)", evidence)
