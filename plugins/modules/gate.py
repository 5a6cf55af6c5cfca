#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gate
short_description: Ask the policies whether an act may go ahead
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Evaluates every rule of every policy that applies over one evidence document and answers with each rule, the values that it
    found, the reason and the remedy.
  - Denies by default. No policy that applies, a V(forbid) rule that matches, a condition that is neither true nor false and
    evidence that is missing all refuse the act.
  - A rule or policy with C(enforcement=warn) is told and refuses nothing; with C(enforcement=dryrun) it is only recorded. What is not
    enforced permits nothing either.
  - An exception beside the policies covers one rule for a while, unless the rule can't be waived, the exception is over, or whoever
    approved it is the one who deploys.
  - A policy with C(opa) asks an OPA server about the same evidence as well. No answer, an undefined one and one of another form refuse.
  - Windows, freezes and required approvals of the environment document are rules as well.
  - The answer is recorded in the ledger together with the digests of policies and evidence. An answer that cannot be recorded
    is a refusal. Runs on the controller.
requirements:
  - google-re2, jmespath >= 1.0.1, jsonschema >= 4.21, orjson >= 3.10, rfc8785 >= 0.1.4 and SQLAlchemy >= 2.0.30 on the controller
attributes:
  check_mode:
    support: full
    description: Decides and fails as usual, but records nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  act:
    description: What is about to be done, such as V(deploy), V(promote) or V(rollback).
    type: str
    required: true
  environment:
    description: Environment in which it is done.
    type: str
    required: true
  release:
    description: Version of the release, when there is one.
    type: str
    default: ""
  policies:
    description: Policies as data.
    type: list
    elements: dict
    default: []
  policies_dir:
    description: Folder of policies; all its C(*.yml) are read in addition to O(policies).
    type: path
  waivers:
    description: Exceptions from rules as data.
    type: list
    elements: dict
    default: []
  waivers_dir:
    description: Folder of exceptions; by default the folder C(waivers) in O(policies_dir), when there is one.
    type: path
  evidence:
    description:
      - The evidence document. C(environment) must be the environment document.
      - C(now) and C(act) are filled in when they are left out.
    type: dict
    required: true
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
  enforce:
    description: Whether a refusal fails the task. An answer that cannot be recorded always does.
    type: bool
    default: true
  record:
    description: Whether the answer is recorded in the ledger. V(false) only asks, and goes together with O(enforce=false).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: May release 1.1.0 go to production?
  evenkeel.release.gate:
    act: promote
    environment: production
    release: 1.1.0
    policies_dir: "{{ inventory_dir }}/policies"
    evidence:
      environment: "{{ evenkeel_environment }}"
      release: "{{ lookup('ansible.builtin.file', inventory_dir ~ '/releases/1.1.0.yml') | from_yaml }}"
      upstream: {drift: {findings: 0}, verified: true}
"""

RETURN = r"""
verdict:
  description: V(passed), or V(failed) for a definite no, or V(errored) when it could not be told.
  type: str
  returned: always
  sample: passed
act:
  description: The act that was asked about.
  type: str
  returned: always
environment:
  description: The environment that was asked about.
  type: str
  returned: always
rules:
  description: Every rule with its answer.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the rule.
      type: str
    policy:
      description: Its policy; V(environment) for windows, freezes and approvals of the environment document.
      type: str
    effect:
      description: V(require) or V(forbid).
      type: str
    verdict:
      description: V(passed) when the rule agrees, V(failed) or V(errored).
      type: str
    condition:
      description: Its condition.
      type: str
    values:
      description: The expressions that it shows, with what they found.
      type: dict
    problem:
      description: Why the rule could not tell; names the evidence that is missing.
      type: str
    severity:
      description: How much it matters.
      type: str
    reason:
      description: Why it refuses.
      type: str
    remedy:
      description: What to do about it.
      type: str
    owner:
      description: Who can do something about it.
      type: str
    enforcement:
      description: V(deny), V(warn) or V(dryrun).
      type: str
    waivable:
      description: Whether an exception may cover it.
      type: bool
    waived:
      description: The exception that covers it, with V(waiver), V(approver), V(requested_by), V(reason), V(ticket), V(granted) and V(expires).
      type: dict
waivers:
  description: The exceptions for rules that did not agree, with V(waiver), V(rule), V(used), and V(why) when one does not count.
  type: list
  elements: dict
  returned: always
why:
  description: The rules that do not agree as rows of a table; see RV(evenkeel.release.policy_why#module:rows).
  type: list
  elements: dict
  returned: always
entry:
  description: The entry of the ledger.
  type: dict
  returned: not in check mode, and when it was recorded
"""
