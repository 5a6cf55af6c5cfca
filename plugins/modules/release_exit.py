# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_exit
short_description: Run the exit checks of a release and record whether it is complete
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Judges C(exit_checks) of the manifest after a deployment and records the answer. A release is complete in an environment only when they passed after
    its last deployment there.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Judges and records nothing.
  diff_mode:
    support: N/A
    description: Changes nothing but the ledger.
options:
  version:
    description: The release.
    type: str
    required: true
  releases_dir:
    description: Folder of the release manifests.
    type: path
    required: true
  environment:
    description: Environment to which it was deployed.
    type: str
    required: true
  evidence:
    description: Sections of the evidence document beside those that the ledger tells, such as probes.
    type: dict
    default: {}
  enforce:
    description: Whether checks that do not pass fail the task.
    type: bool
    default: true
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Is 1.2.0 complete in production?
  evenkeel.release.release_exit:
    version: 1.2.0
    releases_dir: "{{ inventory_dir }}/releases"
    environment: production
    evidence:
      probes: {verdict: passed}
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed) or V(errored).
  type: str
  returned: when the release runs there
checks:
  description: C(name), C(verdict), C(needed), C(found) and C(problem) of each check.
  type: list
  elements: dict
  returned: when the release runs there
table:
  description: The same for people, line by line.
  type: list
  elements: str
  returned: when the release runs there
entry:
  description: The entry of the ledger.
  type: dict
  returned: not in check mode
"""
