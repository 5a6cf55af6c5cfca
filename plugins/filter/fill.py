# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fill
short_description: Fill the placeholders of a command or a probe
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Replaces C({name}) in strings, in lists and in the values of mappings.
  - An unknown placeholder is an error that lists the known ones.
options:
  _input:
    description: The command, probe or string.
    type: raw
    required: true
  values:
    description: Values by the name of the placeholder.
    type: dict
    required: true
positional: values
"""

EXAMPLES = r"""
- name: Show a command line
  ansible.builtin.debug:
    msg: "{{ ['serve', '--port', '{port}'] | evenkeel.release.fill({'port': 8001}) }}"
"""

RETURN = r"""
_value:
  description: The input with its placeholders filled.
  type: raw
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError


def fill_filter(template, values):
    try:
        return fill(template, values)
    except DeploymentError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    def filters(self):
        return {"fill": fill_filter}
