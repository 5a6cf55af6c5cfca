# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: flag_places
short_description: Where the flags of services are
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives a row for each flag that services name under C(rollout), and each host on which it is switched.
options:
  _input:
    description: The services of an environment.
    type: dict
    required: true
  groups:
    description: Hosts of the inventory by group.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ evenkeel_services | evenkeel.release.flag_places(groups) | map(attribute='name') | unique }}"
"""

RETURN = r"""
_value:
  description: Rows with C(service), C(host), and what the service says of the flag, but for a token.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.flags import everywhere
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def flag_places(services, groups):
    try:
        return everywhere(plain(services), plain(groups))
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"flag_places": flag_places}
