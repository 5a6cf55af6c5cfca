#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_teardown
short_description: Stop and remove what the process provider made for one environment
version_added: 0.1.0
description:
  - Ends the environment's supervisord with all its programs, also those that outlived a supervisord that was killed, then removes
    the environment's folder, the recorded folders outside it and its port reservations. Nothing else is touched.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Changes nothing and says what it would remove.
    support: full
  diff_mode:
    description: The removals are in C(removed).
    support: none
  idempotent:
    description: A second run changes nothing.
    support: full
options:
  state_dir:
    description: Folder of Evenkeel's state on this host.
    type: path
    required: true
  environment:
    description: Name of the environment.
    type: str
    required: true
  paths:
    description: Recorded folders of the environment; one that does not belong to it is refused.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Remove what was made for the environment
  evenkeel.release.local_teardown:
    state_dir: "{{ evenkeel_state_dir }}"
    environment: review_42
"""

RETURN = r"""
removed:
  description: What was removed, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [/home/ops/.local/state/evenkeel/environments/review_42]
"""

import contextlib
import hashlib
import os
import re
import shutil
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines import ports as book
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import EngineError


def is_own(path: str, state_dir: str, environment: str) -> bool:
    """Whether the provider may have made that folder for this environment."""
    path = os.path.normpath(path)
    digest = hashlib.sha256(state_dir.encode()).hexdigest()[:8]
    tops = [os.path.join(state_dir, "environments", environment), f"/var/lib/evenkeel-{digest}/{environment}"]
    if any(path == top or path.startswith(top + "/") for top in tops):
        return True
    return bool(re.match(r"/tmp/evenkeel-\d+/[0-9a-f]{12}\Z", path))  # noqa: S108  made private and checked by make_runtime_dir


def give_ports_back(state_dir: str, environment: str, *, check: bool) -> list[str]:
    with book.locked(state_dir, check or not os.path.isdir(state_dir)):
        before = book.read(state_dir)
        after = book.without(before, environment)
        if after != before and not check:
            book.write(state_dir, after)
    return ["reservation of port %d" % before[key] for key in sorted(set(before) - set(after))]


def run(params: dict[str, Any], check: bool) -> dict[str, Any]:
    state_dir, environment = params["state_dir"], params["environment"]
    if not re.match(r"[a-z][a-z0-9_]*\Z", environment):
        raise EngineError(f"Environment {environment!r} is not a name: allowed are a-z, 0-9 and '_', a letter first")
    foreign = [path for path in params["paths"] if not is_own(path, state_dir, environment)]
    if foreign:
        raise EngineError("Recorded folders that do not belong to {}: {}. Nothing was removed".format(environment, ", ".join(foreign)))
    top = os.path.join(state_dir, "environments", environment)
    supervisor = sv.Supervisor(os.path.join(top, "supervisor"), binary="supervisord")
    removed = []
    if supervisor.alive():
        removed.append(f"supervisord of {environment}")
        if not check:
            supervisor.shutdown()
            # One that is left now was not under its supervision any more.
            sv.end_orphans(supervisor.directory)
    else:
        left = sv.orphans(supervisor.directory) if check else sv.end_orphans(supervisor.directory)
        removed += ["process %d" % pid for pid in left]
    runtime = [supervisor.runtime] if supervisor.runtime != supervisor.directory else []
    for path in [*params["paths"], *runtime, top]:
        if os.path.isdir(path):
            removed.append(path)
            if not check:
                shutil.rmtree(path)
    for path in [*params["paths"], *runtime]:
        # The folders above those outside the state folder go with the last one in them.
        if path.startswith(("/var/lib/evenkeel-", "/tmp/evenkeel-")) and not check:  # noqa: S108
            with contextlib.suppress(OSError):
                os.removedirs(os.path.dirname(path))
    removed += give_ports_back(state_dir, environment, check=check)
    return {"changed": bool(removed), "removed": removed}


def main() -> None:
    spec = {
        "state_dir": {"type": "path", "required": True},
        "environment": {"type": "str", "required": True},
        "paths": {"type": "list", "elements": "path", "default": []},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except (EngineError, sv.SupervisorError, OSError) as exc:
        module.fail_json(msg="Teardown of {}: {}.".format(module.params["environment"], str(exc).rstrip(".")))


if __name__ == "__main__":
    main()
