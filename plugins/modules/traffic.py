#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic
short_description: Move traffic at a running balancer, without a reload
version_added: 0.1.0
description:
  - Switches a service to another backend, and drains, stops or weighs single servers, through the runtime socket of HAProxy.
  - A switch is written to the map file as well, so a restart of the balancer keeps it. It is verified afterwards.
  - Unknown maps, keys, backends and servers are errors that name the existing ones; nothing is created.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Changes nothing and says what it would change. Nothing is waited for; a backend that is down now is a warning.
    support: full
  diff_mode:
    description: Shows the value before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
options:
  socket:
    description: Runtime socket of the balancer, a path or V(host:port). It must have the level C(admin).
    type: str
    required: true
  state:
    description:
      - V(switched) sets O(key) of O(map) to O(value).
      - V(ready), V(drain) and V(maint) set the state of O(server) in O(backend).
      - V(drained) waits until O(server), or all of O(backend), has no session left.
      - V(weighted) sets O(weight) of O(server).
    type: str
    choices: [switched, ready, drain, maint, drained, weighted]
    default: switched
  map:
    description: Map file, as the balancer's configuration names it.
    type: path
  key:
    description: Key in the map, for example the name of a service.
    type: str
  value:
    description: New value, for example the name of a backend. It has to be the name of an existing backend.
    type: str
  backend:
    description: Name of a backend.
    type: str
  server:
    description: Name of a server in O(backend).
    type: str
  weight:
    description: Weight, 0 to 256.
    type: int
  deadline:
    description: Seconds that O(state=drained) waits for the last session, and O(state=switched) for its new backend to be up.
    type: float
    default: 30
  wait_up:
    description:
      - With O(state=switched), switch only to a backend that is up, that is, has a server which passes its checks.
      - Without, the switch is made whatever the checks say, for example back to the only version that is left.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Send the shop's requests to green
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
    key: shop
    value: shop_green

- name: Go back to blue, whatever its checks say
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
    key: shop
    value: shop_blue
    wait_up: false

- name: Wait until blue has finished its requests
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    state: drained
    backend: shop_blue
    deadline: 60

- name: Take one server out
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    state: drain
    backend: shop_blue
    server: web1_blue
"""

RETURN = r"""
before:
  description: Value, state or weight that was found.
  returned: when something is set
  type: raw
  sample: shop_blue
after:
  description: Value, state or weight now; in check mode, what it would be.
  returned: when something is set
  type: raw
  sample: shop_green
waited:
  description: Seconds until the last session had ended, or until the new backend was up.
  returned: when O(state=drained), and when O(state=switched) has waited
  type: float
  sample: 0.12
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _haproxy as hp

STATES = ["switched", "ready", "drain", "maint", "drained", "weighted"]
ARGUMENTS: dict[str, Any] = {
    "socket": {"type": "str", "required": True},
    "state": {"type": "str", "choices": STATES, "default": "switched"},
    "map": {"type": "path"},
    # A key of a map is the name of a service, not a secret.
    "key": {"type": "str", "no_log": False},
    "value": {"type": "str"},
    "backend": {"type": "str"},
    "server": {"type": "str"},
    "weight": {"type": "int"},
    "deadline": {"type": "float", "default": 30},
    "wait_up": {"type": "bool", "default": True},
}
REQUIRED = [("state", "switched", ["map", "key", "value"]), ("state", "drained", ["backend"])]
REQUIRED += [("state", state, ["backend", "server"]) for state in ("ready", "drain", "maint")]
REQUIRED += [("state", "weighted", ["backend", "server", "weight"])]


def changed(params: dict[str, Any], before: Any, after: Any) -> dict[str, Any]:
    subject = params["key"] if params["state"] == "switched" else "{}/{}".format(params["backend"], params["server"])
    shown = {"before": f"{subject} {before}\n", "after": f"{subject} {after}\n"}
    return {"changed": before != after, "before": before, "after": after, "diff": shown}


def switch(balancer: hp.Balancer, params: dict[str, Any], check: bool) -> dict[str, Any]:
    path, key, value = params["map"], params["key"], params["value"]
    entries = balancer.entries(path)
    if key not in entries:
        raise hp.TrafficError(f"Map {path} has no key {key}; it has {hp.existing(entries)}.")
    backends = balancer.backends()
    if value not in backends:
        raise hp.TrafficError(f"HAProxy at {balancer.address} has no backend {value}; it has {hp.existing(backends)}.")
    kept = hp.file_entries(hp.read_map_file(path)).get(key)
    result = changed(params, entries[key], value)
    # A file that disagrees with the process would undo the switch at the next restart.
    result["changed"] = result["changed"] or kept != value
    moves = entries[key] != value and params["wait_up"]
    if check and moves and not hp.is_up(backends[value]):
        states = hp.server_states(backends[value])
        result["warnings"] = [f"Backend {value} is {backends[value]['status']} now ({states}); a real run would wait for it."]
    if result["changed"] and not check:
        if moves:
            result["waited"] = round(balancer.wait_up(value, deadline=params["deadline"]), 3)
        balancer.switch(path, key, value)
    return result


def set_server(balancer: hp.Balancer, params: dict[str, Any], check: bool) -> dict[str, Any]:
    backend, server, state = params["backend"], params["server"], params["state"]
    found = balancer.server(backend, server)
    if state == "weighted":
        result = changed(params, found.get("weight"), params["weight"])
        if result["changed"] and not check:
            balancer.set_weight(backend, server, params["weight"])
        return result
    result = changed(params, hp.admin_state(found["status"]), state)
    if result["changed"] and not check:
        balancer.set_state(backend, server, state)
    return result


def run(params: dict[str, Any], check: bool) -> dict[str, Any]:
    for option in ("map", "key", "value", "backend", "server"):
        if params[option] is not None and not hp.WORD.match(params[option]):
            raise hp.TrafficError(f"{option} {params[option]!r}: blanks, ';', '\\', '<', '>' and control characters are not allowed.")
    if params["weight"] is not None and not 0 <= params["weight"] <= 256:
        raise hp.TrafficError("weight %d: allowed is 0 to 256." % params["weight"])
    balancer = hp.Balancer(params["socket"])
    if params["state"] == "switched":
        return switch(balancer, params, check)
    if params["state"] == "drained":
        deadline = 0.0 if check else params["deadline"]
        try:
            return {"changed": False, "waited": round(balancer.wait_drained(params["backend"], params["server"], deadline=deadline), 3)}
        except hp.TrafficError:
            if not check:
                raise
            return {"changed": False, "waited": 0.0}
    return set_server(balancer, params, check)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=REQUIRED, supports_check_mode=True)
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except (hp.TrafficError, OSError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
