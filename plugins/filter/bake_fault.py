# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: bake_fault
short_description: Why a release did not pass a bake at several balancers
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Adds up what balancers counted of a backend between two readings and judges the sum as M(evenkeel.release.bake) judges one balancer.
  - A balancer that answered only once is left out.
positional: after
options:
  _input:
    description: Results of a loop of M(evenkeel.release.traffic_info) over balancers, the loop variable C(balancer) having a C(host).
    type: list
    elements: dict
    required: true
  after:
    description: The same, later.
    type: list
    elements: dict
    required: true
  backend:
    description: Backend that serves the release.
    type: str
    required: true
  max_error_rate:
    description: Share of requests, 0 to 1, that may fail.
    type: float
    default: 0.01
  min_requests:
    description: With fewer requests it does not pass.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Judge what all balancers counted
  ansible.builtin.assert:
    that: before.results | evenkeel.release.bake_fault(after.results, backend='shop_green', min_requests=100) == ''
"""

RETURN = r"""
_value:
  description: Why, in words; empty when the release passed.
  type: str
"""

from ansible_collections.evenkeel.release.plugins.module_utils import _bake
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def bake_fault(before, after, backend, max_error_rate=0.01, min_requests=0):
    then, now = ({each["balancer"]["host"]: each["backends"] for each in plain(results) if "backends" in each} for results in (before, after))
    both = [host for host in now if backend in now[host] and backend in then.get(host, {})]
    if not both:
        return f"The bake of {backend} errored: no balancer told what it counted."
    gained = [_bake.between(then[host][backend], now[host][backend]) for host in both]
    seen = _bake.Seen(sum(each.requests for each in gained), sum(each.errors for each in gained))
    verdict, reason = _bake.final(seen, _bake.Limits(float(max_error_rate), int(min_requests)))
    return "" if verdict == "passed" else f"The bake of {backend} {verdict} at {len(both)} balancers together: {reason}."


class FilterModule:
    def filters(self):
        return {"bake_fault": bake_fault}
