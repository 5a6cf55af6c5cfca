#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_replace
short_description: Bring the release that a service runs on its host
version_added: 0.1.0
description:
  - Stops the release that runs, starts the one that was staged, waits until it is healthy, and points the links of the current release and of the
    live configuration at it. One call does all of it, so that a host of a rolling deployment costs one round trip.
  - A release that is not healthy in time is an error; it is left as it is, so that it can be looked at before somebody brings the old one back.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Changes nothing and says what it would change; nothing is probed.
    support: full
  diff_mode:
    description: Shows the release before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing; it probes again.
    support: full
options:
  root:
    description: Folder of the service.
    type: path
    required: true
  release:
    description: Release that has to run. Empty when none has to, then the service is only stopped.
    type: str
    required: true
  colour:
    description: Folder below C(config) that the live configuration has to point at.
    type: str
    required: true
  start:
    description: What has to run. Needed unless O(release) is empty.
    type: dict
    suboptions: &runs
      kind:
        description: What keeps the process running.
        type: str
        choices: [process, systemd]
        required: true
      name:
        description: Name of the supervised program, or of the unit with its suffix C(.service).
        type: str
        required: true
      supervisor_dir:
        description: Folder of the supervisord, for V(process).
        type: path
      supervisord:
        description: Path of the supervisord program, for V(process).
        type: path
      command:
        description: The program, an absolute path, and its arguments, for V(process).
        type: list
        elements: str
        default: []
      directory:
        description: Working directory, for V(process).
        type: path
      environment:
        description: Environment variables, for V(process).
        type: dict
        default: {}
      user:
        description: Account to run as, for V(process).
        type: str
      stop_wait:
        description: Seconds until a process that does not end by itself is killed, for V(process).
        type: int
        default: 30
      unit:
        description: Content of the unit's file, for V(systemd).
        type: str
      environment_file:
        description:
          - Content of the file beside it that ends in C(.env) and that only root can read, for V(systemd).
          - Empty for none. The unit names it as its C(EnvironmentFile).
        type: str
        default: ""
  stop:
    description: What must not run any more; it is stopped first. Without, nothing is stopped.
    type: dict
    suboptions: *runs
  activate:
    description:
      - Whether the links of the current release and of the live configuration are pointed at it.
      - V(false) starts it beside the one that serves.
    type: bool
    default: true
  probes:
    description: Probes that say whether the service is healthy, as M(evenkeel.release.health_probe) takes them.
    type: list
    elements: dict
    default: []
  healthy_deadline:
    description: Seconds within which it must be healthy.
    type: float
    default: 60
  minimum_healthy:
    description: Seconds for which all probes must pass without a break before it counts as healthy.
    type: float
    default: 0
  interval:
    description: Seconds between two looks at its health.
    type: float
    default: 0.2
"""

EXAMPLES = r"""
- name: Replace the shop on this host
  evenkeel.release.service_replace:
    root: /srv/shop
    release: 1.1.0
    colour: green
    start: {kind: systemd, name: shop-green.service, unit: "{{ lookup('ansible.builtin.template', 'shop.service.j2') }}"}
    stop: {kind: systemd, name: shop-blue.service}
    probes:
      - {name: ready, type: http, url: "http://127.0.0.1:8001/health/ready"}
    minimum_healthy: 10
"""

RETURN = r"""
before:
  description: Release that was current, empty for none.
  returned: always
  type: str
  sample: 1.0.0
steps:
  description: What was done, in this order, with its seconds and whether it changed something.
  returned: always
  type: list
  elements: dict
  sample: [{step: stop, changed: true, seconds: 0.21}, {step: start, changed: true, seconds: 1.1}]
probes:
  description: What the probes said, as M(evenkeel.release.health_probe) returns it.
  returned: when something was probed
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree
from ansible_collections.evenkeel.release.plugins.module_utils._runtime import process, replace, unit

