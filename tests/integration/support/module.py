# SPDX-License-Identifier: GPL-3.0-or-later
"""One module as a host runs it, without the time that a playbook takes."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
from typing import Any

from ansible.module_utils.testing import patch_module_args

MODULES = "ansible_collections.evenkeel.release.plugins.modules"


def run(module: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Within this process: what a playbook would see of it."""
    said = io.StringIO()
    main = importlib.import_module(f"{MODULES}.{module}").main
    with patch_module_args(_arguments(options, check=check)), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main()
    return dict(json.loads(said.getvalue().splitlines()[-1]))


def start(module: str, *, check: bool = False, package: str = MODULES, **options: Any) -> subprocess.Popen[str]:
    """In a process of its own, that can be killed."""
    argv = [sys.executable, "-m", f"{package}.{module}"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": _arguments(options, check=check)}))
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _none = process.communicate(timeout=120)
    assert out.splitlines(), f"ended with {process.returncode} and said nothing"
    return dict(json.loads(out.splitlines()[-1]))


def _arguments(options: dict[str, Any], *, check: bool) -> dict[str, Any]:
    return {**options, "_ansible_check_mode": check, "_ansible_diff": True}
