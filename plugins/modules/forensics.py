#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: forensics
short_description: Keep what tells why a service failed on a host
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Collects the ends of logs, the journal, what the supervisor or systemd says, processes, listening ports, configuration, release links and
    figures of memory and disk into one archive with a manifest, and brings it to the controller as an object that is named by its digest.
  - A part that is not there or cannot be read says why in the manifest; none of them fails the others. Everything has a limit of size and of time.
  - Secrets never leave the host. O(secrets) are taken out of every text, as are values that configuration files and the environment of the
    service's processes have under telling names, and whatever tells itself by its form.
attributes:
  action:
    support: full
    description: Collects on the host; stores and records on the controller.
  check_mode:
    support: full
    description: Collects and says what the bundle would hold; nothing is kept or recorded.
  diff_mode:
    support: none
    description: Changes nothing but the evidence that is kept.
options:
  service:
    description: Name of the service.
    type: str
    required: true
  since:
    description: From when on the journal is taken, in seconds since the epoch. The default is an hour ago.
    type: float
  logs:
    description: Log files, paths or globs.
    type: list
    elements: str
    default: []
  config:
    description: Configuration files, paths or globs.
    type: list
    elements: str
    default: []
  root:
    description: Folder of the service with its releases and links.
    type: path
  units:
    description: Units of systemd.
    type: list
    elements: str
    default: []
  programs:
    description: Programs of the supervisord of O(supervisor_dir).
    type: list
    elements: str
    default: []
  supervisor_dir:
    description: Folder of a supervisord as M(evenkeel.release.supervised_process) has it.
    type: path
  given:
    description: What others found, by name; each becomes a part. Usual are C(probes), C(series), C(balancer) and C(drift).
    type: dict
    default: {}
  secrets:
    description: Values that must not be in any text, a list or a mapping of any depth.
    type: raw
  lines:
    description: Most lines of each log.
    type: int
    default: 2000
  size:
    description: Most bytes of each log.
    type: int
    default: 1048576
  most:
    description: Most bytes of all parts together, before they are packed.
    type: int
    default: 16777216
  deadline:
    description: Seconds for all parts together; no part takes more than 10.
    type: float
    default: 30
  dest:
    description: Keep the bundle on the host in this file too.
    type: path
  store:
    description: Folder on the controller for bundles; without, C(evidence) in the state directory.
    type: path
  environment:
    description: Environment for the record; without, C(evenkeel_target).
    type: str
  release:
    description: Release for the record; without, C(evenkeel_version).
    type: str
  deployment:
    description: Id of the deployment's intent, for the record.
    type: str
    default: ""
  reason:
    description: Why it is collected, for the manifest and the record.
    type: str
    default: ""
  record:
    description: Whether the bundle is recorded in the ledger.
    type: bool
    default: true
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
seealso:
  - module: evenkeel.release.diagnose
  - module: evenkeel.release.drift_evidence
"""

EXAMPLES = r"""
- name: Keep what a unit left
  evenkeel.release.forensics:
    service: shop
    units: [shop.service]
    logs: [/var/log/shop/*.log]
    config: [/etc/shop/*.ini]
    secrets: "{{ secrets }}"
  become: true

- name: Keep what a supervised program left, with what probes said
  evenkeel.release.forensics:
    service: shop
    root: /srv/shop
    config: [/srv/shop/config/*/*]
    programs: [shop-green-web1]
    supervisor_dir: /srv/supervisor
    given: {probes: "{{ probed.probes }}"}
    deployment: "{{ deploy_intent }}"
"""

RETURN = r"""
path:
  description: The bundle on the controller.
  returned: when it is kept
  type: str
  sample: /var/lib/evenkeel/evidence/3f/3f0c….tar.gz
sha256:
  description: Digest of the bundle.
  returned: success
  type: str
size:
  description: Its bytes.
  returned: success
  type: int
