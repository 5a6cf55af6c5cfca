#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: policy_waivers
short_description: Tell which exceptions from policies are in force
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Lists every exception beside the policies with its state, the days that are left, and how often the gate used it as the ledger knows.
    Changes nothing and records nothing. Runs on the controller.
requirements:
  - jmespath >= 1.0.1, jsonschema >= 4.21 and SQLAlchemy >= 2.0.30 on the controller
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  policies_dir:
    description: Folder of the policies.
    type: path
    required: true
  waivers_dir:
    description: Folder of the exceptions. By default the folder C(waivers) in O(policies_dir).
    type: path
  soon_days:
    description: An exception that ends within so many days is V(soon).
    type: float
    default: 7
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: List the exceptions
  evenkeel.release.policy_waivers:
    policies_dir: "{{ inventory_dir }}/policies"
  register: exceptions

- name: Fail when one ends within a week
  ansible.builtin.assert:
    that: exceptions.waivers | selectattr('state', 'eq', 'soon') | length == 0
    fail_msg: "{{ exceptions.msg }}"
"""

RETURN = r"""
waivers:
  description: The exceptions, what needs somebody first.
  type: list
  elements: dict
  returned: always
  contains:
    waiver:
      description: Name of the exception.
      type: str
    rule:
      description: The rule as C(policy/rule).
      type: str
    state:
      description: V(soon), V(in_force), V(not_yet), V(expired), or V(unknown) when its times can't be read.
      type: str
    days_left:
      description: Days until it ends, less than 0 when it has ended.
      type: float
    used:
      description: In how many recorded answers it covered a rule.
      type: int
    last_used:
      description: When it did so last.
      type: str
    refused:
      description: In how many recorded answers it was meant and did not count.
      type: int
    approver:
      description: Who allowed it.
      type: str
    ticket:
      description: Where it was decided.
      type: str
    scope:
      description: Where it counts.
      type: dict
    expires:
      description: When it ends.
      type: str
"""
