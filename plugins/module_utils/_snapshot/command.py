# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command that somebody else wrote: with an end in time and in size, and with nothing of it left behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

BLOCK = 1 << 16


def output(argv: Sequence[str], *, timeout: float, limit: int) -> bytes:
    """Its standard output; Unknown, which quotes neither output nor arguments, when it fails."""
    name = os.path.basename(argv[0])
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise Unknown(f"{name} cannot be run ({(getattr(exc, 'strerror', None) or type(exc).__name__).lower()})") from exc
    until = time.monotonic() + timeout
    with process:
        try:
            data = _read(process, until, limit)
            if len(data) > limit:
                raise Unknown(f"{name} wrote more than {limit} bytes")
            code = process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired as exc:
            raise Unknown(f"{name} took longer than {timeout:g} s") from exc
        finally:
            _end(process)
    if code:
        raise Unknown(f"{name} failed with code {code}")
    return data


def _read(process: subprocess.Popen[bytes], until: float, limit: int) -> bytes:
    data = b""
    if process.stdout is None:
        return data
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(data) <= limit:
            left = until - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise subprocess.TimeoutExpired(process.args, 0)
            block = os.read(process.stdout.fileno(), BLOCK)
            if not block:
                return data
            data += block
    return data


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it started in turn, also what outlives it with our pipe in hand."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
