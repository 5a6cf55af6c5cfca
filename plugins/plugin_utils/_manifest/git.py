# SPDX-License-Identifier: GPL-3.0-or-later
"""Commits between two revisions of a repository: the one file here that runs git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.commits import Commit
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

SECONDS = 60
MOST = 20_000
FIELDS = ("%H", "%P", "%an", "%B")
# Nothing of a user's own configuration may change what comes out, and nothing may ask.
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
}


class History(NamedTuple):
    """`since` is "" when the history begins with the first commit; commits come newest first."""

    since: str
    until: str
    commits: list[Commit]


def read(repository: str, *, since: str, until: str) -> History:
    """Commits that `until` has and `since` has not. Revisions are names or ids; `since` "" means all. Raises ManifestError."""
    place = Path(repository)
    if not place.is_dir():
        raise ManifestError(f"The repository {repository} is not a folder. Correct commits.repository.")
    end = _resolve(place, until)
    begin = _resolve(place, since) if since else ""
    if begin and _run(place, "merge-base", "--is-ancestor", begin, end, allowed=(0, 1)).returncode:
        raise ManifestError(f"{since} is not an ancestor of {until} in {repository}, so nothing says what changed between them. Name the release before.")
    if _run(place, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        raise ManifestError(f"{repository} is a shallow clone: commits would be missing. Run: git fetch --unshallow")
    found = _run(
        place, "log", "-z", f"--max-count={MOST + 1}", f"--format={'%x00'.join(FIELDS)}", "--no-show-signature", *([f"^{begin}"] if begin else []), end, "--"
    )
    commits = _commits(found.stdout)
    if len(commits) > MOST:
        raise ManifestError(f"There are more than {MOST} commits between {since or 'the beginning'} and {until}. Name a later commit as from.")
    return History(begin, end, commits)


def _commits(output: bytes) -> list[Commit]:
    parts = output.decode("utf-8", "replace").split("\0")
    rows = [parts[at : at + len(FIELDS)] for at in range(0, len(parts) - len(FIELDS) + 1, len(FIELDS))]
    return [Commit(commit, tuple(parents.split()), author, message) for commit, parents, author, message in rows]


def _resolve(place: Path, revision: str) -> str:
    if not revision or len(revision) > 250 or any(ord(char) < 33 for char in revision):
        raise ManifestError(f"The revision {revision!r} is no name of a tag, a branch or a commit.")
    found = _run(place, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}", allowed=(0, 1, 128))
    if found.returncode:
        raise ManifestError(f"{place} has no commit {revision!r}. Name a tag or a commit that it has, or fetch it: git fetch --tags")
    return found.stdout.decode().strip()


def _run(place: Path, *args: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[bytes]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(place), "--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "i18n.logOutputEncoding=UTF-8", *args],
            env={**inherited, **QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise ManifestError("git is not installed on the controller. Install it, or write the changelog by hand.") from None
    except subprocess.TimeoutExpired:
        raise ManifestError(f"git {args[0]} in {place} did not end within {SECONDS} s.") from None
    if done.returncode not in allowed:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ManifestError(f"git {args[0]} in {place} failed: {said[0] if said else done.returncode}. Check that it is a repository that you may read.")
    return done
