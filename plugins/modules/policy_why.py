#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: policy_why
short_description: Tell what stands between a release and an environment
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Asks the policies about a release and an environment from the documents and the ledger, and answers with one table - each rule that
    does not agree, what was found, what is needed, and who can do what next.
  - What is needed is derived from the condition of the rule. Who is the C(owner) of the rule or of its policy, else the owner of the
    environment or of the release.
  - Tells as well what a deployment refuses before it asks the gate - an act that never ended, a release that is held back or marked bad.
  - Records nothing, takes no lease, touches no host and does not look for drift; it uses what the ledger knows. Runs on the controller.
requirements:
  - jmespath >= 1.0.1, jsonschema >= 4.21, google-re2 and SQLAlchemy >= 2.0.30 on the controller
attributes:
  check_mode:
    support: full
    description: Asks as usual, but does not write O(dest).
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  environment:
    description: Environment into which the release is to go, a group of the inventory.
    type: str
    required: true
  act:
    description: What is asked about.
    type: str
    choices: [deploy, promote]
    default: promote
  version:
    description: Version of the release. By default, with V(promote), the one that the environment before runs.
    type: str
    default: ""
  releases_dir:
    description: Folder of the release manifests.
    type: path
    required: true
  policies_dir:
    description: Folder of the policies.
    type: path
    required: true
  waivers_dir:
    description: Folder of the exceptions. By default the folder C(waivers) in O(policies_dir).
    type: path
  width:
    description: Characters of a line of the table.
    type: int
    default: 110
  dest:
    description: File to write the table to as an HTML page.
    type: path
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
notes:
  - A refusal does not fail the task, since asking is not acting; see RV(verdict).
"""

EXAMPLES = r"""
- name: Why can't I promote to production?
  evenkeel.release.policy_why:
    environment: production
    releases_dir: "{{ evenkeel_releases_dir }}"
    policies_dir: "{{ evenkeel_policies_dir }}"
  register: why

- name: Show the table
  ansible.builtin.debug:
    msg: "{{ why.text.splitlines() }}"
"""

RETURN = r"""
verdict:
  description: What the gate would answer - V(passed), V(failed) or V(errored).
  type: str
  returned: success
act:
  description: What was asked about.
  type: str
  returned: success
environment:
  description: The environment.
  type: str
  returned: success
release:
  description: The version of the release.
  type: str
  returned: success
agreeing:
  description: How many rules agree.
  type: int
  returned: success
rows:
  description: Every rule that does not agree, what refuses first.
  type: list
  elements: dict
  returned: success
  contains:
    rule:
      description: The rule as C(policy/rule).
      type: str
    state:
      description: V(refused), V(could not tell), V(warned), V(tried out) or V(waived).
      type: str
    severity:
      description: How much it matters.
      type: str
    found:
      description: Expressions with what they found; null where there is nothing.
      type: dict
    needed:
      description: What must be so instead.
      type: list
      elements: str
    who:
      description: Who can do something about it.
      type: str
    next:
      description: What to do next.
      type: str
    reason:
      description: Why it refuses, or could not tell.
      type: str
waivers:
  description: The exceptions for these rules, with V(used) and, when one does not count, V(why).
  type: list
  elements: dict
  returned: success
text:
  description: The table.
  type: str
  returned: success
evidence:
  description: The evidence document that the policies were asked about.
  type: dict
  returned: success
"""
