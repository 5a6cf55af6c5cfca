# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Whose access is asked about, and who is in the groups that have it."""

    DOCUMENTATION = r"""
options:
  environments:
    description: The environment documents, C(evenkeel_environment) of each.
    type: list
    elements: dict
    required: true
  exports:
    description:
      - Files that tell who is in the groups of AWX, LDAP or OIDC.
      - JSON with a list of names for each subject such as C(awx_team:Shop), where the answer of AWX to C(/api/v2/teams/<id>/users/) may stand in
        place of the names; or LDIF of groups.
    type: list
    elements: path
    default: []
"""
