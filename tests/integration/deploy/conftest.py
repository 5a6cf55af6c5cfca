# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .lab import Lab


@pytest.fixture(scope="module")
def lab():
    made = Lab()
    try:
        made.must("provision", evenkeel_target="platform")
        made.must("provision")
        yield made
    finally:
        made.close()
