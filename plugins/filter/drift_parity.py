# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift_parity
short_description: Compare one service in two environments
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Hosts are matched by the service that they run, not by name. A host differs where it is unlike every host of the other environment.
  - A secret is compared only by whether it is there. The service's folder counts as the same wherever it lies.
options:
  _input:
    description: One mapping per host of this environment, with C(host), C(root) and C(snapshot).
    type: list
    elements: dict
    required: true
  there:
    description: The same of the other environment.
    type: list
    elements: dict
    required: true
  allowed_differences:
    description: Declared differences, each with C(path) (a glob), C(reason), C(owner) and C(expires).
    type: list
    elements: dict
    default: []
positional: there, allowed_differences
"""

EXAMPLES = r"""
- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ production_hosts | evenkeel.release.drift_parity(staging_hosts) }}"
"""

RETURN = r"""
_value:
  description: Verdict, C(findings) with their C(hosts), C(allowed) differences and C(unused) declarations.
  type: dict
"""

import json
from datetime import datetime, timezone

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import allow, verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.parity import comparable, parity


def _by_host(rows):
    return {row["host"]: comparable(row["snapshot"], row["root"]) for row in rows}


def drift_parity(here, there, allowed_differences=()):
    try:
        # Values out of templates are tagged: only plain data goes on.
        own, other, allowed = json.loads(json.dumps([list(here), list(there), list(allowed_differences)], default=str))
        result = allow(parity(_by_host(own), _by_host(other)), allowed, datetime.now(timezone.utc).date())
    except (KeyError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"drift_parity takes lists of host, root and snapshot; {type(exc).__name__}: {exc}") from exc
    return {"verdict": verdict(result["findings"]), **result}


class FilterModule:
    def filters(self):
        return {"drift_parity": drift_parity}
