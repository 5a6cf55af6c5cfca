#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_artifact
short_description: Install and activate immutable releases of a service
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Fetches an artifact once, proves its SHA-256, unpacks it into C(releases/<version>) below O(root) and never changes it again.
  - O(state=active) points the link C(current) at an installed release with one atomic rename.
  - A version that is installed from another digest, or whose files were edited, is refused.
attributes:
  check_mode:
    support: full
    description: Says what would be installed or activated and changes nothing.
  diff_mode:
    support: full
    description: Shows the installed versions and the current one before and after.
options:
  root:
    description: Folder of the service on the host.
    type: path
    required: true
  version:
    description: Version of the release; required unless O(state=info) or O(state=inactive).
    type: str
  state:
    description:
      - V(present) installs the release; V(active) also needs it to be installed and makes it current.
      - V(inactive) removes the link C(current); V(info) only reports.
    type: str
    choices: [present, active, inactive, info]
    default: present
  source:
    description:
      - The artifact, a tar archive, as a C(http), C(https) or C(file) URL or as a path.
      - A path is read on the controller and sent only to hosts that lack the release.
      - When M(evenkeel.release.artifact) has put the artifact of O(sha256) into the cache of the controller, it is sent from there whatever
        this says; an C(oci) or C(s3) address needs that.
    type: str
  sha256:
    description: Digest of the artifact that the release manifest pins, 64 hexadecimal digits; required with O(state=present).
    type: str
  keep:
    description: How many installed releases to keep after an installation.
    type: int
    default: 5
  protect:
    description: Versions that are never removed.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the server of the artifact.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Install release 1.1.0
  evenkeel.release.release_artifact:
    root: /srv/shop
    version: 1.1.0
    source: https://artifacts.example.com/shop-1.1.0.tar.gz
    sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae

- name: Install what evenkeel.release.artifact fetched once for all hosts
  evenkeel.release.release_artifact:
    root: /srv/shop
    version: 1.1.0
    source: "{{ fetched.artifact.path }}"
    sha256: "{{ fetched.artifact.sha256 }}"

- name: Make it the current one
  evenkeel.release.release_artifact:
    root: /srv/shop
    version: 1.1.0
    state: active
"""

RETURN = r"""
release_dir:
  description: Folder of the release.
  type: str
  returned: when O(version) is given
current:
  description: Version that C(current) points at afterwards; empty when there is none.
  type: str
  returned: always
colour:
  description: Colour whose configuration is live; empty when there is none.
  type: str
  returned: always
installed:
  description: Versions that are installed afterwards, oldest first.
  type: list
  elements: str
  returned: always
removed:
  description: Versions that retention removed.
  type: list
  elements: str
  returned: always
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._release import stage
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")


def observe(tree):
    return {"current": tree.current() or "", "colour": tree.colour(), "installed": tree.installed()}


def install(tree, params, check_mode):
    """Returns (changed, removed versions)."""
    if not stage.lacks(tree, params):
        return False, []
    return True, [] if check_mode else stage.install(tree, params)


def activate(tree, params, check_mode):
    if tree.current() == params["version"]:
        return False
    if not check_mode:
        tree.activate(params["version"])
    return True


def deactivate(tree, check_mode):
    if tree.current() is None or tree.foreign():
        return False
    if not check_mode:
        tree.deactivate()
    return True


def run(params, check_mode):
    tree = ReleaseTree(params["root"])
    before = observe(tree)
    removed = []
    changed = False
    if params["state"] == "present":
        changed, removed = install(tree, params, check_mode)
    elif params["state"] == "active":
        changed = activate(tree, params, check_mode)
    elif params["state"] == "inactive":
        changed = deactivate(tree, check_mode)
    after = observe(tree)
    if check_mode and changed:
        after = dict(before)
        if params["state"] == "present":
            after["installed"] = [*before["installed"], params["version"]]
        else:
            after["current"] = params["version"] if params["state"] == "active" else ""
    result = {"changed": changed, "removed": removed, "diff": {"before": before, "after": after}, **after}
    if params["version"]:
        result["release_dir"] = tree.path(params["version"])
    return result


def main():
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "version": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "active", "inactive", "info"], "default": "present"},
            "source": {"type": "str"},
            "sha256": {"type": "str"},
            "keep": {"type": "int", "default": 5},
            "protect": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 30},
        },
        required_if=[("state", "present", ("version", "sha256")), ("state", "active", ("version",))],
        supports_check_mode=True,
    )
    version = module.params["version"]
    if version and not VERSION.fullmatch(version):
        module.fail_json(msg=f"version is {version!r}; allowed are letters, digits and . + _ - after a first letter or digit.")
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except ReleaseError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
