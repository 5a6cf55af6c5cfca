#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: immutable_paths
short_description: Keep files and folders from being changed
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Sets the immutable attribute (C(chattr +i)) of all files and folders below O(paths), or mounts the folders on themselves read-only.
  - Where the file system has no such attribute, or the capability is missing, write bits are taken out of the modes instead. That holds everybody
    but root, and RV(weak) says where it was done.
  - Use role P(evenkeel.release.immutable#role), which lifts the protection only under the environment's lease.
attributes:
  check_mode:
    support: full
    description: Says what would be protected or lifted.
  diff_mode:
    support: full
    description: Shows how many files are protected in which way, before and after.
  idempotent:
    support: full
    description: What is protected, or was lifted, is left as it is.
options:
  paths:
    description: Files and folders. Links are not followed.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(applied) protects, V(lifted) takes the protection off again.
      - V(verified) changes nothing and tells in RV(held) whether everything is protected.
    type: str
    choices: [applied, lifted, verified]
    default: applied
  method:
    description: V(attribute) is the immutable attribute, V(bind) a read-only mount that lasts until the next boot.
    type: str
    choices: [attribute, bind]
    default: attribute
  fallback:
    description: Whether modes without write bits do where there is no attribute.
    type: bool
    default: true
  state_dir:
    description: Folder on the host that keeps the modes which were narrowed. Defaults to C(/var/lib/evenkeel/immutable) for root, else below the home.
    type: path
  units:
    description: Units of systemd whose C(ReadOnlyPaths) are to name O(unit_paths); only looked at.
    type: list
    elements: str
    default: []
  unit_paths:
    description: What the units may not write.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Protect the releases
  evenkeel.release.immutable_paths:
    paths: [/srv/shop/releases]

- name: See whether they still are
  evenkeel.release.immutable_paths:
    paths: [/srv/shop/releases]
    state: verified
  register: protection
  failed_when: not protection.held
"""

RETURN = r"""
held:
  description: Whether everything is protected now, weakly or not, and the units are set so.
  returned: always
  type: bool
protected:
  description: How many files and folders are protected by C(attribute), C(bind), C(modes), or by C(none).
  returned: always
  type: dict
weak:
  description: Paths that are protected by their mode only, a hundred at most.
  returned: always
  type: list
  elements: str
open:
  description: Paths that are not protected, a hundred at most.
  returned: always
  type: list
  elements: str
units:
  description: Per unit whether it is C(declared), and C(in_effect) for the process that runs, null when none does.
  returned: always
  type: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._immutable import bind, units
from ansible_collections.evenkeel.release.plugins.module_utils._immutable.act import perform
from ansible_collections.evenkeel.release.plugins.module_utils._immutable.modes import Modes
from ansible_collections.evenkeel.release.plugins.module_utils._immutable.tree import Fault
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

OPTIONS = {
    "paths": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "default": "applied", "choices": ["applied", "lifted", "verified"]},
    "method": {"type": "str", "default": "attribute", "choices": ["attribute", "bind"]},
    "fallback": {"type": "bool", "default": True},
    "state_dir": {"type": "path"},
    "units": {"type": "list", "elements": "str", "default": []},
    "unit_paths": {"type": "list", "elements": "str", "default": []},
}
# Whoever is not root keeps what it needs at home.
HOME = {True: "/var/lib/evenkeel/immutable", False: "~/.local/state/evenkeel/immutable"}


def main():
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    params = module.params
    try:
        result = perform(
            [os.fsencode(os.path.normpath(path)) for path in params["paths"]],
            state=params["state"],
            method=params["method"],
            fallback=params["fallback"],
            modes=Modes(params["state_dir"] or HOME[os.geteuid() == 0], alone=not module.check_mode and params["state"] != "verified"),
            dry=module.check_mode,
            run=bind.command,
        )
        result["units"] = {unit: units.state(unit, params["unit_paths"], lines=Host().lines) for unit in params["units"]}
    except (Fault, Unknown, OSError, ValueError) as exc:
        module.fail_json(msg=f"Setting {', '.join(params['paths'])} to {params['state']} was stopped: {exc}.")
    result["held"] = result["held"] and all(unit["declared"] for unit in result["units"].values())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
