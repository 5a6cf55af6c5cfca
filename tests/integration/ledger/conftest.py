# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger on each kind of store."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.sqlite"
    pg = request.getfixturevalue("pg")
    return pg.url(pg.create_db())


@pytest.fixture
def store(url):
    with open_store(url) as opened:
        yield opened
