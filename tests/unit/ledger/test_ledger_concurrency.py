# SPDX-License-Identifier: GPL-3.0-or-later
"""Queue or refuse, as an environment's document says."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.concurrency import queue
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError


@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [
        ({}, {}, (0, None)),
        ({"policy": "refuse"}, {}, (0, None)),
        ({"policy": "refuse", "wait": "5m"}, {}, (0, None)),
        ({"policy": "queue"}, {}, (1800, None)),
        ({"policy": "queue", "wait": "5m", "limit": 3}, {}, (300, 3)),
        ({"policy": "queue", "wait": "5m", "limit": 3}, {"wait": "0", "limit": 1}, (0, 1)),
        ({}, {"wait": "10m"}, (600, None)),
    ],
)
def test_what_it_says(declared, given, expected):
    assert queue(declared, **given) == expected


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"policy": "hope"}, "policy is 'hope'"),
        ({"limits": 1}, "unknown key limits"),
        ({"policy": "queue", "limit": 0}, "limit is 0"),
        ({"policy": "queue", "limit": True}, "limit is True"),
        ({"policy": "queue", "wait": "soon"}, "wait is 'soon'"),
    ],
)
def test_what_it_may_not_say(declared, said):
    with pytest.raises(LedgerError, match=said):
        queue(declared)
