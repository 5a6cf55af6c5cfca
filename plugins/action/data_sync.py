# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module and, where it runs on the controller, shows how far it is."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.evenkeel.release.plugins.plugin_utils._data.progress import Reader

MODULE = "evenkeel.release.data_sync"
EVERY = 5.0  # seconds between lines; what ends earlier needs none


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        if self._connection.transport != "local" or self._task.check_mode:
            return {**result, **self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)}
        with tempfile.TemporaryDirectory(prefix="evenkeel") as folder:
            place = Path(folder) / "progress"
            over = threading.Event()
            shown = threading.Thread(target=_show, args=(place, over), daemon=True)
            shown.start()
            try:
                done = self._execute_module(module_name=MODULE, module_args={**args, "progress_file": str(place)}, task_vars=task_vars)
            finally:
                over.set()
                shown.join()
        return {**result, **done}


def _show(place, over):
    display, reader = Display(), Reader(place)
    while not over.wait(EVERY):
        for line in reader.news():
            display.display(f"  {line}")
