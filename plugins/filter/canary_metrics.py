# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: canary_metrics
short_description: Metrics of a canary, aimed at its pools
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the metrics that a service's C(rollout) declares, or the usual ones, as M(evenkeel.release.canary_judge) takes them.
  - A metric with C(query) asks Prometheus for both pools, C({pool}) being their names. One without a source is read from the balancer.
options:
  _input:
    description: The C(rollout) of a service.
    type: dict
    required: true
  canary:
    description: Pool of the new release.
    type: str
    required: true
  baseline:
    description: Pool of the old release.
    type: str
    required: true
  readings:
    description: What M(evenkeel.release.traffic_info) returned in the course of the run, each with C(at).
    type: list
    elements: dict
    required: true
  earlier:
    description: When earlier releases met their first users, each C(release), C(start) and C(pool), as M(evenkeel.release.deployment_plan) gives them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Judge what the balancer counted
  evenkeel.release.canary_judge:
    metrics: "{{ {} | evenkeel.release.canary_metrics(canary='shop_green', baseline='shop_blue', readings=readings) }}"
"""

RETURN = r"""
_value:
  description: Metrics for M(evenkeel.release.canary_judge).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.canary import metrics
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def canary_metrics(rollout, canary, baseline, readings, earlier=()):
    try:
        return metrics(plain(rollout), canary=str(canary), baseline=str(baseline), readings=plain(readings), earlier=plain(list(earlier)))
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"canary_metrics": canary_metrics}