RUNS: dict[str, Any] = {
    "kind": {"type": "str", "choices": ["process", "systemd"], "required": True},
    "name": {"type": "str", "required": True},
    "supervisor_dir": {"type": "path"},
    "supervisord": {"type": "path"},
    "command": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path"},
    # Values are secrets as a rule.
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "user": {"type": "str"},
    "stop_wait": {"type": "int", "default": 30},
    "unit": {"type": "str"},
    "environment_file": {"type": "str", "default": "", "no_log": True},
}
ARGUMENTS: dict[str, Any] = {
    "root": {"type": "path", "required": True},
    "release": {"type": "str", "required": True},
    "colour": {"type": "str", "required": True},
    "start": {"type": "dict", "options": RUNS},
    "stop": {"type": "dict", "options": RUNS},
    "activate": {"type": "bool", "default": True},
    "probes": {"type": "list", "elements": "dict", "default": []},
    "healthy_deadline": {"type": "float", "default": 60},
    "minimum_healthy": {"type": "float", "default": 0},
    "interval": {"type": "float", "default": 0.2},
}
FAULTS = (sv.SupervisorError, unit.UnitError, replace.ReplaceError, ReleaseError, OSError, KeyError)


def faults(params: dict[str, Any], probe_faults: list[str]) -> list[str]:
    found = list(probe_faults)
    if params["release"] and not params["start"]:
        found.append("start: is missing, and release is {}".format(params["release"]))
    for option in ("interval", "healthy_deadline"):
        if params[option] <= 0:
            found.append(f"{option}: {params[option]:g}, allowed is more than 0")
    for side in ("start", "stop"):
        runs = params[side] or {}
        if runs.get("kind") == "process" and not runs["supervisor_dir"]:
            found.append(f"{side}.supervisor_dir: is missing, kind process needs it")
    if params["start"] and params["start"]["kind"] == "process":
        found += [f"start.{fault}" for fault in sv.check_program(params["start"])]
    return found


def bring(module: AnsibleModule, runs: dict[str, Any], *, started: bool) -> bool:
    if runs["kind"] == "systemd":
        text = runs["unit"] if started else None
        settings = runs["environment_file"]
        return unit.bring(module.run_command, name=runs["name"], text=text, settings=settings, started=started, check=module.check_mode)
    program = {"stop_signal": "TERM", "stop_group": False, "autorestart": True, "wait": 15, **runs, "state": "started" if started else "stopped"}
    program["environment"] = {str(key): str(value) for key, value in runs["environment"].items()}
    return bool(process.bring(program, check=module.check_mode)["changed"])


def run(module: AnsibleModule, specs: list[dict[str, Any]], course: replace.Course) -> list[dict[str, Any]]:
    params, check = module.params, module.check_mode
    probes: list[dict[str, Any]] = []
    if params["stop"]:
        course.take("stop", lambda: bring(module, params["stop"], started=False))
    if params["release"]:
        course.take("start", lambda: bring(module, params["start"], started=True))
    if params["release"] and specs and not check:
        health = replace.Health(params["healthy_deadline"], params["minimum_healthy"], params["interval"])
        course.take("health", lambda: probes.extend(replace.await_health(specs, health)) or False)
    if params["activate"]:
        if params["release"]:
            course.take("configuration", lambda: replace.link(params["root"] + "/config/live", params["colour"], check=check))
        course.take("release", lambda: replace.activate(params["root"], params["release"], check=check))
    return probes


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    specs, probe_faults = complete(params["probes"])
    found = faults(params, probe_faults)
    if found:
        module.fail_json(msg="The service cannot be replaced like this: {}.".format("; ".join(found)))
    course = replace.Course()
    before = ""
    try:
        tree = ReleaseTree(params["root"])
        before = tree.current() or ""
        if params["release"]:
            tree.require(params["release"])
        probes = run(module, specs, course)
    except FAULTS as exc:
        doing = course.steps[-1]["step"] if course.steps else "look"
        said = "Release {} in {}: {}: {}".format(params["release"] or "none", params["root"], doing, str(exc).rstrip("."))
        module.fail_json(msg=said + ".", before=before, steps=course.steps, probes=getattr(exc, "probes", []), changed=course.changed)
    diff = {"before": before + "\n", "after": params["release"] + "\n", "before_header": params["root"], "after_header": params["root"]}
    module.exit_json(changed=course.changed, before=before, steps=course.steps, probes=probes, diff=diff)


if __name__ == "__main__":
    main()
