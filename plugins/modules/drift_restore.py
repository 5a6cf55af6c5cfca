#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_restore
short_description: Make files and settings exactly what a baseline says
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Restores content, mode, owner, group, access lists, capabilities and other extended attributes of files, links, folders and pipes.
    The content comes from the controller's store, where M(evenkeel.release.drift_contents) has put it.
  - Sets kernel settings, and whether systemd units are enabled and active, to what they were.
  - What cannot be made exactly as it was is refused by name, with what to do, before anything is changed.
  - New content is written beside its place and takes it by one rename; everything is read again afterwards, with its SHA-256.
  - Links that were made by others than root or the connecting user are not followed on the way to a file.
attributes:
  check_mode:
    support: full
    description: Says what would be restored and what is refused.
  diff_mode:
    support: full
    description: Shows attributes and texts with their secrets hidden.
  idempotent:
    support: full
    description: What is as the baseline says is not touched.
options:
  items:
    description:
      - What is wanted, as keys and items of a snapshot; null for what must not be there.
      - Either this, or O(baseline) with O(keys).
    type: dict
  baseline:
    description: Root of a record in the store.
    type: str
  keys:
    description: What to restore of O(baseline), for example C(file:/etc/motd). One that the baseline does not know must not be there.
    type: list
    elements: str
    default: []
    aliases: [paths]
  remove_added:
    description: Whether what was not there is removed. Otherwise it is left and named in RV(left).
    type: bool
    default: false
  on_refused:
    description: Whether one refusal stops everything, or the others are restored.
    type: str
    choices: [fail, skip]
    default: fail
  secret_files:
    description: Globs of files that are secrets as a whole. Their attributes are restored while their content is the same.
    type: list
    elements: str
    default: []
  fingerprint_key:
    description: Key of the fingerprints in the baseline.
    type: str
  journal_dir:
    description: Folder on the host for the note of what is being restored. Defaults to C(/var/lib/evenkeel/restore) for root, else below the home.
    type: path
  max_diff:
    description: Most bytes of a file that a diff shows.
    type: int
    default: 65536
  store:
    description: Store on the controller, a folder or C(postgresql://user:password@host/database). Defaults to C(objects) in C(evenkeel_state_dir).
    type: str
  available:
    description: Digests of contents that can be had. Set by the action plugin.
    type: list
    elements: str
    default: []
  contents_file:
    description: File on the host with those contents. Set by the action plugin.
    type: path
"""

EXAMPLES = r"""
- name: See what would happen to a file that was edited
  evenkeel.release.drift_restore:
    baseline: "{{ baseline.root }}"
    keys: [file:/etc/motd]
  check_mode: true
  diff: true

- name: Put it back, and remove the one that was added
  evenkeel.release.drift_restore:
    baseline: "{{ baseline.root }}"
    keys: [file:/etc/motd, file:/etc/cron.d/miner]
    remove_added: true
"""

RETURN = r"""
restored:
  description: What was restored, or would be.
  returned: always
  type: list
  elements: str
refused:
  description: What is not restored, each with C(reason) and C(next).
  returned: always
  type: dict
left:
  description: What was added since the baseline and is left because O(remove_added) is not set.
  returned: always
  type: list
  elements: str
same:
  description: What is as the baseline says already.
  returned: always
  type: list
  elements: str
needs:
  description: Digests of the contents that are written.
  returned: always
  type: list
  elements: str
interrupted:
  description: What an earlier restoration began and did not end, with C(unfinished) keys. Those of this call are finished by it.
  returned: when there is one
  type: dict
"""

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._restore import module as work

OPTIONS = {
    "items": {"type": "dict"},
    "baseline": {"type": "str"},
    "keys": {"type": "list", "elements": "str", "default": [], "aliases": ["paths"], "no_log": False},
    "remove_added": {"type": "bool", "default": False},
    "on_refused": {"type": "str", "default": "fail", "choices": ["fail", "skip"]},
    "secret_files": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "fingerprint_key": {"type": "str", "no_log": True},
    "journal_dir": {"type": "path"},
    "max_diff": {"type": "int", "default": 65536},
    "store": {"type": "str", "no_log": True},
    "available": {"type": "list", "elements": "str", "default": []},
    "contents_file": {"type": "path"},
}


def main():
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)

    def run(argv):
        done = subprocess.run(list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def label(path):
        context = module.selinux_default_context(os.fsdecode(path)) if module.selinux_enabled() else None
        return ":".join(context).encode() + b"\0" if context else None

    result = work.restore(module.params, run=run, label=label, check_mode=module.check_mode, diff=module._diff)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
