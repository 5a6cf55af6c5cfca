# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fault
short_description: Why a task failed, in words
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives the message of a task's result. Of a loop it is the one of the first item that failed, where Ansible itself only says that some did.
options:
  _input:
    description: What the task returned, or C(ansible_failed_result).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.debug:
    msg: "{{ ansible_failed_task.name }}: {{ ansible_failed_result | evenkeel.release.fault }}"
"""

RETURN = r"""
_value:
  description: The message, empty when the task did not fail.
  type: str
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.outcome import fault


def fault_filter(result):
    return fault(plain(result))


class FilterModule:
    def filters(self):
        return {"fault": fault_filter}
