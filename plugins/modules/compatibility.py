# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: compatibility
short_description: Tell whether versions work together, and in which order they go
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Takes what runs in an environment, what a release moves, and what C(compatibility/*.yml) declare, and looks at every state on the way, when old and new
    versions serve side by side, and on the way back, when what was migrated stays.
  - Tells each pair that breaks, which of both may move, and an order in which nothing breaks. Where there is none it says why, and what to expand first.
  - Looks at libraries that a host or a process has only once, at lock files whose parts do not fit, at end of support, and at upgrade steps that are skipped.
  - What is not declared is unknown, and unknown does not pass. Only reads, but for O(matrix_dest).
requirements:
  - semantic_version >= 2.10, packaging >= 24 and jsonschema >= 4.21 on the controller
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Writes no matrix.
  diff_mode:
    support: none
    description: The matrix is made anew each time.
options:
  documents:
    description: Documents C(compatibility/<component>.yml) or folders of them, of one team or of several.
    type: list
    elements: path
    required: true
  environment:
    description: Environment whose running versions, services and hosts count. Needed unless O(running) is given.
    type: str
    default: ""
  version:
    description: Release that is to go there. Without it and without O(wanted) what runs now is looked at.
    type: str
    default: ""
  releases_dir:
    description: Folder of the release manifests, which tell the versions of components.
    type: path
    default: ""
  running:
    description: Versions of components that the ledger does not know, such as databases of a vendor; they come before what the ledger knows.
    type: dict
    default: {}
  wanted:
    description: Versions of components that are to run, beside those of O(version); an empty text takes a component away.
    type: dict
    default: {}
  order:
    description: Components in the order in which they would be moved; without it the one of C(depends_on), as a deployment takes it.
    type: list
    elements: str
    default: []
  before:
    description: Per component a list of those that must be moved before it.
    type: dict
    default: {}
  rollback:
    description: Whether each state on a way back counts as well.
    type: bool
    default: true
  matrix_dest:
    description: Where to write what runs with what, as C(.html), C(.md) or C(.csv).
    type: path
  enforce:
    description: Whether anything else than V(passed) fails the task.
    type: bool
    default: true
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: May 1.2.0 go to production?
  evenkeel.release.compatibility:
    documents: ["{{ inventory_dir }}/compatibility"]
    environment: production
    version: 1.2.0
    releases_dir: "{{ inventory_dir }}/releases"
    running: {postgresql: 15.8.0}

- name: Write what runs with what
  evenkeel.release.compatibility:
    documents: [compatibility, ../payments/compatibility]
    environment: production
    releases_dir: "{{ inventory_dir }}/releases"
    matrix_dest: matrix.html
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed) for a definite no, V(inconclusive) when something is not declared.
  type: str
  returned: when the documents have no fault
lines:
  description: The answer for people, a line for each thing.
  type: list
  elements: str
  returned: when the documents have no fault
compatibility:
  description: >-
    C(conflicts) at the end, C(on_the_way), C(existing) ones that were there before, C(given) order and whether it works, an C(order) that works, C(why) there
    is none, what to C(expand), C(unknown), C(support), C(torn) lock files, and C(rollback), the same for a rollback of it all later. A policy sees it
    under the same name.
  type: dict
  returned: when the documents have no fault
"""
