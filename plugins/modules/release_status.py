# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_status
short_description: Tell how far a release or a bundle is
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Judges milestones and boundaries of the manifest over the evidence document, tells of scope and freeze, of where the release runs, is verified and has
    soaked, where it may be promoted to now and if not why, and of its deployments so far.
  - Of a bundle it tells how far each release is in an environment and what it waits for. Only reads.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  version:
    description: The release.
    type: str
    default: ""
  releases_dir:
    description: Folder of the release manifests.
    type: path
    default: ""
  bundle:
    description: A bundle, instead of O(version).
    type: path
    default: ""
  environment:
    description: Environment whose evidence the criteria are judged over; needed with O(bundle).
    type: str
    default: ""
  evidence:
    description: More sections of the evidence document, such as those of tests and scans.
    type: dict
    default: {}
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: How far is 1.2.0?
  evenkeel.release.release_status:
    version: 1.2.0
    releases_dir: "{{ inventory_dir }}/releases"
    environment: staging
"""

RETURN = r"""
status:
  description: >-
    C(release), C(manifest), C(scope), C(milestones), C(boundaries), C(standing), C(complete), C(promotions) and C(configuration_items). What the manifest
    does not have is null.
  type: dict
  returned: with O(version)
bundle:
  description: C(name), C(verdict), C(order) and per release C(version), C(state), C(may_go) and C(waits_for).
  type: dict
  returned: with O(bundle)
table:
  description: The same for people, line by line.
  type: list
  elements: str
  returned: success
"""
