#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: compliance
short_description: Check a snapshot against a security baseline
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Judges each rule of a security baseline by the items of a snapshot, on the controller, and gives the evidence for it.
  - What was not looked at is V(unknown) and has never passed.
  - A waiver takes a failed rule out until its last day. One that has expired is a fault, and so is one that names no rule.
attributes:
  check_mode:
    support: full
    description: Only judges.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: The same snapshot on the same day has the same answer.
options:
  baseline:
    description: V(debian12), V(rhel9), or the path of a document of your own.
    type: str
    required: true
  state:
    description: V(needs) returns in RV(needs) what a snapshot has to look at; V(checked) judges one.
    type: str
    choices: [checked, needs]
    default: checked
  snapshot:
    description: Result of M(evenkeel.release.drift_snapshot). Required with O(state=checked).
    type: dict
  waivers:
    description: Waivers, each with C(rule) (an id or a glob), C(reason), C(owner), C(expires), and perhaps C(hosts), a list of globs.
    type: list
    elements: dict
    default: []
  threshold:
    description: RV(verdict) leaves rules below this severity out.
    type: str
    choices: [low, medium, high, critical]
    default: low
  store:
    description: Store of a large snapshot. Defaults to C(objects) in C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Ask what to look at
  evenkeel.release.compliance:
    baseline: debian12
    state: needs
  register: asked

- name: Look
  evenkeel.release.drift_snapshot: "{{ asked.needs }}"
  register: host_now

- name: Judge
  evenkeel.release.compliance:
    baseline: debian12
    snapshot: "{{ host_now }}"
    waivers:
      - {rule: no-file-servers, reason: This host is the file server, owner: storage, expires: 2027-06-30}
  register: judged
  failed_when: judged.verdict == 'failed'
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed) or V(inconclusive).
  returned: with O(state=checked)
  type: str
results:
  description: One entry per rule with C(id), C(title), C(severity), C(result), C(evidence), C(reason), C(rationale), C(remedy), and its C(waiver).
  returned: with O(state=checked)
  type: list
  elements: dict
counts:
  description: How many rules C(passed), C(failed), are C(waived) or C(unknown).
  returned: with O(state=checked)
  type: dict
faults:
  description: What is wrong with the waivers.
  returned: with O(state=checked)
  type: list
  elements: str
unused:
  description: Waivers that nothing needs.
  returned: with O(state=checked)
  type: list
  elements: dict
needs:
  description: Options of M(evenkeel.release.drift_snapshot).
  returned: with O(state=needs)
  type: dict
"""
