# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_phase
short_description: Collect how the hosts of a deployment came out of a phase
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads what each host said when M(evenkeel.release.deployment_host) took it through the phase.
  - A host that said nothing was not reached, and that is a problem too.
attributes:
  action:
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  phase:
    description: Name of the phase.
    type: str
    required: true
  plan:
    description: The plan that M(evenkeel.release.deployment_plan) returned.
    type: dict
    required: true
  hosts:
    description: Hosts that took part in the phase; all hosts of the plan when not given.
    type: list
    elements: str
  problems:
    description: Problems of earlier phases; they are kept.
    type: list
    elements: dict
    default: []
  excluded:
    description: Hosts that were left out while it went on, with the reason. They count as problems, so that the run does not read as a success.
    type: dict
    default: {}
  also:
    description: For another phase, the hosts that had to come through that one too.
    type: dict
    default: {}
  ended:
    description: Hosts that had nothing to do in the phase and were not asked. They came through it.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Collect how staging ended
  evenkeel.release.deployment_phase:
    phase: stage
    plan: "{{ deploy_plan }}"
  delegate_to: localhost
"""

RETURN = r"""
hosts:
  description: V(done), V(failed) or V(unreachable) for each host.
  type: dict
  returned: always
problems:
  description: Host, phase and reason of each problem.
  type: list
  elements: dict
  returned: always
report:
  description: The problems as text.
  type: str
  returned: always
"""
