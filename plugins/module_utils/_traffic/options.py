# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which balancer is meant, and the drivers made from them."""

from __future__ import annotations

import threading
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import command, haproxy, nginx, none
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import WORD, Driver, Run, TrafficError

DRIVERS = (haproxy.NAME, nginx.NAME, command.NAME, none.NAME)
ARGUMENTS: dict[str, Any] = {
    "driver": {"type": "str", "choices": list(DRIVERS), "default": haproxy.NAME},
    "socket": {"type": "str"},
    "map": {"type": "path"},
    "balancers": {
        "type": "list",
        "elements": "dict",
        "options": {"socket": {"type": "str", "required": True}, "map": {"type": "path"}},
    },
    "include": {"type": "path"},
    "nginx": {"type": "list", "elements": "str", "default": ["nginx"]},
    "pid_file": {"type": "path", "default": "/run/nginx.pid"},
    "commands": {"type": "dict"},
    "timeout": {"type": "float", "default": 30},
}
MUTUALLY_EXCLUSIVE = [("socket", "balancers")]
REQUIRED_IF = [
    ("driver", haproxy.NAME, ["socket", "balancers"], True),
    ("driver", nginx.NAME, ["include"]),
    ("driver", command.NAME, ["commands"]),
]


def drivers_of(module: AnsibleModule, *, persist: bool = True) -> list[Driver]:
    """One driver per balancer; none for the driver that moves nothing."""
    params = module.params
    run = runner(module)
    if params["driver"] == haproxy.NAME:
        balancers = params["balancers"] or [{"socket": params["socket"], "map": None}]
        wanted = [(one["socket"], one["map"] or params["map"]) for one in balancers]
        _check_maps([path for _socket, path in wanted])
        return [haproxy.Driver(address, path, persist=persist) for address, path in wanted]
    if params["driver"] == nginx.NAME:
        return [nginx.Driver(params["include"], run=run, program=params["nginx"], pid_file=params["pid_file"], timeout=params["timeout"])]
    if params["driver"] == command.NAME:
        return [command.Driver(_commands(params["commands"]), run=run, timeout=params["timeout"])]
    return []


def _check_maps(paths: list[Any]) -> None:
    for path in paths:
        if path is not None and not WORD.match(path):
            raise TrafficError(f"map {path!r}: blanks, quotes, ';', '\\' and control characters are not allowed.")


def _commands(given: dict[str, Any]) -> dict[str, list[str]]:
    faults = [verb for verb, argv in given.items() if not isinstance(argv, list) or not argv]
    if faults:
        raise TrafficError(f"commands: each verb has a list, the program and its arguments; not so: {', '.join(sorted(faults))}.")
    return {str(verb): [str(argument) for argument in argv] for verb, argv in given.items()}


def runner(module: AnsibleModule) -> Run:
    """run_command has no time limit of its own, and a balancer's program may hang."""

    def run(argv: list[str], seconds: float) -> tuple[int, str, str]:
        late = threading.Event()
        timers: list[threading.Timer] = []

        def watch(process: Any) -> None:
            def end() -> None:
                late.set()
                process.kill()

            timers.append(threading.Timer(seconds, end))
            timers[0].daemon = True
            timers[0].start()

        try:
            code, said, errors = module.run_command(argv, before_communicate_callback=watch, handle_exceptions=False)
        except ValueError as exc:
            raise TrafficError(f"{argv[0]} cannot be run: {exc}") from exc
        finally:
            for timer in timers:
                timer.cancel()
        if late.is_set():
            raise TrafficError(f"{' '.join(argv[:2])} did not end within {seconds:g}s and was killed.")
        return int(code), str(said), str(errors)

    return run