manifest:
  description: "What it holds: C(format), C(service), C(host), C(taken_at), C(since), C(redacted) and C(parts)."
  returned: success
  type: dict
  contains:
    parts:
      description: "Each with C(name), C(source), C(state) (V(taken), V(cut), V(missing), V(skipped), V(failed) or V(timed_out)), and either C(size)
        and C(sha256) or the C(reason)."
      type: list
      elements: dict
entry:
  description: The entry of the ledger.
  returned: when it is recorded
  type: dict
"""

import hashlib
import json
import os
import socket
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.collect import Wanted, collect
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.mask import Mask

ARGUMENTS = {
    "service": {"type": "str", "required": True},
    "since": {"type": "float"},
    "logs": {"type": "list", "elements": "str", "default": []},
    "config": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path"},
    "units": {"type": "list", "elements": "str", "default": []},
    "programs": {"type": "list", "elements": "str", "default": []},
    "supervisor_dir": {"type": "path"},
    "given": {"type": "dict", "default": {}},
    # A list as one JSON text: Ansible takes hidden values out of the result too, and a short one would damage the digest.
    "secrets": {"type": "raw", "no_log": True},
    "lines": {"type": "int", "default": 2000},
    "size": {"type": "int", "default": 1 << 20},
    "most": {"type": "int", "default": 16 << 20},
    "deadline": {"type": "float", "default": 30},
    "dest": {"type": "path"},
    "reason": {"type": "str", "default": ""},
    # Of these the action makes what it keeps and records on the controller.
    "store": {"type": "path"},
    "environment": {"type": "str"},
    "release": {"type": "str"},
    "deployment": {"type": "str", "default": ""},
    "record": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}


def faults(params):
    found = [f"{name}: found {params[name]:g}, allowed is more than 0" for name in ("lines", "size", "most", "deadline") if params[name] <= 0]
    if params["programs"] and not params["supervisor_dir"]:
        found.append("supervisor_dir: is missing, programs need it")
    found += [f"{name}: {path!r} is not an absolute path" for name in ("logs", "config") for path in params[name] if not path.startswith("/")]
    return found


def written(data, dest):
    """Only for its owner. What is not asked for by name goes where there is room; a full disk is one of the things that are looked into."""
    if dest:
        handle, path = tempfile.mkstemp(dir=os.path.dirname(dest) or ".", prefix=".forensics-")
    else:
        handle, path = tempfile.mkstemp(prefix="evenkeel-forensics-", suffix=".tar.gz")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        if dest:
            os.replace(path, dest)
    except BaseException:
        os.unlink(path)
        raise
    return dest or path


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    wrong = faults(params)
    if wrong:
        module.fail_json(msg=f"Nothing was collected of {params['service']}: " + "; ".join(wrong) + ".")
    now = time.time()
    since = now - 3600 if params["since"] is None else params["since"]
    secrets = json.loads(params["secrets"]) if isinstance(params["secrets"], str) else params["secrets"] or []
    mask = Mask(secrets)
    several = {name: tuple(params[name]) for name in ("logs", "config", "units", "programs")}
    single = {name: params[name] or "" for name in ("root", "supervisor_dir")}
    limits = {name: params[name] for name in ("lines", "size", "most", "deadline")}
    made = collect(Wanted(service=params["service"], since=since, given=params["given"], **several, **single, **limits), mask)
    about = {
        "service": params["service"],
        "host": socket.gethostname(),
        "taken_at": round(now, 3),
        "since": since,
        "seconds": round(time.time() - now, 3),
        "reason": mask.data(params["reason"]),
        "redacted": mask.count,
        "values_to_hide": len(secrets),
        "limits": limits,
    }
    data, manifest = made.packed(mask.data(about), time=now)
    result = {"changed": False, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "manifest": manifest}
    if not module.check_mode:
        try:
            result["remote"] = written(data, params["dest"])
        except OSError as exc:
            module.fail_json(msg=f"Writing the bundle of {params['service']} failed: {exc}. Free space, or set dest.", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
