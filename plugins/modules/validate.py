#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check all documents and report every fault at once
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Checks C(evenkeel_environment) and C(evenkeel_services) of the inventory, release manifests, policies and masking policies
    against their schemas, and against each other.
  - Unknown keys, keys that are written twice, services and environments that depend on each other in a circle, hosts in two
    environments and dates that have passed are faults as well.
  - The task fails when there is a fault. Its message names for each one file, line, key path, what was found and what is allowed.
  - Runs on the controller.
requirements:
  - jsonschema >= 4.21 on the controller
  - jmespath >= 1.0.1 on the controller
attributes:
  check_mode:
    support: full
    description: Only reads, so it runs in check mode as well.
  diff_mode:
    support: none
    description: Changes nothing that could be shown.
options:
  environments:
    description: Environments to check; when empty, all that the inventory has.
    type: list
    elements: str
    default: []
  releases:
    description: Release manifests; of a folder all C(*.yml).
    type: list
    elements: path
    default: []
  policies:
    description: Policies; of a folder all C(*.yml).
    type: list
    elements: path
    default: []
  masking:
    description: Masking policies; of a folder all C(*.yml).
    type: list
    elements: path
    default: []
  compatibility:
    description: Documents of what components offer and need; of a folder all C(*.yml). The lock files that they name are read as well.
    type: list
    elements: path
    default: []
  bundles:
    description: Bundles; of a folder all C(*.yml). The manifests that they pin are read as well.
    type: list
    elements: path
    default: []
  changes:
    description: Folder of the documents of changes, C(rules.yml), C(cab.yml) and C(standard/*.yml).
    type: path
    default: ""
  calendars:
    description: Calendars; of a folder all C(*.yml) and C(*.ics).
    type: list
    elements: path
    default: []
  reservations:
    description: Bookings as code; of a folder all C(*.yml). Whether they fit each other is told by M(evenkeel.release.reservation).
    type: list
    elements: path
    default: []
  handoffs:
    description: Handoffs; of a folder all C(*.yml).
    type: list
    elements: path
    default: []
  trust:
    description: The trusted place with people, approval rules, duties, access documents and allowed signers.
    type: path
  target:
    description: Environment that O(version) is meant for. Components and services that do not match are faults then.
    type: str
    default: ""
  version:
    description: Release among O(releases) to check against O(target).
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Check the documents of the inventory
  evenkeel.release.validate:

- name: Check that release 1.1.0 fits staging
  evenkeel.release.validate:
    releases: ["{{ inventory_dir }}/releases"]
    policies: ["{{ inventory_dir }}/policies"]
    target: staging
    version: 1.1.0
"""

RETURN = r"""
faults:
  description: Every fault; empty when the documents are valid.
  type: list
  elements: dict
  returned: always
  contains:
    file:
      description: File, or where else the value comes from.
      type: str
    line:
      description: Line, counted from 1; 0 when it is not known.
      type: int
    path:
      description: Key path.
      type: str
    found:
      description: What was found. Values of keys that look like secrets are C([REDACTED]).
      type: str
    allowed:
      description: What is allowed.
      type: str
    hint:
      description: What to do about it; may be empty.
      type: str
  sample:
    - file: inventory/group_vars/staging.yml
      line: 4
      path: evenkeel_environment.tier
      found: '"stagin"'
      allowed: development, test, staging, production
      hint: did you mean staging?
checked:
  description: How many documents of each kind were checked.
  type: dict
  returned: always
  sample: {environments: 3, services: 9, releases: 3, policies: 1, masking: 0}
"""
