#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: approval
short_description: Ask whether what will run is approved
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads signed statements from files and from the ledger, proves each with C(ssh-keygen), and decides by the rules of the trusted place.
  - Asked before a deployment and again before each of its batches, it sees what expired, was withdrawn or lost its key meanwhile.
  - The answer is recorded in the ledger, with everything that was refused. An answer that cannot be recorded is a refusal. Runs on the controller.
requirements:
  - OpenSSH >= 8.9 (C(ssh-keygen)) on the controller
  - jsonschema >= 4.21, orjson >= 3.10, rfc8785 >= 0.1.4 and SQLAlchemy >= 2.0.30 on the controller
extends_documentation_fragment:
  - evenkeel.release._approvals
  - evenkeel.release._approvals.subject
attributes:
  check_mode:
    support: full
    description: Decides and fails as usual, but writes and records nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  state:
    description:
      - V(checked) decides. V(present) takes proved approvals of O(digest) into the ledger, from where they count without the files.
      - V(withdrawn) takes withdrawals into the ledger; from then on they hold whatever becomes of the files.
    type: str
    choices: [checked, present, withdrawn]
    default: checked
  digest:
    description: What was approved or is withdrawn, as M(evenkeel.release.approval_request) tells it.
    type: str
    default: ""
  people:
    description: Only statements of these persons.
    type: list
    elements: str
    default: []
  authors:
    description: Who wrote the release, each with C(mail) and where known C(login) and C(source).
    type: list
    elements: dict
    default: []
  attestor_key:
    description:
      - Private key of AWX. Signs that the user who launched this job by hand approves or withdraws.
      - Only the job template for approvals has it, as a credential; a user name in a variable alone counts for nothing.
    type: path
  valid_for:
    description: How long an attested approval is valid.
    type: str
    default: 2d
  reason:
    description: A line that an attested statement shows.
    type: str
    default: ""
  enforce:
    description: Whether a refusal fails the task.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Is it approved?
  evenkeel.release.approval:
    environment: "{{ evenkeel_environment }}"
    release: "{{ planned.evidence.release }}"
    act: promote
    hosts: "{{ groups.production }}"
    plan: "{{ planned.plan }}"
    batches: "{{ planned.batches }}"
    policies_dir: "{{ inventory_dir }}/policies"
    risk: moderate
    authors:
      - {mail: eve@example.com}

- name: Take a withdrawal into the ledger, effective at once
  evenkeel.release.approval:
    state: withdrawn
    digest: 5f2b7c0b0cbd1a0e5d5b2c1f4f3a0f6e8d9c7b6a5f4e3d2c1b0a99887766554a
    people: [ann]
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed) for a definite no, or V(errored) when it could not be told.
  type: str
  returned: with O(state=checked)
approvals:
  description: The section C(approvals) of the policies' evidence document.
  type: dict
  returned: with O(state=checked)
duties:
  description: The section C(duties) of the policies' evidence document.
  type: dict
  returned: with O(state=checked)
subject:
  description: What will run, with the digest of each part.
  type: dict
  returned: with O(state=checked)
people:
  description: Whose statements were found and proved.
  type: list
  elements: str
  returned: with O(state=present) and O(state=withdrawn)
refused:
  description: What was no proved statement, with the reason.
  type: list
  elements: dict
  returned: with O(state=present) and O(state=withdrawn)
entry:
  description: The entry of the ledger.
  type: dict
  returned: when the answer is another one than the last
"""
