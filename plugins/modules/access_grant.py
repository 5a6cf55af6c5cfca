#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: access_grant
short_description: Ask whether somebody may act, and grant access for a time
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Decides by the documents C(access/*.yml) of the trusted place and by C(access_roles) of the environment. What nothing allows is denied.
  - Grants access for a time. One person asks, a second one signs with C(ssh-keygen); it ends by itself. Runs on the controller.
requirements:
  - OpenSSH >= 8.9 (C(ssh-keygen)) on the controller
  - jsonschema >= 4.21, orjson >= 3.10, rfc8785 >= 0.1.4 and SQLAlchemy >= 2.0.30 on the controller
extends_documentation_fragment:
  - evenkeel.release._approvals
  - evenkeel.release._access
attributes:
  check_mode:
    support: full
    description: Answers as usual, and writes and records nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  state:
    description:
      - V(checked) asks whether who runs this may do O(acts) in O(environment), and records a refusal.
      - V(requested) asks for them and writes the text to sign; V(granted) takes the signed grant into the ledger.
      - V(used) notes that it was used, V(revoked) ends it, V(info) lists every grant.
    type: str
    choices: [checked, requested, granted, used, revoked, info]
    default: checked
  environment:
    description: Name of the environment.
    type: str
    default: ""
  acts:
    description: Acts, such as V(deploy).
    type: list
    elements: str
    default: []
  digest:
    description: The grant, as V(requested) tells it.
    type: str
    default: ""
  valid_for:
    description: How long it is asked for.
    type: str
    default: 4h
  reason:
    description: Why.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Ask to roll production back in the next two hours
  evenkeel.release.access_grant:
    state: requested
    environment: production
    acts: [rollback]
    valid_for: 2h
    reason: incident 4711
    environments: "{{ groups.all | map('extract', hostvars, 'evenkeel_environment') | unique | list }}"

- name: May who runs this deploy to production?
  evenkeel.release.access_grant:
    environment: production
    acts: [deploy]
    environments: "{{ groups.all | map('extract', hostvars, 'evenkeel_environment') | unique | list }}"
    exports: [/etc/evenkeel/exports/teams.json]
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed), or V(errored) when it could not be told.
  type: str
  returned: with O(state=checked)
access:
  description: The answer for each act, sections C(access) of the policies' evidence document.
  type: list
  elements: dict
  returned: with O(state=checked)
digest:
  description: The grant.
  type: str
  returned: with O(state=requested), O(state=granted), O(state=used) and O(state=revoked)
statements:
  description: Who may grant it, the file, and the command that signs it.
  type: list
  elements: dict
  returned: with O(state=requested)
grants:
  description: Every grant, with C(state) requested, active, early, expired, revoked or refused.
  type: list
  elements: dict
  returned: with O(state=info)
"""
