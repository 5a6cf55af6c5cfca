# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: services_on
short_description: Services of a deployment's plan that one host has
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the plan's services of that host, each with the colours that it has there.
options:
  _input:
    description: Services of a plan of M(evenkeel.release.deployment_plan).
    type: list
    elements: dict
    required: true
  host:
    description: Name of the host.
    type: str
    required: true
positional: host
"""

EXAMPLES = r"""
- name: Show what this host gets
  ansible.builtin.debug:
    msg: "{{ deploy_plan.services | evenkeel.release.services_on(inventory_hostname) | map(attribute='service') }}"
"""

RETURN = r"""
_value:
  description: The services.
  type: list
  elements: dict
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.plan import on_host


def services_on(services, host):
    return on_host(plain(services), str(host))


class FilterModule:
    def filters(self):
        return {"services_on": services_on}
