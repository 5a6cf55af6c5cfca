# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift_compare
short_description: Compare a snapshot with a baseline
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Compares two snapshots of M(evenkeel.release.drift_snapshot). What could not be read is a finding and never passes.
options:
  _input:
    description: The snapshot of now. One that was taken with the baseline's digests is filled up from the baseline.
    type: dict
    required: true
  baseline:
    description: The snapshot to compare with.
    type: dict
    required: true
  allowed_differences:
    description: Declared differences, each with C(path) (a glob), C(reason), C(owner) and C(expires).
    type: list
    elements: dict
    default: []
positional: baseline
"""

EXAMPLES = r"""
- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ now_taken.snapshot | evenkeel.release.drift_compare(stored) }}"
"""

RETURN = r"""
_value:
  description: Verdict, C(findings), C(allowed) differences and C(unused) declarations.
  type: dict
"""

import json
from datetime import datetime, timezone

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import allow, compare, verdict


def drift_compare(current, baseline, allowed_differences=()):
    try:
        # Values out of templates are tagged: only plain data goes on.
        before, after, allowed = json.loads(json.dumps([baseline, current, list(allowed_differences)], default=str))
        result = allow(compare(before, after), allowed, datetime.now(timezone.utc).date())
    except (KeyError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"drift_compare takes two snapshots of evenkeel.release.drift_snapshot; {type(exc).__name__}: {exc}") from exc
    return {"verdict": verdict(result["findings"]), **result}


class FilterModule:
    def filters(self):
        return {"drift_compare": drift_compare}
