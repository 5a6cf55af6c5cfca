# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the ledger is: the one place that decides it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# What the ledger's plugins read of a task's variables.
VARIABLES = ("evenkeel_ledger_url", "evenkeel_state_dir", "evenkeel_target", "evenkeel_version")


def templated(variables: Mapping[str, Any] | None, template: Callable[[Any], Any]) -> dict[str, Any]:
    """The variables of a task, with those that matter here as values: they reach a plugin as they were written."""
    known = dict(variables or {})
    known.update({name: template(known[name]) for name in VARIABLES if name in known})
    return known


def state_dir(get: Callable[[str], Any]) -> Path:
    """`get` looks an Ansible variable up (None when absent), for example `task_vars.get`."""
    chosen = get("evenkeel_state_dir") or os.environ.get("EVENKEEL_STATE_DIR") or "~/.local/state/evenkeel"
    return Path(str(chosen)).expanduser().absolute()


def object_store(get: Callable[[str], Any]) -> str:
    """The store of records and contents where none is named: a folder in the state directory."""
    return str(state_dir(get) / "objects")


def ledger_url(get: Callable[[str], Any]) -> str:
    """The URL of the ledger: the variable evenkeel_ledger_url, else the environment, else a file in the state directory."""
    chosen = get("evenkeel_ledger_url") or os.environ.get("EVENKEEL_LEDGER_URL")
    return absolute(str(chosen)) if chosen else f"sqlite:///{state_dir(get) / 'ledger.sqlite'}"


def absolute(url: str) -> str:
    """A relative file is below the folder of the run, also for a process that runs elsewhere."""
    scheme, _mark, path = url.partition("sqlite:///")
    relative = not scheme and path and not path.startswith(("/", ":"))
    return f"sqlite:///{Path(path).absolute()}" if relative else url
