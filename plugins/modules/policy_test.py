#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: policy_test
short_description: Run table tests of policies
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Asks the gate about each case of each table and compares verdict, refusing rules, warnings and texts with what the case expects.
    The same engine decides as in a deployment. Runs on the controller, needs no inventory and no ledger.
  - Tells which rules no case makes refuse and no case makes agree, and, when asked, which small changes of a condition no case notices.
  - A policy that asks an OPA server is errored here, since no server is asked.
requirements:
  - jmespath >= 1.0.1, jsonschema >= 4.21 and google-re2 on the controller
attributes:
  check_mode:
    support: full
    description: Runs every case as usual, but does not write O(junit).
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: The same documents give the same results.
options:
  policies_dirs:
    description: Folders of policies.
    type: list
    elements: path
    required: true
  tests:
    description: Files or folders of tables of cases. By default the folder C(tests) in each of O(policies_dirs).
    type: list
    elements: path
    default: []
  junit:
    description: File to write the results to as JUnit XML.
    type: path
  coverage:
    description: Percent of the rules that must have a case that they refuse and a case that they agree to.
    type: float
    default: 0
  mutations:
    description: How many changed conditions to try at most. V(0) tries none.
    type: int
    default: 0
  mutation_score:
    description: Percent of the changed conditions that some case must notice.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Test the policies of this inventory
  evenkeel.release.policy_test:
    policies_dirs: ["{{ inventory_dir }}/policies"]
    junit: "{{ inventory_dir }}/policies.xml"
    coverage: 100

- name: See that the cases would notice a mistake in a condition
  evenkeel.release.policy_test:
    policies_dirs: ["{{ inventory_dir }}/policies"]
    mutations: 500
    mutation_score: 90
"""

RETURN = r"""
results:
  description: The cases.
  type: list
  elements: dict
  returned: always
  contains:
    table:
      description: Name of the table.
      type: str
    case:
      description: Name of the case.
      type: str
    passed:
      description: Whether it came out as expected.
      type: bool
    faults:
      description: What did not.
      type: list
      elements: str
    expected:
      description: The verdict that was expected.
      type: str
    found:
      description: The verdict of the gate.
      type: str
    refused:
      description: The rules that stood against the act.
      type: list
      elements: str
coverage:
  description: V(rules), V(covered), V(percent), and V(uncovered) with each rule and what it never did.
  type: dict
  returned: always
mutations:
  description: V(tried), V(killed), V(left_out), and V(survived) with each rule and the change that no case noticed.
  type: dict
  returned: always
"""
