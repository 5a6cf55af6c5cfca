# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a server does over several runs: the cache never holds other bytes, and one honest run is enough."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Fetching, digest
from .server import Web

PATH = "/shop-1.0.0.tar.gz"
CONTENT = bytes(range(256)) * 600
OTHERS = (CONTENT[:-1] + b"!", b"!" + CONTENT, CONTENT[:70_000], b"")
BEHAVIOUR = st.fixed_dictionaries(
    {
        "content": st.sampled_from([CONTENT, CONTENT, *OTHERS]),
        "cut": st.sampled_from([0, 0, 1, 40_000, 100_000, 153_599]),
        "connections": st.integers(0, 3),
        "ranges": st.booleans(),
        "etag": st.booleans(),
        "weak": st.booleans(),
        "wrong_range": st.booleans(),
        "any_tag": st.booleans(),
        "chunked": st.booleans(),
        "statuses": st.lists(st.sampled_from([500, 503, 404]), max_size=2),
    }
)


@pytest.fixture(scope="module")
def server():
    made = Web()
    yield made
    made.stop()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(BEHAVIOUR, min_size=1, max_size=4))
def test_only_the_right_bytes_are_ever_in_the_cache(server, runs):
    wanted = digest(CONTENT)
    with tempfile.TemporaryDirectory() as folder:
        fetching = Fetching(Path(folder))
        for run in runs:
            url = server.put(PATH, **{**run, "statuses": list(run["statuses"])})
            try:
                assert fetching(url, wanted, retries=1, backoff=0.0).path.read_bytes() == CONTENT
            except ArtifactError:
                assert fetching.cache.held() == []
        assert fetching(server.put(PATH, CONTENT), wanted).path.read_bytes() == CONTENT
