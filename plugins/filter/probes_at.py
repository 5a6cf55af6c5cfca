# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: probes_at
short_description: Aim the probes of a service at one endpoint
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Turns the C(path) of C(http) and C(https) probes into a URL and gives the others host and port.
options:
  _input:
    description: Probes as C(evenkeel_services) declares them.
    type: list
    elements: dict
    required: true
  endpoint:
    description: A mapping with C(address) and C(port).
    type: dict
    required: true
positional: endpoint
"""

EXAMPLES = r"""
- name: Probe the blue colour
  evenkeel.release.health_probe:
    probes: "{{ [{'name': 'ready', 'type': 'http', 'path': '/health/ready'}] | evenkeel.release.probes_at({'address': '127.0.0.1', 'port': 8001}) }}"
"""

RETURN = r"""
_value:
  description: Probes for M(evenkeel.release.health_probe).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.probes import at


def probes_at(probes, endpoint):
    try:
        return at(probes, endpoint)
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"probes_at": probes_at}
