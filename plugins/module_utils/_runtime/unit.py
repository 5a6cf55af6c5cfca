# SPDX-License-Identifier: GPL-3.0-or-later
"""One systemd unit brought into a state, by the commands that an operator would use."""

from __future__ import annotations

import os
from typing import Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv

FOLDER = "/etc/systemd/system"
# (exit code, output, errors) of a command that is given as a list
Run = Callable[[list[str]], tuple[int, str, str]]


class UnitError(Exception):
    """What was asked of systemd and what it said."""


def is_active(run: Run, name: str) -> bool:
    return run(["systemctl", "is-active", "--quiet", name])[0] == 0


def bring(run: Run, *, name: str, text: Optional[str], settings: str = "", started: bool, check: bool, folder: str = FOLDER) -> bool:
    """Whether something changes. text: the unit's file; None leaves the files as they are. settings: its environment, which only root reads."""
    path = os.path.join(folder, name)
    private = os.path.join(folder, name.rpartition(".")[0] + ".env")
    written = text is not None and ((sv.read_text(path), sv.read_text(private) or "") != (text, settings))
    active = is_active(run, name)
    changed = written or active != started
    if check or not changed:
        return changed
    if written and text is not None:
        if settings or os.path.exists(private):
            sv.write_private(private, settings)
        sv.write_private(path, text, mode=0o644)
        _order(run, ["daemon-reload"])
    if started:
        _order(run, ["enable", "--quiet", name])
        _order(run, ["restart" if active else "start", name])
    elif os.path.exists(path):  # what never ran has no unit to stop
        _order(run, ["disable", "--quiet", name])
        _order(run, ["stop", name])
    return changed


def _order(run: Run, words: list[str]) -> None:
    code, said, errors = run(["systemctl", *words])
    if code:
        raise UnitError("systemctl {} ended with {}: {}".format(" ".join(words), code, (errors or said).strip()[-800:]))
