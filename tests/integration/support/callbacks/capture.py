# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every result as a JSON line for the tests: the json callback is not part of ansible-core."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: capture
type: notification
short_description: Write each result as one JSON line
description: Used by the integration tests only.
author: Evenkeel contributors (@evenkeel)
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "capture"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, event: str, **fields: Any) -> None:
        with open(os.environ["EVENKEEL_CAPTURE"], "a", encoding="utf-8") as log:
            log.write(json.dumps({"event": event, **fields}, default=str) + "\n")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._write("play", name=play.get_name())

    def _task(self, task: Any) -> None:
        self._write("task", name=task.get_name().split(" : ")[-1], id=task._uuid)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._task(task)

    v2_playbook_on_handler_task_start = _task

    def _result(self, seen: Any, **more: Any) -> None:
        host, task = getattr(seen, "host", None) or seen._host, getattr(seen, "task", None) or seen._task
        result = getattr(seen, "result", None)
        result = dict(seen._result if result is None else result)
        result.pop("invocation", None)
        self._write("result", host=host.get_name(), task=task._uuid, result={**result, **more})

    v2_runner_on_ok = v2_runner_on_skipped = v2_runner_on_unreachable = _result

    def v2_runner_on_failed(self, seen: Any, ignore_errors: bool = False) -> None:
        # not every ansible-core says so in the result itself
        self._result(seen, failed=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write("stats", stats={host: stats.summarize(host) for host in stats.processed})
