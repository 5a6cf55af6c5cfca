# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: canary_steps
short_description: Steps of a canary deployment
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the steps that a service's C(rollout) declares, or the usual ones, each with C(number), C(last), and C(fraction), the share of the
    whole run that lies behind when it ends. With pools each step has C(shares) as well, the percent of the users per pool.
options:
  _input:
    description: The C(rollout) of a service.
    type: dict
    required: true
  canary:
    description: Pool of the new release.
    type: str
  live:
    description: Pool of the old release.
    type: str
  baseline:
    description: Pool that the canary is compared with; the live one, or one of the old release started anew, which gets as much as the canary.
    type: str
"""

EXAMPLES = r"""
- name: Show the steps
  ansible.builtin.debug:
    msg: "{{ {'steps': [{'weight': 10, 'seconds': 60}]} | evenkeel.release.canary_steps }}"
"""

RETURN = r"""
_value:
  description: The steps.
  type: list
  elements: dict
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.canary import shares, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def canary_steps(rollout, canary="", live="", baseline=""):
    found = steps(plain(rollout))
    if not canary:
        return found
    return [{**step, "shares": shares(step, canary=str(canary), live=str(live), baseline=str(baseline or live))} for step in found]


class FilterModule:
    def filters(self):
        return {"canary_steps": canary_steps}
