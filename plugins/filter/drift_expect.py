# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift_expect
short_description: Digests of a baseline, so that a host returns only what differs
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - One digest per folder, configuration file and collector, for the option O(evenkeel.release.drift_snapshot#module:expect).
options:
  _input:
    description: The baseline, a snapshot of M(evenkeel.release.drift_snapshot).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look again
  evenkeel.release.drift_snapshot:
    paths: [/etc/shop]
    expect: "{{ baseline | evenkeel.release.drift_expect }}"
"""

RETURN = r"""
_value:
  description: Name of each group and its digest.
  type: dict
"""

import json

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.digest import groups


def drift_expect(baseline):
    try:
        return groups(json.loads(json.dumps(baseline, default=str))["items"])
    except (KeyError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"drift_expect takes a snapshot of evenkeel.release.drift_snapshot; {type(exc).__name__}: {exc}") from exc


class FilterModule:
    def filters(self):
        return {"drift_expect": drift_expect}
