# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: remedies
short_description: Choose how each finding is put back
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives each finding to the role that owns the configuration, to M(evenkeel.release.drift_restore), or refuses it with what to do.
options:
  _input:
    description: Findings of P(evenkeel.release.drift_compare#filter).
    type: list
    elements: dict
    required: true
  repair_role:
    description: Role that owns the configuration; empty for none. It gets what cannot be restored from the store.
    type: str
    default: ''
  prefer:
    description: What puts back that which both could.
    type: str
    choices: [store, role]
    default: store
  only:
    description: Globs of item names; the other findings are left.
    type: list
    elements: str
    default: []
  most:
    description: Most findings that are put back at once; 0 for any number.
    type: int
    default: 0
  refused:
    description: RV(evenkeel.release.drift_restore#module:refused) of a run in check mode.
    type: dict
    default: {}
  left:
    description: RV(evenkeel.release.drift_restore#module:left) of that run.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show who puts what back
  ansible.builtin.debug:
    msg: "{{ drift_result.findings | evenkeel.release.remedies(repair_role='shop_config') }}"
"""

RETURN = r"""
_value:
  description: C(role), C(restore) and C(skipped) lists of item names, C(refused) names with C(reason) and C(next), C(says), the refusals as
    texts, and C(fault), a text or empty.
  type: dict
"""

import json

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._remediate.choose import choose


def remedies(findings, **options):
    try:
        # Values out of templates are tagged: only plain data goes on.
        plain, given = json.loads(json.dumps([list(findings), options], default=str))
        # Older cores make a text of a number in a template of its own.
        given["most"] = int(given.get("most") or 0)
        return choose(plain, **given)
    except (TypeError, KeyError, ValueError) as exc:
        raise AnsibleFilterError(f"Choosing the remedies failed: {exc}. Give it findings of drift_compare.") from exc


class FilterModule:
    def filters(self):
        return {"remedies": remedies}
