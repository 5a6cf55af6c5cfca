# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: runs
short_description: What keeps one colour of a service running
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the program or the unit of one colour on one host, as O(evenkeel.release.service_replace#module:start) takes it.
  - Placeholders of the command and of the environment are filled; an unknown one is an error that lists the known ones.
options:
  _input:
    description: >-
      C(kind), C(service), C(colour), C(release), C(root), C(address), C(port), C(config_name), C(command), C(environment), C(user),
      C(stop_seconds), C(supervisor_dir) and C(host).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the unit
  ansible.builtin.debug:
    msg: "{{ (shop_at | evenkeel.release.runs).unit }}"
"""

RETURN = r"""
_value:
  description: The program or the unit.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.runtime import runs


def runs_filter(at):
    try:
        return runs(plain(at))
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"runs": runs_filter}
