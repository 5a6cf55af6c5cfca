# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: audit
type: notification
short_description: Keep every task result in the ledger
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Records for each task result who ran it, when, on which host, which action, how it ended, how long it took and its message, without arguments and secrets.
  - Records the start and the end of a run and of each play, with the verdict.
  - Entries go into a stream of their own, written by a process beside the run; the start of each play and the end of the run are synced to disk.
  - Where the run is killed, every result that it had before is written nevertheless.
requirements:
  - enabled in C(callbacks_enabled)
options:
  stream:
    description: Hash chain of the entries.
    type: str
    default: audit
    env:
      - name: EVENKEEL_AUDIT_STREAM
    ini:
      - section: evenkeel
        key: audit_stream
  batch:
    description: How many results are written in one transaction at most; after a second those that are there are written.
    type: int
    default: 200
    env:
      - name: EVENKEEL_AUDIT_BATCH
    ini:
      - section: evenkeel
        key: audit_batch
  on_error:
    description:
      - What to do when the ledger can't be written, V(warn) once and go on without it, or V(fail) and end the run.
      - With V(fail) no play begins before the ledger holds its start.
    type: str
    choices: [warn, fail]
    default: warn
    env:
      - name: EVENKEEL_AUDIT_ON_ERROR
    ini:
      - section: evenkeel
        key: audit_on_error
  ledger_url:
    description: The store. Defaults to that of the run, as in M(evenkeel.release.record).
    type: str
    env:
      - name: EVENKEEL_LEDGER_URL
    ini:
      - section: evenkeel
        key: ledger_url
"""

import time

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.audit import Audit, play_verdict, result_entry


def _start():
    """The entry itself may be written a moment later."""
    return {"event": "start", "began": ids.at(ids.now_us())}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "evenkeel.release.audit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._audit = None
        self._playbook = ""
        self._play = None
        self._began = {}
        self._failed = False

    def v2_playbook_on_start(self, playbook):
        self._playbook = playbook._file_name

    def v2_playbook_on_play_start(self, play):
        self._guard(self._play_start, play)

    def v2_playbook_on_task_start(self, task, is_conditional):  # noqa: ARG002 - the signature is Ansible's
        # For results of runner that never announced a start, for instance of an unreachable host.
        self._began[None] = time.monotonic()

    def v2_playbook_on_handler_task_start(self, task):
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_start(self, host, task):
        self._began[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result):
        self._guard(self._result, result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._guard(self._result, result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self._guard(self._result, result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._guard(self._result, result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self._guard(self._stats, stats)

    def _play_start(self, play):
        variables = play.get_variable_manager().get_vars(play=play)
        if self._audit is None:
            self._audit = Audit(
                self._plain(variables),
                url=self.get_option("ledger_url"),
                stream=self.get_option("stream"),
                batch=self.get_option("batch"),
                strict=self.get_option("on_error") == "fail",
            )
            self._audit.add("run", "fact", subject=self._playbook, body={**_start(), "check": bool(context.CLIARGS.get("check"))})
        else:
            self._audit.learn(self._plain(variables))
            self._end_play()
        self._play = play.get_name()
        self._audit.start_play()
        self._audit.add("play", "fact", subject=self._play, body={**_start(), "playbook": self._playbook}, durable=True)

    def _plain(self, variables):
        templar = Templar(loader=None, variables=variables)
        return settings.templated(variables, templar.template)

    def _end_play(self):
        if self._play is not None:
            self._audit.add("play", "fact", subject=self._play, body={"event": "end", **self._audit.play})

    def _result(self, result, status):
        # 2.19 has public names for these; 2.18 has not.
        host, task = result._host.get_name(), result._task
        began = self._began.pop((host, task._uuid), self._began.get(None))
        took = 0 if began is None else int((time.monotonic() - began) * 1000)
        if self._audit is not None:
            data = {**result._result, "censored": True} if task.no_log is True else result._result
            self._audit.add(**result_entry(data, host=host, task=task.get_name(), action=task.action, status=status, milliseconds=took))

    def _stats(self, stats):
        if self._audit is None:
            return
        self._end_play()
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        body = {"event": "end", "verdict": play_verdict(hosts.values()), "hosts": hosts}
        self._audit.add("run", "fact", subject=self._playbook, body=body, durable=True)
        self._audit.close()

    def _guard(self, act, *args):
        """A callback must not break a run, unless it was asked to."""
        if self._failed:
            return
        try:
            act(*args)
        except Exception as exc:  # the fault may be of any kind, the run is not to blame
            self._failed = True
            self._display.error(f"The audit trail is incomplete from here on: {exc}")
            if self.get_option("on_error") == "fail":
                # Ansible turns exceptions of callbacks into warnings; an exit is what it honours.
                raise SystemExit(4) from exc
