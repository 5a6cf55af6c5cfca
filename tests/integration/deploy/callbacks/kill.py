# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends ansible-playbook when a task begins, as a kernel, a service manager or a person at the terminal would."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kill
type: notification
short_description: Ends the run when a task begins
description:
  - Fault injection for tests. Every start of a task is one boundary, repeated ones of loops and includes too; they are counted from 1.
options:
  at:
    description: Name of a task without its role, or the number of a boundary. Without, nothing is ended.
    env:
      - name: EVENKEEL_KILL_AT
  how:
    description: KILL and TERM reach the main process alone, INT its whole process group, as Ctrl-C does.
    default: KILL
    env:
      - name: EVENKEEL_KILL_HOW
  after:
    description: Seconds from that boundary until the run is ended, so that tasks are under way.
    default: 0
    env:
      - name: EVENKEEL_KILL_AFTER
  seen:
    description: File that each boundary is written to, a JSON document on a line each.
    env:
      - name: EVENKEEL_KILL_SEEN
  look:
    description: Program that prints what the world looks like at a boundary; without, nobody looks.
    env:
      - name: EVENKEEL_KILL_LOOK
"""

import json
import os
import signal
import subprocess
import threading

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kill"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.at = os.environ.get("EVENKEEL_KILL_AT", "")
        self.how = signal.Signals[f"SIG{os.environ.get('EVENKEEL_KILL_HOW', 'KILL')}"]
        self.seen = os.environ.get("EVENKEEL_KILL_SEEN", "")
        self.look = json.loads(os.environ.get("EVENKEEL_KILL_LOOK", "[]"))
        self.number = 0
        self.play = ""
        # A group of its own, as a shell at a terminal makes one: Ctrl-C is for it and not for who started the run.
        os.setpgid(0, 0)

    def v2_playbook_on_play_start(self, play):
        self.play = play.get_name()

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.number += 1
        name = task.name.split(" : ")[-1]
        if self.seen:
            world = subprocess.run(self.look, check=True, capture_output=True, text=True).stdout if self.look else ""
            with open(self.seen, "a", encoding="utf-8") as log:
                log.write(json.dumps([f"{self.play}: {name}", world]) + "\n")
        if self.at in (name, str(self.number)):
            self.end()

    def end(self):
        kill, seconds = os.killpg if self.how == signal.SIGINT else os.kill, float(os.environ.get("EVENKEEL_KILL_AFTER", "0"))
        if seconds:
            threading.Timer(seconds, kill, (os.getpid(), self.how)).start()
        else:
            kill(os.getpid(), self.how)

    def v2_playbook_on_handler_task_start(self, task):
        self.v2_playbook_on_task_start(task, False)
