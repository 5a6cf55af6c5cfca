# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: data_outcome
short_description: What a refresh did, for the ledger or for a terminal
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Gives the body of the outcome that the ledger keeps. Its C(proof) is the weakest of all databases.
positional: _input
options:
  _input:
    description: The result of M(evenkeel.release.data_sync).
    type: dict
    required: true
  services:
    description: Names of the databases.
    type: list
    elements: str
    required: true
  lines:
    description: Give lines of text instead.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what was done
  ansible.builtin.debug:
    msg: "{{ done | evenkeel.release.data_outcome(services=['shop'], lines=true) }}"
"""

RETURN = r"""
_value:
  description: A dictionary of C(changed), C(databases), C(proof) and C(key_id), or with O(lines) a list of text.
  type: raw
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._data import outcome


def data_outcome(result: Mapping[str, Any], *, services: Sequence[str], lines: bool = False) -> Any:
    return outcome.lines(result, list(services)) if lines else outcome.body(result, list(services))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"data_outcome": data_outcome}
