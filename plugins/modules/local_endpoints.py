#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_endpoints
short_description: Reserve free ports and choose folders for services on this host
version_added: 0.1.0
description:
  - Reserves a port for each asked name in a file of the host that all environments share, so a port that nothing listens on yet
    (the idle colour of an application) is not given away. What is reserved stays the same in later runs.
  - Keeps the record of an environment's endpoints, which P(evenkeel.release.endpoints#lookup) reads.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Reserves nothing and returns what it would reserve.
    support: full
  diff_mode:
    description: Shows the record; reservations are named in the result.
    support: partial
    details: Only with O(state=recorded).
  idempotent:
    description: A second run with the same options changes nothing.
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
  host:
    description: Name of this host in the inventory. Needed when O(state=present).
    type: str
  services:
    description: "Services on this host: C({service - {engine, ports - {name - port, or 0 for a free one}}})."
    type: dict
    default: {}
  state:
    description:
      - V(present) reserves what O(services) asks for.
      - V(recorded) writes O(endpoints) to C(provisioned/<environment>.json) below O(state_dir).
    type: str
    choices: [present, recorded]
    default: present
  address:
    description: Address on which a port has to be free.
    type: str
    default: 127.0.0.1
  endpoints:
    description: "Endpoints of all hosts: C({service - {host - {address, ports, paths}}}). Needed when O(state=recorded)."
    type: dict
  provider:
    description: Provider of the environment, for the record.
    type: str
    default: process
"""

EXAMPLES = r"""
- name: Reserve two ports for the shop
  evenkeel.release.local_endpoints:
    state_dir: "{{ evenkeel_state_dir }}"
    environment: staging
    host: "{{ inventory_hostname }}"
    services:
      shop: {engine: application, ports: {blue: 0, green: 0}}
"""

RETURN = r"""
endpoints:
  description: "Per service: C(address), C(ports) and C(paths)."
  returned: success
  type: dict
  sample: {shop: {address: 127.0.0.1, ports: {blue: 20000, green: 20001}, paths: {root: /srv/evenkeel/environments/staging/shop/web1}}}
"""

import hashlib
import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines import ports as book
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import EngineError, reachable, unprivileged


def folders(state_dir: str, environment: str, *, service: str, host: str, engine: str) -> dict[str, str]:
    root = os.path.join(state_dir, "environments", environment, service, host)
    if engine == "postgresql":
        account = unprivileged()
        if not reachable(root, account):
            # A state folder below /root: the server's own account can't walk there.
            digest = hashlib.sha256(state_dir.encode()).hexdigest()[:8]
            root = os.path.join(f"/var/lib/evenkeel-{digest}", environment, service, host)
        socket_dir = sv.runtime_dir(os.path.join(root, "run"), account.pw_uid)
        return {"root": root, "data": os.path.join(root, "data"), "socket_dir": socket_dir}
    if engine == "haproxy":
        at = sv.runtime_dir(root, os.geteuid())
        return {"root": root, "socket": at + "/admin.sock", "map": root + "/live.map", "config": root + "/haproxy.cfg"}
    if engine == "openbao":
        return {"root": root, "keys": root + "/keys.json", "approles": root + "/approles"}
    return {"root": root}


def reserve(params: dict[str, Any], check: bool) -> dict[str, Any]:
    state_dir, environment, host = params["state_dir"], params["environment"], params["host"]
    start = book.start_of(state_dir)
    with book.locked(state_dir, check):
        before = book.read(state_dir)
        after, endpoints = dict(before), {}
        for service, wanted in params["services"].items():
            ports = {}
            for name, port in wanted["ports"].items():
                key = "/".join((environment, host, service, name))
                ports[name] = after[key] = book.reserve(after, key, int(port), address=params["address"], start=start)
            paths = folders(state_dir, environment, service=service, host=host, engine=wanted["engine"])
            endpoints[service] = {"address": params["address"], "ports": ports, "paths": paths}
        if after != before and not check:
            book.write(state_dir, after)
    return {"changed": after != before, "endpoints": endpoints}


def keep(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The record of all hosts, in one file that appears whole."""
    path = os.path.join(params["state_dir"], "provisioned", params["environment"] + ".json")
    document = {"environment": params["environment"], "provider": params["provider"], "endpoints": params["endpoints"]}
    text = json.dumps(document, indent=4, sort_keys=True) + "\n"
    before = sv.read_text(path)
    if before != text and not check:
        os.makedirs(params["state_dir"], mode=0o711, exist_ok=True)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        sv.write_private(path, text)
    diff = {"before": before or "", "after": text, "before_header": path, "after_header": path}
    return {"changed": before != text, "endpoints": params["endpoints"], "diff": diff}


def main() -> None:
    spec = {
        "state_dir": {"type": "path", "required": True},
        "environment": {"type": "str", "required": True},
        "host": {"type": "str"},
        "services": {"type": "dict", "default": {}},
        "state": {"type": "str", "choices": ["present", "recorded"], "default": "present"},
        "address": {"type": "str", "default": "127.0.0.1"},
        "endpoints": {"type": "dict"},
        "provider": {"type": "str", "default": "process"},
    }
    needed = [("state", "present", ["host"]), ("state", "recorded", ["endpoints"])]
    module = AnsibleModule(argument_spec=spec, required_if=needed, supports_check_mode=True)
    work = keep if module.params["state"] == "recorded" else reserve
    try:
        module.exit_json(**work(module.params, module.check_mode))
    except (EngineError, OSError, ValueError) as exc:
        module.fail_json(msg="Endpoints of {}: {}.".format(module.params["environment"], str(exc).rstrip(".")))


if __name__ == "__main__":
    main()
