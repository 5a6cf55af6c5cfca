# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift_compare
short_description: Say what differs from a baseline, and how bad that is
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Turns the result of M(evenkeel.release.drift_snapshot) with O(evenkeel.release.drift_snapshot#module:baseline) into findings, takes out the declared
    differences, and rates the rest.
  - What could not be read is a finding of kind V(unknown); it cannot be declared and never passes.
options:
  _input:
    description: The result of M(evenkeel.release.drift_snapshot).
    type: dict
    required: true
  allowed_differences:
    description:
      - Declared differences, each with C(path) (a glob; C(*) stays within a folder, C(**) crosses folders), C(reason), C(owner), C(expires), and
        optionally C(hosts) and C(attributes), lists of globs.
    type: list
    elements: dict
    default: []
  rules:
    description: The variable C(evenkeel_drift); its C(severities) come before the defaults, its C(weights) replace single defaults.
    type: dict
    default: {}
  host:
    description: Name of the host, for declarations that are limited to hosts.
    type: str
    default: ''
  store:
    description: The controller's store, a folder or a PostgreSQL URL. Needed when the changes were too many to travel in the result.
    type: str
    default: ''
  texts:
    description: Contents of changed files as C(path) to C(before) and C(after), for a diff in the finding.
    type: dict
    default: {}
positional: allowed_differences, rules
"""

EXAMPLES = r"""
- name: Look at the host
  evenkeel.release.drift_snapshot:
    paths: [/etc/shop]
    baseline: "{{ shop_baseline.root }}"
  register: now_taken

- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ now_taken | evenkeel.release.drift_compare(evenkeel_environment.allowed_differences, evenkeel_drift) }}"
"""

RETURN = r"""
_value:
  description:
    - C(verdict), C(findings), C(allowed) differences and C(unused) declarations, C(score) from 0 to 100, and C(by_severity), the number of findings.
  type: dict
"""

import json
from datetime import datetime, timezone

from ansible.errors import AnsibleFilterError


def drift_compare(result, allowed_differences=(), rules=None, host="", store="", texts=None):
    # Slow to load, and every filter is loaded by each task that uses one.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.decide import decide

    today = datetime.now(timezone.utc).date()
    try:
        # Values out of templates are tagged: only plain data goes on.
        given = json.loads(json.dumps([result, list(allowed_differences), rules or {}, texts or {}], default=str))
        return decide(given[0], given[1], rules=given[2], today=today, host=str(host), store=str(store), texts=given[3])
    except (KeyError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"drift_compare takes a result of evenkeel.release.drift_snapshot with baseline; {type(exc).__name__}: {exc}") from exc


class FilterModule:
    def filters(self):
        return {"drift_compare": drift_compare}
