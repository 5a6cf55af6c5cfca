# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: witnesses
short_description: The hosts on which it is looked at why a deployment failed
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the hosts that are in trouble, then those that the deployment had come to, ten at most.
options:
  _input:
    description:
      - What the playbook C(evenkeel.release.deploy) knows on the controller, C(hostvars.localhost); of it C(deploy_problems), C(deploy_order) and
        C(deploy_hosts).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ hostvars.localhost | evenkeel.release.witnesses }}"
"""

RETURN = r"""
_value:
  description: Names of hosts.
  type: list
  elements: str
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._forensics import witnesses as of_deployment


def witnesses(known):
    hosts = plain(known.get("deploy_hosts") or {})
    return of_deployment.witnesses(
        plain(known.get("deploy_problems") or []),
        touched=plain(known.get("deploy_order") or []),
        started=hosts.get("start", []),
        staged=hosts.get("stage", []),
    )


class FilterModule:
    def filters(self):
        return {"witnesses": witnesses}
