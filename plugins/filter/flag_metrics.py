# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: flag_metrics
short_description: What a step of a flag is judged by
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the metrics that a service's C(rollout) declares, or the usual one, as M(evenkeel.release.canary_judge) takes them at the end of a step.
  - A metric with C({variant}) compares users with the flag and without it; any other compares all users with the time before the first step.
options:
  _input:
    description: The C(rollout) of a service.
    type: dict
    required: true
  number:
    description: Number of the step.
    type: int
    required: true
  pool:
    description: The service's backend at its balancers; empty without a balancer.
    type: str
    required: true
  readings:
    description: What was read at the bounds of each step so far, C(step), C(at), C(hosts) and C(balancers).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Judge the first step
  evenkeel.release.canary_judge:
    metrics: "{{ rollout | evenkeel.release.flag_metrics(number=1, pool='shop', readings=readings) }}"
"""

RETURN = r"""
_value:
  description: Metrics for M(evenkeel.release.canary_judge).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.flag_steps import metrics
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def flag_metrics(rollout, number, pool, readings):
    try:
        return metrics(plain(rollout), number=int(number), pool=str(pool), readings=plain(readings))
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"flag_metrics": flag_metrics}
