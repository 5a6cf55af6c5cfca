# SPDX-License-Identifier: GPL-3.0-or-later
"""One program of a supervisord brought into a state: what modules supervised_process and service_replace do with it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv

DEFINING = ("present", "started", "restarted")


def supervisord_path(given: Any) -> str:
    beside = os.path.join(os.path.dirname(sys.executable), "supervisord")
    return str(given or (beside if os.path.exists(beside) else shutil.which("supervisord")) or "supervisord")


def lone(supervisor: sv.Supervisor, name: str) -> list[int]:
    """Processes of that name whose supervisord was killed."""
    return [] if supervisor.alive() else sv.orphans(supervisor.directory, name)


def current(supervisor: sv.Supervisor, name: str) -> tuple[str, int]:
    found = supervisor.info(name) if supervisor.alive() else None
    return (found["statename"], found["pid"]) if found else ("ABSENT", 0)


def plan(supervisor: sv.Supervisor, params: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the definition changes, and whether the process has to be started, stopped or removed."""
    name, wanted = params["name"], params["state"]
    statename = current(supervisor, name)[0]
    existing = sv.read_text(supervisor.config_path(name))
    if wanted == "absent":
        return False, existing is not None or statename != "ABSENT" or bool(lone(supervisor, name))
    if wanted == "stopped":
        return False, statename not in (*sv.SETTLED_DOWN, "ABSENT") or bool(lone(supervisor, name))
    desired = supervisor.desired_config(params, autostart=True)
    differs = existing is None or sv.without_autostart(existing) != sv.without_autostart(desired)
    differs = differs or sv.read_text(supervisor.script_path(params)) != sv.launch_script(params, supervisor.directory)
    moves = wanted == "restarted" or (wanted == "started" and statename != "RUNNING")
    return differs or statename == "ABSENT", moves


def act(supervisor: sv.Supervisor, params: dict[str, Any], *, redefine: bool, move: bool) -> None:
    name, wanted = params["name"], params["state"]
    if wanted in ("absent", "stopped") and lone(supervisor, name):
        sv.end_orphans(supervisor.directory, name)
    if wanted == "absent":
        supervisor.remove(name)
        return
    if wanted == "stopped":
        if supervisor.alive():
            supervisor.stop(name)
        supervisor.set_autostart(name, False)
        return
    was_up = current(supervisor, name)[0] in ("RUNNING", "STARTING", "BACKOFF")
    if redefine:
        supervisor.define(params, autostart=wanted != "present")
    if wanted == "restarted":
        supervisor.stop(name)
    goes_up = move or (redefine and (was_up or wanted == "started"))
    if goes_up and current(supervisor, name)[0] not in ("RUNNING", "STARTING", "BACKOFF"):
        supervisor.set_autostart(name, True)
        supervisor.call("startProcessGroup", name, False)


def bring(params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """The program in the wanted state. params: the options of module supervised_process, complete.

    Raises SupervisorError, OSError and KeyError.
    """
    supervisor = sv.Supervisor(params["supervisor_dir"], binary=supervisord_path(params["supervisord"]))
    name = params["name"]
    redefine, move = plan(supervisor, params)
    result: dict[str, Any] = {"changed": redefine or move, "log_file": supervisor.log_path(name)}
    if redefine and params["state"] in DEFINING:
        result["diff"] = {"before": "", "after": sv.visible(params), "after_header": name}
    if result["changed"] and not check:
        with supervisor.locked():
            if params["state"] in DEFINING:
                supervisor.ensure_running()
            act(supervisor, params, redefine=redefine, move=move)
        if params["state"] in ("started", "restarted"):
            supervisor.await_running(name, params["wait"])
    statename, pid = current(supervisor, name)
    return dict(result, state=statename, pid=pid)
