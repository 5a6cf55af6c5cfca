# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command when a task of a play begins: something breaks in the middle of a deployment."""

from __future__ import annotations

DOCUMENTATION = r"""
name: break_at
type: notification
short_description: Runs a command when a task begins
description: Fault injection for tests.
options:
  place:
    description: JSON object with play, task (empty for when the play begins), turn (1 for its first time) and run, the command as a list.
    env:
      - name: EVENKEEL_BREAK_AT
"""

import json
import os
import subprocess

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "break_at"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.place = json.loads(os.environ["EVENKEEL_BREAK_AT"])
        self.play = ""
        self.turn = 0

    def v2_playbook_on_play_start(self, play):
        # A play with `serial` begins once for each batch, and its turns are counted through.
        self.play = play.get_name()
        self._reached("")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._reached(task.name.split(" : ")[-1])

    def _reached(self, task):
        if (self.play, task) != (self.place["play"], self.place["task"]):
            return
        self.turn += 1
        if self.turn == self.place["turn"]:
            done = subprocess.run(self.place["run"], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)
            # an exception would only be a warning, and nothing be proved by a run in which nothing broke
            if done.returncode:
                os._exit(99)
