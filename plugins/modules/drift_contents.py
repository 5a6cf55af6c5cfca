#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_contents
short_description: Keep the content of files that a baseline names, so that they can be restored
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - A snapshot holds digests only. This reads the files behind them and puts their content into the controller's store, under its SHA-256.
  - What the store has already does not travel. A file that is another one by now is refused.
  - A file that holds a secret does not leave the host. Private keys, texts with a password, a token or a URL with credentials, and all of
    O(secret_files) are refused with the reason.
  - With O(findings) it stores nothing and shows as a diff what changed in the texts of which the store has the content from before. Secrets are
    hidden on the host, before a line leaves it.
  - Use M(evenkeel.release.drift_restore) to put a file back.
attributes:
  check_mode:
    support: full
    description: Says what would be kept and stores nothing.
  diff_mode:
    support: none
    description: Nothing on the host is edited.
  idempotent:
    support: full
    description: What the store has is not sent again.
options:
  files:
    description: Paths as a snapshot writes them, each with the SHA-256 of its content.
    type: dict
    default: {}
  baseline:
    description: Root of a record in the store; its files are added to O(files).
    type: str
  match:
    description: Only files of O(baseline) whose path matches one of these globs, where C(**) crosses folders.
    type: list
    elements: str
    default: ["**"]
  findings:
    description:
      - Findings of P(evenkeel.release.drift_compare#filter). Those of a changed text get C(diff), up to twenty, where the store has the content from before
        and the host still has the one that was found. O(files), O(baseline) and O(match) are not used.
    type: list
    elements: dict
  secret_files:
    description: Globs of files that are secrets as a whole, beside those that M(evenkeel.release.drift_snapshot) takes for such.
    type: list
    elements: str
    default: []
  max_file_size:
    description: Largest file that is kept, in bytes. Of O(findings) none above 64 KiB is shown.
    type: int
    default: 4194304
  max_total:
    description: Most packed bytes in one answer of the host; more than that comes in several.
    type: int
    default: 16777216
  store:
    description: Store on the controller, a folder or C(postgresql://user:password@host/database). Defaults to C(objects) in C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Keep what is needed to put two files back
  evenkeel.release.drift_contents:
    files:
      /etc/shop/shop.conf: 0f6d2a5b0f1e1d0d8b6f1b0a3c8e5e1b7a8d9c6b5a4f3e2d1c0b9a8f7e6d5c4b
  register: kept

- name: Keep all configuration of a baseline
  evenkeel.release.drift_contents:
    baseline: "{{ baseline.root }}"
    match: [/etc/**]

- name: Show what changed in texts
  evenkeel.release.drift_contents:
    findings: "{{ drift_result.findings }}"
  register: shown
"""

RETURN = r"""
stored:
  description: Paths whose content is in the store now, each with its digest.
  returned: without O(findings)
  type: dict
refused:
  description: Paths that are not kept, each with the reason.
  returned: without O(findings)
  type: dict
known:
  description: How many contents the store had before.
  returned: without O(findings)
  type: int
findings:
  description: O(findings), with C(diff) where a text changed.
  returned: with O(findings)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._restore import contents
from ansible_collections.evenkeel.release.plugins.module_utils._restore.secret import matcher

OPTIONS = {
    "files": {"type": "dict", "default": {}},
    "baseline": {"type": "str"},
    "match": {"type": "list", "elements": "str", "default": ["**"]},
    "findings": {"type": "list", "elements": "dict"},
    "secret_files": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "max_file_size": {"type": "int", "default": 4194304},
    "max_total": {"type": "int", "default": 16777216},
    "store": {"type": "str", "no_log": True},
}


def main():
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    files = {str(path): str(digest) for path, digest in module.params["files"].items()}
    largest, secret = module.params["max_file_size"], matcher(module.params["secret_files"])
    if module.params["findings"] is not None:
        # The action plugin names the files, and takes the texts out of the result.
        module.exit_json(changed=False, texts=contents.texts(files, largest=largest, secret=secret))
    answer = contents.gather(files, largest=largest, total=module.params["max_total"], secret=secret)
    # For the action plugin alone, which takes the contents out of the result.
    module.exit_json(changed=False, contents=answer.contents, refused=answer.refused, later=answer.later)


if __name__ == "__main__":
    main()
