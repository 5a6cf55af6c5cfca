# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .scene import Scene


@pytest.fixture(scope="module")
def shared(haproxy_bin):
    made = Scene(haproxy_bin)
    yield made
    made.close()


@pytest.fixture
def scene(shared):
    """Both colours up, blue live."""
    for colour in (shared.blue, shared.green):
        if colour.process is None:
            colour.start()
    shared.switch("green")
    shared.switch("blue")
    return shared
