# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_work
short_description: Plan the minor upgrade of a PostgreSQL cluster
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - The decisions of the role C(evenkeel.release.stateful_upgrade), one for each O(step). None of them looks at anything but its input, and the clock for the
    age of a proof.
options:
  _input:
    description: A mapping with what the step takes.
    type: dict
    required: true
  step:
    description:
      - V(described) takes C(hosts), C(variables), C(version) and C(method) and gives the servers, or an error with every fault.
      - V(seen) takes C(results), C(described) and C(max_lag) and gives C(nodes), C(faults), C(servers) and C(behind).
      - V(plan) takes C(nodes) and C(options) and gives C(steps), C(refusals), C(says) and C(state).
      - V(next) takes C(nodes) and C(options) and gives C(step), C(says), C(refusals) and C(warnings).
      - V(way_out) takes C(nodes), C(old), C(heir) and C(promoting) of a switchover that failed and gives C(resume), C(moved) and C(says).
    type: str
    required: true
    choices: [described, seen, plan, next, way_out]
positional: step
"""

EXAMPLES = r"""
- name: Show what would be done
  ansible.builtin.debug:
    msg: "{{ {'nodes': observed, 'options': {'version': '18.6'}} | evenkeel.release.upgrade_work('plan') }}"
"""

RETURN = r"""
_value:
  description: What the step gives.
  type: dict
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._ansible import filter_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade import work
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.errors import UpgradeError

STEPS = {"described": work.described, "seen": work.seen, "plan": work.plan, "next": work.step, "way_out": work.way_out}


class FilterModule:
    def filters(self):
        return {"upgrade_work": filter_of(STEPS, of="an upgrade", errors=UpgradeError)}
