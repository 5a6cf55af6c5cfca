# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process of its own beside ansible-playbook.

It is this file, started by path, so that it needs nothing of Ansible. What it must know comes as the first line of its stdin, because it may
hold a password and arguments are for everyone to read. It holds no descriptor of ours: whoever waits for our output to end (ansible-runner
does) waits for us alone.
"""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

COLLECTION = "ansible_collections.evenkeel.release"
UTILS = f"{COLLECTION}.plugins.plugin_utils"


def start(module: str, settings: Mapping[str, Any]) -> int:
    """The pid of a process that outlives the task that starts it. `module` is below plugin_utils; its function `run` gets the settings."""
    process = _spawn(module, settings, stdout=subprocess.DEVNULL)
    process.stdin.close()
    process.returncode = 0  # it outlives us on purpose: no warning that it still runs
    return process.pid


def serve(module: str, settings: Mapping[str, Any]) -> Process:
    """A process that is told more, line by line, and answers so. It ends when it is told no more, also by our end."""
    return _spawn(module, settings, stdout=subprocess.PIPE)


class Process(subprocess.Popen[bytes]):
    """With pipes that are there."""

    stdin: IO[bytes]
    stdout: IO[bytes]


def _spawn(module: str, settings: Mapping[str, Any], *, stdout: int) -> Process:
    process = Process(
        [sys.executable, "-P", str(Path(__file__).absolute()), module],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal is for ansible-playbook
        close_fds=True,
        cwd="/",
    )
    process.stdin.write(json.dumps(dict(settings)).encode() + b"\n")
    return process


def _make_importable() -> None:
    """The collection under its name, wherever it lies and without the loader of Ansible."""
    root = Path(__file__).absolute().parents[2]
    name = ""
    for part in COLLECTION.split("."):
        name = f"{name}.{part}" if name else part
        package = types.ModuleType(name)
        package.__path__ = [str(root)] if name == COLLECTION else []
        sys.modules[name] = package


if __name__ == "__main__":
    _make_importable()
    # Unbuffered: what follows the line is not ours to read.
    importlib.import_module(f"{UTILS}.{sys.argv[1]}").run(json.loads(io.FileIO(0, closefd=False).readline()))
