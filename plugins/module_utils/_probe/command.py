# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`command`: a program's exit code and output. It runs without a shell and must only read."""

from __future__ import annotations

import subprocess
import time

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unknown, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import milliseconds

EXPECT = [{"metric": "exit_code", "op": "eq", "value": 0}]
METRICS = ("exit_code", "stdout")
OUTPUT_LIMIT = 1 << 20


def sample(spec: Spec) -> Sample:
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [str(part) for part in spec["command"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=spec["timeout"],
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise TimeoutError from exc
    except OSError as exc:
        # Without its program the probe has learnt nothing about the service.
        raise Unknown(f"the program {spec['command'][0]} could not be started ({(exc.strerror or 'unknown reason').lower()})") from exc
    return answered(
        {
            "total_ms": milliseconds(start, time.perf_counter()),
            "exit_code": done.returncode,
            "stdout": done.stdout[:OUTPUT_LIMIT].decode("utf-8", "replace"),
        }
    )
