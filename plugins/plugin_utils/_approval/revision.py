# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code runs: the collection's files, and the project's as git has them. Approvals lie in the project too, so they are left out of it."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError

FOLDERS = ("plugins", "roles", "playbooks", "meta")
LEFT_OUT = ("__pycache__",)
SECONDS = 60
MOST_FILES = 100_000


def collection(root: Path) -> str:
    """SHA-256 over path and content of every file of the collection that a run may execute."""
    whole = hashlib.sha256()
    for path in sorted(_files(root)):
        whole.update(f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def project(folder: str, *, without: Sequence[str] = ()) -> dict[str, str]:
    """{files: sha256} over path and content of every file in the git work tree that its .gitignore files don't leave out; {} when it is none.

    A commit is no answer: the commit that brings an approval would void it. Nor is the index, which can be told to overlook a change.
    without: folders in it, absolute paths.
    """
    root = os.path.realpath(folder)
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None:
        return {}
    base = Path(os.fsdecode(top).strip())
    skip = [os.path.realpath(each) for each in without if each]
    listed = _git(str(base), "ls-files", "-c", "-o", "--exclude-per-directory=.gitignore", "-z")
    names = sorted({name for name in (listed or b"").split(b"\0") if name and not _below(base / os.fsdecode(name), skip)})
    if listed is None or len(names) > MOST_FILES:
        raise ApprovalError(f"The files of {base} can't be listed, or are more than {MOST_FILES}: name another folder as the project.")
    whole = hashlib.sha256()
    for name in names:
        whole.update(name + b"\0" + _content(base / os.fsdecode(name)) + b"\n")
    return {"files": whole.hexdigest()}


def commit(folder: str) -> str:
    """What HEAD is, for people; empty when nobody knows."""
    return os.fsdecode(_git(os.path.realpath(folder), "rev-parse", "HEAD") or b"").strip()


def _files(root: Path) -> Iterator[Path]:
    for name in FOLDERS:
        for folder, folders, found in os.walk(root / name):
            folders[:] = [each for each in folders if each not in LEFT_OUT]
            yield from (Path(folder) / each for each in found if not each.endswith(".pyc"))
    galaxy = root / "galaxy.yml"
    yield from [galaxy] if galaxy.is_file() else []


def _below(path: Path, folders: Sequence[str]) -> bool:
    real = os.path.join(os.path.realpath(path.parent), path.name)
    return any(real == each or real.startswith(each + os.sep) for each in folders)


def _content(path: Path) -> bytes:
    try:
        seen = path.lstat()
        if stat.S_ISLNK(seen.st_mode):
            return b"link " + os.fsencode(os.readlink(path))
        if not stat.S_ISREG(seen.st_mode):
            return b"other"
        return f"{seen.st_mode & 0o111:o} ".encode() + hashlib.sha256(path.read_bytes()).hexdigest().encode()
    except FileNotFoundError:
        return b"gone"


def _git(folder: str, *arguments: str) -> bytes | None:
    # A project may name programs in its own configuration: none of them is run.
    quiet = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(["git", "-C", folder, *quiet, *arguments], capture_output=True, env=environment, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
