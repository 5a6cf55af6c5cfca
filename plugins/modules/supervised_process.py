#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: supervised_process
short_description: Keep a local process running under supervisord, without root
version_added: 0.1.0
description:
  - Defines, starts, stops and removes one program of a supervisord that belongs to one folder.
  - Supervisord is started when it does not run yet. It is detached, so it and its programs outlive the Ansible run.
  - Talks to supervisord through its XML-RPC interface on a unix socket that only its owner can open.
author: Evenkeel contributors (@evenkeel)
requirements:
  - supervisor (Python package) on the host
attributes:
  check_mode:
    description: Changes nothing and says what it would change.
    support: full
  diff_mode:
    description: Shows the definition, with the names but not the values of its environment.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: partial
    details: The state V(restarted) restarts each time.
options:
  supervisor_dir:
    description: Folder of the supervisord; created when missing.
    type: path
    required: true
  supervisord:
    description: Path of the supervisord program. Without it, the one beside the Python interpreter, then the one on E(PATH).
    type: path
  name:
    description: Name of the program within this supervisord.
    type: str
    required: true
  state:
    description:
      - V(present) defines the program. It is not started, but it is restarted when it runs with another definition.
      - V(started) also starts it, V(restarted) also restarts it.
      - V(stopped) stops it and keeps the definition.
      - V(absent) stops it and removes the definition and its log.
    type: str
    choices: [present, started, stopped, restarted, absent]
    default: started
  command:
    description: The program, an absolute path, and its arguments. Needed unless O(state) is V(stopped) or V(absent).
    type: list
    elements: str
  directory:
    description: Working directory.
    type: path
  environment:
    description: Environment variables. They are kept in a file that only the owner can read, never in a command line.
    type: dict
    default: {}
  user:
    description: Account to run as. Needs a supervisord that runs as root.
    type: str
  stop_signal:
    description: Signal that asks the process to end.
    type: str
    choices: [TERM, INT, QUIT, HUP, USR1, USR2, KILL]
    default: TERM
  stop_wait:
    description: Seconds until a process that ignores O(stop_signal) is killed.
    type: int
    default: 10
  stop_group:
    description: Send O(stop_signal) to the process group instead of the process alone.
    type: bool
    default: false
  autorestart:
    description: Start the process again whenever it ends by itself.
    type: bool
    default: true
  wait:
    description: Seconds within which the process must be up; it counts as up when it has run for one second.
    type: float
    default: 15
"""

EXAMPLES = r"""
- name: Keep a small web server running
  evenkeel.release.supervised_process:
    supervisor_dir: "{{ evenkeel_state_dir }}/environments/staging/supervisor"
    name: hello
    command: ["{{ ansible_playbook_python }}", "-m", "http.server", "--bind", "127.0.0.1", "8001"]

- name: Stop it, and keep its definition
  evenkeel.release.supervised_process:
    supervisor_dir: "{{ evenkeel_state_dir }}/environments/staging/supervisor"
    name: hello
    state: stopped
"""

RETURN = r"""
state:
  description: State that supervisord reports, or V(ABSENT).
  returned: always
  type: str
  sample: RUNNING
pid:
  description: Process id, 0 when it does not run.
  returned: always
  type: int
  sample: 4711
log_file:
  description: Where the output of the process goes.
  returned: always
  type: str
  sample: /home/ops/.local/state/evenkeel/environments/staging/supervisor/log/hello.log
log:
  description: Last lines of that file.
  returned: failure
  type: list
  elements: str
"""

import os
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._runtime import process

ARGUMENTS: dict[str, Any] = {
    "supervisor_dir": {"type": "path", "required": True},
    "supervisord": {"type": "path"},
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "choices": ["present", "started", "stopped", "restarted", "absent"],
        "default": "started",
    },
    "command": {"type": "list", "elements": "str"},
    "directory": {"type": "path"},
    # Values are secrets as a rule; their names appear in a diff, the values nowhere.
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "user": {"type": "str"},
    "stop_signal": {"type": "str", "choices": ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"], "default": "TERM"},
    "stop_wait": {"type": "int", "default": 10},
    "stop_group": {"type": "bool", "default": False},
    "autorestart": {"type": "bool", "default": True},
    "wait": {"type": "float", "default": 15},
}


def main() -> None:
    needs_command = [("state", state, ["command"]) for state in process.DEFINING]
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=needs_command, supports_check_mode=True)
    params = module.params
    params["environment"] = {str(key): str(value) for key, value in params["environment"].items()}
    params["command"] = params["command"] or []
    # HOME=/home/ops must not turn every path of the answer into asterisks: what the options show is no secret.
    # Whole words only, so that a token which happens to be part of a path stays hidden.
    shown = " ".join([params["supervisor_dir"], params["name"], params["directory"] or ""] + params["command"])
    module.no_log_values = {value for value in module.no_log_values if not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", shown)}
    faults = sv.check_program(params) if params["state"] in process.DEFINING else []
    if faults:
        module.fail_json(msg="Process {} is not well defined: {}.".format(params["name"], "; ".join(faults)))
    log_file = os.path.join(params["supervisor_dir"], "log", params["name"] + ".log")
    try:
        module.exit_json(**process.bring(params, check=module.check_mode))
    except (sv.SupervisorError, OSError, KeyError) as exc:
        module.fail_json(
            msg="Process {} of {}: {}.".format(params["name"], params["supervisor_dir"], str(exc).rstrip(".")),
            log=sv.tail(log_file), log_file=log_file, state="UNKNOWN", pid=0,
        )  # fmt: skip


if __name__ == "__main__":
    main()
