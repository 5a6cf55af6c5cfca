#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: access_review
short_description: List who can do what where, and have the list signed off
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Lists every access that documents and grants give, by which rule, and when the ledger saw it used last.
  - Tells where groups of AWX, LDAP or OIDC differ from what is declared, and which periodic review is overdue. Runs on the controller.
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
      - V(report) lists. V(signed) without O(digest) writes the list and the text to sign, with it takes the signed text into the ledger.
    type: str
    choices: [report, signed]
    default: report
  digest:
    description: The list, as V(report) tells it.
    type: str
    default: ""
  stale_days:
    description: An access that nobody used for so many days is marked.
    type: float
    default: 90
  dest:
    description: File for the list as CSV.
    type: path
  reason:
    description: A line that the text to sign shows.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Who can do what?
  evenkeel.release.access_review:
    environments: "{{ groups.all | map('extract', hostvars, 'evenkeel_environment') | unique | list }}"
    dest: access.csv
"""

RETURN = r"""
rows:
  description: The list.
  type: list
  elements: dict
  returned: without O(digest)
  contains:
    person:
      description: Id of C(people.yml); with C(?) an account that nobody has, or a group without export.
      type: str
    environment:
      description: Where.
      type: str
    act:
      description: What.
      type: str
    rule:
      description: By which document, role and team, or by which grant.
      type: str
    until:
      description: End of a grant.
      type: str
    last_used:
      description: When the ledger saw it last.
      type: str
    stale:
      description: Whether it was not used for O(stale_days).
      type: bool
drift:
  description: Differences from the exports.
  type: list
  elements: dict
  returned: without O(digest)
overdue:
  description: Documents of access whose review is late.
  type: list
  elements: str
  returned: without O(digest)
digest:
  description: SHA-256 of the list as CSV.
  type: str
  returned: success
csv:
  description: The list as CSV.
  type: str
  returned: without O(digest)
"""
