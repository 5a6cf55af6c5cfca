# SPDX-License-Identifier: GPL-3.0-or-later
"""A real git repository for tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repository:
    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args: str, stdin: str = "") -> str:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        when = f"{1_800_000_000 + self.number} +0000"
        who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
        env = {**inherited, **who, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", "-C", str(self.path), *args], env=env, input=stdin, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str, *args: str) -> str:
        self.number += 1
        (self.path / "file").write_text(str(self.number))
        self.git("add", "file")
        self.git("commit", "--quiet", "--file=-", "--cleanup=verbatim", *args, stdin=message)
        return self.git("rev-parse", "HEAD")
