# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as tags of a git repository that others hold: a witness that needs no host of its own.

A tag `<prefix>/<size>` names a blob that is the note, byte for byte: `git cat-file blob <tag>` gives the file that the auditor's program reads.
What was pushed can't be taken back by whoever can only push new tags (protected tags, or a server hook that refuses to change any).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import Checkpoint, ProofError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9][A-Za-z0-9_-]*)*")
SECONDS = 120


class Tag(NamedTuple):
    name: str
    size: int
    note: str


class Tags:
    """repo: a bare repository on this controller, made when it isn't there. remote: where the tags are kept; empty for the repository alone."""

    def __init__(self, repo: Path, *, remote: str, prefix: str) -> None:
        if not PREFIX.fullmatch(prefix):
            raise LedgerError(f"The prefix of the tags is {prefix!r}, allowed: letters, digits, _ and -, with / between.")
        if remote.startswith("-"):
            raise LedgerError(f"The remote is {remote!r}, allowed: the address of a git repository.")
        self._repo, self._remote, self._prefix = repo, remote, prefix
        if not repo.exists():
            self._git("init", "--quiet", "--bare", str(repo), within=False)

    def newest(self) -> Tag | None:
        """The one with the most entries, as the remote has it."""
        found = sorted(self._known().items())
        if not found:
            return None
        size, name = found[-1]
        if self._remote:
            self._git("fetch", "--quiet", "--no-tags", "--force", "--", self._remote, f"refs/tags/{name}:refs/tags/{name}")
        note = self._git("cat-file", "blob", f"refs/tags/{name}^{{}}")
        try:
            said = Checkpoint.parse(note).size
        except ProofError as exc:
            raise LedgerError(f"Tag {name} is no checkpoint: {exc}. Next: keep the repository as evidence.") from exc
        if said != size:
            raise LedgerError(f"Tag {name} is a checkpoint of {said} entries: somebody made or moved it by hand. Next: keep the repository as evidence.")
        return Tag(name, size, note)

    def keep(self, note: str, *, dry: bool = False) -> bool:
        """Whether it is new. Never in the place of another one, and never behind a later one."""
        size, last = Checkpoint.parse(note).size, self.newest()
        if last is not None and last.size == size and last.note != note:
            raise LedgerError(f"Tag {last.name} is another checkpoint of {size} entries: the history was forked. Next: keep both as evidence.")
        if last is not None and last.size > size:
            raise LedgerError(f"Tag {last.name} is newer than this checkpoint of {size} entries: the ledger was cut off, or this checkpoint is old.")
        if last is not None and last.size == size:
            return False
        if not dry:
            self._publish(f"{self._prefix}/{size}", note)
        return True

    def _publish(self, name: str, note: str) -> None:
        """A tag that is there stays as it is: neither way forces anything."""
        blob = self._git("hash-object", "-w", "--stdin", given=note).strip()
        if self._remote:
            self._git("push", "--quiet", "--", self._remote, f"{blob}:refs/tags/{name}")
        else:
            self._git("update-ref", f"refs/tags/{name}", blob, "0" * len(blob))

    def _known(self) -> dict[int, str]:
        if self._remote:
            lines = self._git("ls-remote", "--refs", "--tags", "--", self._remote, f"refs/tags/{self._prefix}/*").splitlines()
            names = [line.split("\t", 1)[1] for line in lines if "\t" in line]
        else:
            names = self._git("for-each-ref", "--format=%(refname)", f"refs/tags/{self._prefix}/").splitlines()
        numbers = {name.removeprefix("refs/tags/"): name.rpartition("/")[2] for name in names}
        return {int(number): name for name, number in numbers.items() if number.isdigit() and name == f"{self._prefix}/{number}"}

    def _git(self, *words: str, given: str = "", within: bool = True) -> str:
        """No prompt can wait for an answer at three in the morning."""
        place = ["--git-dir", str(self._repo)] if within else []
        environment = {
            **os.environ,
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        }
        try:
            done = subprocess.run(
                ["git", *place, *words], input=given.encode(), capture_output=True, check=False, timeout=SECONDS, env=environment, start_new_session=True
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise LedgerError(f"git {words[0]} failed: {exc}. Next: install git on the controller, or mend the way to the remote.") from exc
        if done.returncode:
            fault = " ".join(done.stderr.decode(errors="replace").split())[:500]
            raise LedgerError(f"git {words[0]} failed: {_without_password(fault)}. Next: mend that; the checkpoint itself is in the ledger.")
        return done.stdout.decode()


def _without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://[REDACTED]@", text)
