#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: approval_request
short_description: Write what people are to sign
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Writes a small statement for each approver, bound to a digest of exactly what will run, and tells the C(ssh-keygen) command that signs it.
  - The digest covers artifacts, hosts, plan, policies, the code of the collection and of the project, and the variables that C(approvals.yml) names.
    Any change of one of them voids what was signed.
  - Statements are files and travel in git; no server is needed. The request is recorded in the ledger. Runs on the controller.
requirements:
  - jsonschema >= 4.21, orjson >= 3.10, rfc8785 >= 0.1.4 and SQLAlchemy >= 2.0.30 on the controller
extends_documentation_fragment:
  - evenkeel.release._approvals
  - evenkeel.release._approvals.subject
attributes:
  check_mode:
    support: full
    description: Tells the digest and what would be written, and writes nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  statement:
    description:
      - V(approve) to approve what will run, V(withdraw) to take back an approval or a delegation of that O(digest), V(delegate) to have somebody
        approve in one's place.
    type: str
    choices: [approve, withdraw, delegate]
    default: approve
  people:
    description: Ids of C(people.yml). For V(approve) by default everybody who may fill a seat; else the one who signs.
    type: list
    elements: str
    default: []
  mandate:
    description: Person in whose place the statement is given.
    type: str
    default: ""
  delegate:
    description: Person who may approve instead, for O(statement=delegate).
    type: str
    default: ""
  environments:
    description: Where a delegate may approve.
    type: list
    elements: str
    default: []
  acts:
    description: What a delegate may approve; all acts when empty.
    type: list
    elements: str
    default: []
  groups:
    description: Groups that a delegate stands for; all of the delegator's when empty.
    type: list
    elements: str
    default: []
  again:
    description: Whether a delegate may pass it on.
    type: bool
    default: false
  digest:
    description: What is withdrawn.
    type: str
    default: ""
  authors:
    description: Who wrote the release, each with C(mail) and where known C(login) and C(source). They are not asked.
    type: list
    elements: dict
    default: []
  valid_for:
    description: How long the statement will be valid, as in V(2d).
    type: str
    default: 2d
  reason:
    description: A line that the statement shows.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Ask for approvals of what the plan says
  evenkeel.release.approval_request:
    environment: "{{ evenkeel_environment }}"
    release: "{{ planned.evidence.release }}"
    act: promote
    hosts: "{{ groups.production }}"
    plan: "{{ planned.plan }}"
    batches: "{{ planned.batches }}"
    policies_dir: "{{ inventory_dir }}/policies"
    risk: moderate

- name: Have bob approve in ann's place for a week
  evenkeel.release.approval_request:
    statement: delegate
    people: [ann]
    delegate: bob
    environments: [production]
    valid_for: 7d
    reason: on leave
"""

RETURN = r"""
digest:
  description: The digest that the statements name, or that of a delegation.
  type: str
  returned: success
subject:
  description: What will run, with the digest of each part.
  type: dict
  returned: with O(statement=approve)
statements:
  description: The files, and the command that signs each.
  type: list
  elements: dict
  returned: success
  contains:
    person:
      description: Who signs.
      type: str
    path:
      description: The file.
      type: str
    command:
      description: The command.
      type: str
"""
