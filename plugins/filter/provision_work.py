# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: provision_work
short_description: What a host starts and probes, wave by wave
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Orders the services of an environment by their dependencies and gives, for one host and each wave, the services to start and the
    probes that have to pass before the next wave.
options:
  _input:
    description: The variable C(evenkeel_services).
    type: dict
    required: true
  endpoints:
    description: Endpoints of all hosts, C({service - {host - {address, ports, paths}}}).
    type: dict
    required: true
  host:
    description: Name of the host.
    type: str
    required: true
  start:
    description: Whether services are to be started; without, there are only probes.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show the order of things
  ansible.builtin.debug:
    msg: "{{ evenkeel_services | evenkeel.release.provision_work(endpoints=endpoints, host=inventory_hostname) }}"
  vars:
    endpoints: "{{ lookup('evenkeel.release.endpoints', evenkeel_target) }}"
"""

RETURN = r"""
_value:
  description: One entry per wave, with C(names), C(services) and C(probes).
  type: list
  elements: dict
  sample:
    - {names: [database], services: [], probes: []}
"""

import json

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision import plan
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision.errors import ProvisionError


def provision_work(services, endpoints, host, start=True):
    plain = json.loads(json.dumps([services, endpoints]))
    try:
        return plan.work(plain[0], endpoints=plain[1], host=str(host), start=bool(start))
    except ProvisionError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"provision_work": provision_work}
