# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: provision_wanted
short_description: Services and ports that a host has to have
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Gives the services of one host with the ports they need, as M(evenkeel.release.local_endpoints) takes them.
  - Unknown dependencies, circles and unknown groups are errors.
options:
  _input:
    description: The variable C(evenkeel_services).
    type: dict
    required: true
  groups:
    description: Groups of the inventory.
    type: dict
    required: true
  host:
    description: Name of the host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what this host has to have
  ansible.builtin.debug:
    msg: "{{ evenkeel_services | evenkeel.release.provision_wanted(groups=groups, host=inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: "C({service - {engine, ports - {name - declared port, or 0}}})."
  type: dict
  sample: {shop: {engine: application, ports: {blue: 0, green: 0}}}
"""

import json

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision import plan
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision.errors import ProvisionError


def provision_wanted(services, groups, host):
    plain = json.loads(json.dumps(services))
    try:
        plan.waves(plain)
        return plan.wanted_on(plain, groups=dict(groups), host=str(host))
    except ProvisionError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"provision_wanted": provision_wanted}
