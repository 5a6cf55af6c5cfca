# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: flag_not_dark
short_description: Why a release would not go out dark
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Compares the places where a flag has to be off with what M(evenkeel.release.feature_flag_info) found there.
  - A flag that is missing, that could not be read, or that has rules of its own is not off.
options:
  _input:
    description: The rows C(dark) of M(evenkeel.release.deployment_plan).
    type: list
    elements: dict
    required: true
  answers:
    description: What was answered for each of them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse
  ansible.builtin.assert:
    that: planned.dark | evenkeel.release.flag_not_dark(answers.results) | length == 0
"""

RETURN = r"""
_value:
  description: A reason for each place that is not dark.
  type: list
  elements: str
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.flags import not_dark
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def flag_not_dark(rows, answers):
    return not_dark(plain(rows), plain(answers))


class FilterModule:
    def filters(self):
        return {"flag_not_dark": flag_not_dark}
