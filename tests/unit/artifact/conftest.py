# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from .tools import Gpg


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "shop-1.0.0.tar.gz"
    path.write_bytes(b"the bytes of the shop\n" * 1000)
    return path


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.tar.gz"
    path.write_bytes(b"somebody else's bytes\n" * 1000)
    return path


@pytest.fixture
def gpg():
    """A short path: gpg-agent's socket lies in it."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is not on this host: install gnupg")
    with tempfile.TemporaryDirectory(prefix="gpg") as folder:
        home = Gpg(Path(folder) / "home")
        yield home
        home.stop()
