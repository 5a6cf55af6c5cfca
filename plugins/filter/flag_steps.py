# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: flag_steps
short_description: Steps by which a flag is raised
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the steps that a service's C(rollout) declares, or the usual ones, with the time at 0 percent before them as the step 0.
  - Each has C(number), C(last), C(strict), whether too little seen is no pass, and C(alpha), its part of the chance of a false alarm.
options:
  _input:
    description: The C(rollout) of a service.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the steps
  ansible.builtin.debug:
    msg: "{{ {'steps': [{'percent': 10, 'seconds': 60}]} | evenkeel.release.flag_steps }}"
"""

RETURN = r"""
_value:
  description: The steps.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.flag_steps import steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def flag_steps(rollout):
    try:
        return steps(plain(rollout))
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"flag_steps": flag_steps}
