# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and end the prober, and read what it noted. The notes of a run that was killed are gone on with: the clock is the machine's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import process
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade import downtime, prober
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.errors import UpgradeError

POLL_SECONDS = 0.05
FIRST_WRITE_SECONDS = 30.0
LAST_WRITE_SECONDS = 15.0


def begin(settings: Mapping[str, Any], *, file: Path, pid: int, needed: bool) -> dict[str, Any]:
    """needed: whether a first write has to come through, which it can't when the run before was killed between two primaries."""
    try:
        import psycopg  # noqa: F401  the process would have to tell us by its death
    except ImportError as exc:
        raise UpgradeError(prober.MISSING) from exc
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _stop_note(file).unlink(missing_ok=True)
    _forget(file)
    before = len(attempts(file))
    watcher = prober.start({**settings, "file": str(file), "pid": pid, "started": process.started(pid)})
    _pid_note(file).write_text(json.dumps({"pid": watcher, "started": process.started(watcher)}))
    end = time.monotonic() + FIRST_WRITE_SECONDS
    while time.monotonic() < end:
        tried = attempts(file)[before:]
        if any(attempt.good for attempt in tried) or (tried and not needed):
            return {"continued": before > 0}
        time.sleep(POLL_SECONDS)
    stop(file)
    error = last_error(file)
    if not before:  # else the next run would go on with these notes, and take all the time up to it for downtime
        forget(file)
    raise UpgradeError(f"No write came through within {FIRST_WRITE_SECONDS:g} s, so nothing could be measured and nothing was done: {error}.")


def stop(file: Path) -> None:
    """Ended, by its own will; the last attempt is in the notes."""
    _stop_note(file).touch(mode=0o600)
    end = time.monotonic() + LAST_WRITE_SECONDS
    while _lives(file) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def measured(file: Path, *, patience: float, interval: float) -> dict[str, Any]:
    found = downtime.summary(attempts(file), patience=patience, most=max(1.0, 10 * interval) + prober.CONNECT_SECONDS, wall=time.time() - time.monotonic())
    return {**found, "says": downtime.told(found), "error": last_error(file) if found["failed"] else ""}


def forget(file: Path) -> None:
    for path in (file, _stop_note(file), _pid_note(file)):
        path.unlink(missing_ok=True)


def attempts(file: Path) -> list[downtime.Attempt]:
    """A line that is written just now is left out."""
    return [downtime.Attempt(*row[:3]) for row in _rows(file)]


def last_error(file: Path) -> str:
    return next((str(row[3]) for row in reversed(_rows(file)) if len(row) > 3), "nothing was tried")


def _rows(file: Path) -> list[list[Any]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _forget(file: Path) -> None:
    """Notes of an upgrade that ended, or from before the machine's clock began again, say nothing about this one."""
    noted = attempts(file)
    if noted and noted[-1].ended > time.monotonic():
        file.unlink()


def _stop_note(file: Path) -> Path:
    return file.with_name(f"{file.name}.stop")


def _pid_note(file: Path) -> Path:
    return file.with_name(f"{file.name}.pid")


def _lives(file: Path) -> bool:
    try:
        note = json.loads(_pid_note(file).read_text())
    except (OSError, ValueError):
        return False
    return process.is_running(note["pid"], note["started"])
