# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_plan
short_description: Plan a deployment from documents, ledger and observations
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Says which colour of which service goes where and assembles the evidence that the gate is asked with.
  - With O(act=recover) decides which way an interrupted deployment goes.
  - Runs on the controller and changes nothing.
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
  environment:
    description: Environment, the name of its inventory group.
    type: str
    required: true
  act:
    description: What the plan is for.
    type: str
    choices: [deploy, promote, rollback, recover]
    default: deploy
  version:
    description:
      - Release. For a rollback empty means the last verified one, for a promotion the one that runs upstream.
    type: str
    default: ""
  service:
    description: Only this service.
    type: str
    default: ""
  force:
    description: Plan services too that run the release already.
    type: bool
    default: false
  exclude:
    description: Hosts of application services to leave out, for instance because they cannot be reached.
    type: list
    elements: str
    default: []
  releases_dir:
    description: Folder of the release manifests; not needed to recover.
    type: path
  endpoints:
    description: What P(evenkeel.release.endpoints#lookup) returns for the environment.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Plan
  evenkeel.release.deployment_plan:
    environment: staging
    version: 1.1.0
    releases_dir: "{{ inventory_dir }}/releases"
    endpoints: "{{ lookup('evenkeel.release.endpoints', 'staging') }}"
  delegate_to: localhost
"""

RETURN = r"""
plan:
  description: The services in dependency order, each with its colours, hosts, artifact and balancers.
  type: dict
  returned: unless O(act=recover)
says:
  description: The plan in words.
  type: list
  elements: str
  returned: unless O(act=recover)
release:
  description: The release that was chosen.
  type: str
  returned: unless O(act=recover)
evidence:
  description: The document for M(evenkeel.release.gate).
  type: dict
  returned: unless O(act=recover)
settle:
  description: The plan's services with the colour and release that stay, C(forward) and C(back).
  type: dict
  returned: unless O(act=recover)
decision:
  description: Which way the interrupted deployment goes and why; empty when there is none.
  type: dict
  returned: when O(act=recover)
open:
  description: Ledger entries without an outcome.
  type: list
  elements: dict
  returned: when O(act=recover)
found:
  description: The same in words.
  type: list
  elements: str
  returned: when O(act=recover)
"""
