# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills ansible-playbook, as the kernel would, when a task begins."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kill
type: notification
short_description: Kills the run when a task begins
description: Fault injection for tests.
options:
  task:
    description: Name of the task, without the role.
    env:
      - name: EVENKEEL_KILL_AT
"""

import os
import signal

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kill"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task, is_conditional):
        if task.name.split(" : ")[-1] == os.environ["EVENKEEL_KILL_AT"]:
            os.kill(os.getpid(), signal.SIGKILL)
