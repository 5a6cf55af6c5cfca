# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .lab import Lab


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        made.provision()
        yield made
