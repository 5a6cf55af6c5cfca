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
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  environment:
    description: Environment, the name of its inventory group.
    type: str
    required: true
  act:
    description: What the plan is for. V(continue) takes the plan of the deployment that stands still, and the batches that are left of it.
    type: str
    choices: [deploy, promote, rollback, continue, recover, fallback]
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
  of:
    description:
      - Deployment that a rollback undoes, by the id of its intent. When another one has begun since, the rollback is refused.
      - Empty means whatever runs now, as when an operator asks for it.
    type: str
    default: ""
  fallback:
    description: With O(act=fallback), the path that M(evenkeel.release.deployment_fallback) returned. It is part of the plan and of the evidence.
    type: dict
    default: {}
  releases_dir:
    description: Folder of the release manifests; not needed to recover.
    type: path
  policies_dir:
    description: Folder of the policies, which approvals are bound to.
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
intent:
  description: The id of the deployment that goes on.
  type: str
  returned: when O(act=continue)
resume:
  description: Whether it was paused, so that the pause has to be ended.
  type: bool
  returned: when O(act=continue)
excluded:
  description: The hosts that were left out before, with the reason.
  type: dict
  returned: when O(act=continue)
release:
  description: The release that was chosen.
  type: str
  returned: unless O(act=recover)
evidence:
  description: The document for M(evenkeel.release.gate).
  type: dict
  returned: unless O(act=recover)
identity:
  description: What is to be recorded of the release when it is used for the first time; empty when that was done.
  type: dict
  returned: unless O(act=recover) or O(act=continue)
approved:
  description: The digest that people approved and the risk that they did it for, which is looked at again before every batch; empty where nobody had to.
  type: dict
  returned: unless O(act=recover) or O(act=continue)
change:
  description: The number of the change that the deployment carries out, empty when there is none.
  type: str
  returned: unless O(act=recover)
batches:
  description: Hosts that are replaced together, batch by batch; with O(act=recover) in C(decision), those that were touched.
  type: list
  elements: list
  returned: unless O(act=recover)
hosts:
  description:
    - Hosts of the phases C(stage), C(migrate), C(start) and C(settle), and those whose releases are protected (C(lift) before, C(protect) at the end)
      or that declare drift (C(drift)).
  type: dict
  returned: unless O(act=recover)
  sample: {lift: [], stage: [web1, web2], migrate: [web1], start: [web1, web2], settle: [web1, web2], protect: [], drift: []}
dark:
  description: Places of flags that must be off before the release goes out, C(service), C(host) and what the service says of the flag.
  type: list
  elements: dict
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
  returned: when O(act=recover) or O(act=continue)
found:
  description: The same in words.
  type: list
  elements: str
  returned: when O(act=recover)
"""
