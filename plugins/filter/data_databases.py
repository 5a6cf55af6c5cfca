# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: data_databases
short_description: The databases of a refresh as option databases of data_sync
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Puts together where each database listens in two environments, who reads and writes it, its masking policy and what it declares under C(data).
  - The password of a service is C(secrets.<service>_password), else C(secrets.database_password).
positional: _input
options:
  _input:
    description: Names of the services.
    type: list
    elements: str
    required: true
  source:
    description: The source, a dictionary of C(name), C(services), C(endpoints) and C(secrets).
    type: dict
    required: true
  target:
    description: The target, in the same form.
    type: dict
    required: true
  policies:
    description: The masking policy of each service.
    type: dict
    required: true
  overrides:
    description: Per service C(source) and C(target), parts of a place that are to be used instead.
    type: dict
    default: {}
  options:
    description: Options of M(evenkeel.release.data_sync) that go before what is declared. Empty ones are left out.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refresh what was planned
  evenkeel.release.data_sync:
    databases: "{{ plan.services | evenkeel.release.data_databases(source=production, target=staging, policies=policies) }}"
    target_tier: staging
    key: "{{ secrets.masking_key }}"
"""

RETURN = r"""
_value:
  description: For option O(evenkeel.release.data_sync#module:databases). Holds passwords.
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._data import databases


def data_databases(
    names: Sequence[str],
    *,
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    policies: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    try:
        return databases.databases(
            list(names),
            source=databases.Side(**source),
            target=databases.Side(**target),
            policies=policies,
            overrides=overrides or {},
            options=options or {},
        )
    except databases.DataError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"data_databases": data_databases}
