# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from .scene import Scene


@pytest.fixture(scope="module")
def scene():
    made = Scene()
    try:
        yield made
    finally:
        made.close()
