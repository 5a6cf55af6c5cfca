# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: data_plan
short_description: Which databases of two environments are refreshed together, and under which conditions
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Reads what the services of two environments declare under C(data). Without O(services) all databases of the target that declare it are
    meant, or its only database.
positional: _input
options:
  _input:
    description: The target's C(evenkeel_services).
    type: dict
    required: true
  target:
    description: Name of the target environment.
    type: str
    required: true
  source_services:
    description: C(evenkeel_services) of the source.
    type: dict
    required: true
  source:
    description: Name of the source environment.
    type: str
    required: true
  services:
    description: Names of services, a list or a text with commas.
    type: raw
  masking:
    description: Name or path of a masking policy for a database that declares none.
    type: str
    default: ""
  folder:
    description: Folder of the masking policies.
    type: str
    default: masking
"""

EXAMPLES = r"""
- name: Show what a refresh of staging would take in
  ansible.builtin.debug:
    msg: "{{ staging_services | evenkeel.release.data_plan(target='staging', source='production', source_services=production_services) }}"
"""

RETURN = r"""
_value:
  description: C(services) is a list of names, C(policies) the path of each one's masking policy, C(gates) what has to hold for each.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._data import databases


def data_plan(
    target_services: Mapping[str, Any],
    *,
    target: str,
    source: str,
    source_services: Mapping[str, Any],
    services: Any = None,
    masking: str = "",
    folder: str = "masking",
) -> dict[str, Any]:
    here = databases.Side(source, source_services, {}, {})
    there = databases.Side(target, target_services, {}, {})
    try:
        names = databases.chosen(target_services, services, environment=target)
        policies = databases.policy_files(names, target_services, masking=str(masking or ""), folder=str(folder))
    except databases.DataError as exc:
        raise AnsibleFilterError(str(exc)) from exc
    return {"services": names, "policies": policies, "gates": {name: databases.gates(name, source=here, target=there) for name in names}}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"data_plan": data_plan}
