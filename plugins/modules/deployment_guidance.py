# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_guidance
short_description: Decide what is done about a batch that did not come through
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - "By the policy C(rollout.on_failure) of the services: C(rollback), C(stop), C(retry) or C(exclude) the host. Without one, C(rollback)."
  - An operator's answer for a host counts more than the policy. It comes from a file, or from the ledger by the playbook C(evenkeel.release.answer).
  - A retry is not taken when nothing came through for C(rollout.progress_deadline) seconds. Nobody is excluded when too few hosts would be left.
  - What is no host's own fault, errors of users for instance, is only ever rolled back or stopped.
  - The decision and its reasons are recorded as a fact of kind C(directive).
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: none
    description: Nothing fails in check mode; leave the task out.
  diff_mode:
    support: N/A
    description: Changes nothing but the ledger.
options:
  environment:
    description: Environment, the name of its inventory group.
    type: str
    required: true
  deployment:
    description: The id of the deployment's intent.
    type: str
    required: true
  release:
    description: Release that is deployed.
    type: str
    default: ""
  hosts:
    description: Hosts of the batch.
    type: list
    elements: str
    required: true
  services:
    description: The plan's services that were replaced on them.
    type: list
    elements: dict
    required: true
  problems:
    description: What M(evenkeel.release.deployment_step) found at the end of the batch.
    type: list
    elements: dict
    required: true
  attempt:
    description: How many turns the batch has had.
    type: int
    default: 1
  excluded:
    description: Hosts that were left out before.
    type: list
    elements: str
    default: []
  answers:
    description: File with a list of C(host) (V(*) is every host), C(act) and C(reason). It may not be there.
    type: path
    default: ""
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Decide what is done about it
  evenkeel.release.deployment_guidance:
    environment: production
    deployment: "{{ deploy_intent }}"
    hosts: "{{ ansible_play_batch }}"
    services: "{{ deploy_plan.services }}"
    problems: "{{ batch_end.problems }}"
    answers: /etc/evenkeel/answers.yml
  run_once: true
"""

RETURN = r"""
act:
  description: V(go), V(rollback), V(stop), V(retry) or V(exclude).
  returned: always
  type: str
retry:
  description: Hosts that have another turn.
  returned: always
  type: list
  elements: str
exclude:
  description: Hosts that are left out from now on.
  returned: always
  type: list
  elements: str
why:
  description: The reasons, in words.
  returned: always
  type: list
  elements: str
"""
