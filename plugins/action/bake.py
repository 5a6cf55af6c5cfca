# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch a release in slices, so that an operator need not wait for the end of the watch to be obeyed, and sees how it goes."""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import operator
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.progress import Word
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

MODULE = "evenkeel.release.bake"
SLICE = 10.0  # s; a slice costs a connection to the host, and an operator waits for its end


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        given = dict(self._task.args)
        seconds = _number(given.get("seconds"))
        if not given.get("deployment") or seconds is None:
            return {**result, **self._watch(given, task_vars)}
        return {**result, **self._in_slices(given, seconds, task_vars)}

    def _in_slices(self, given, seconds, task_vars):
        began, said, since = time.monotonic(), Word("go", ""), {}
        while True:
            left = seconds - (time.monotonic() - began)
            last = left <= SLICE
            found = self._watch({**given, "seconds": max(0.0, min(left, SLICE)), "since": since, "last": last}, task_vars)
            found = {**found, "word": said.word, "seconds": round(time.monotonic() - began, 3)}
            if last or found.get("failed") or found.get("unreachable"):
                return found
            since = found["counted"]
            said = self._said(given, task_vars)
            if said.word == "stop":
                return {**found, "failed": True, "word": said.word, "verdict": "failed", "reason": f"aborted by {said.why}", "msg": f"Aborted by {said.why}."}
            if said.word == "hurry":
                return {**found, "word": said.word, "reason": f"promoted by {said.why}"}
            Display().display("{backend}: {0:.0f} of {1:.0f} s, {errors} of {requests} requests failed".format(found["seconds"], seconds, **{**given, **found}))

    def _watch(self, given, task_vars):
        return self._execute_module(module_name=MODULE, module_args=given, task_vars=task_vars)

    def _said(self, given, task_vars):
        """A ledger that can't be asked just now says nothing; the next step of the deployment needs it and will tell."""
        variables = settings.templated(task_vars, self._templar.template)
        try:
            with session.open_for(settings.ledger_url(variables.get), variables) as store:
                return operator.word(store, str(given.get("environment", "")), str(given["deployment"]))
        except LedgerError as exc:
            Display().warning(f"Nobody is listened to while it is watched: {exc}")
            return Word("go", "")


def _number(value):
    """None for what the module has to complain about."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
