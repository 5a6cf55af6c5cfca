#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_info
short_description: Read where a balancer sends traffic and what it counted
version_added: 0.1.0
description:
  - Reads which pool each service goes to, splits, closed services, and the state, weight and sessions of every server.
  - With HAProxy also the counters of every backend and server, and the entries of a map.
  - Counters grow from the start of the balancer; take the difference of two readings.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Only reads.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
extends_documentation_fragment:
  - evenkeel.release._traffic
options:
  unreachable:
    description: Whether one of several balancers that cannot be asked is an error, or a warning and in RV(left_out).
    type: str
    choices: [fail, skip]
    default: fail
"""

EXAMPLES = r"""
- name: Read what the balancer counted
  evenkeel.release.traffic_info:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
  register: before

- name: Read what two balancers do
  evenkeel.release.traffic_info:
    balancers:
      - socket: 192.0.2.10:9999
      - socket: 192.0.2.11:9999
    map: /etc/haproxy/live.map
    unreachable: skip

- name: Read what nginx does
  evenkeel.release.traffic_info:
    driver: nginx
    include: /etc/nginx/conf.d/evenkeel.conf
"""

RETURN = r"""
balancers:
  description:
    - "Per balancer: C(address); C(services), service to live pool; C(splits), service to percent per pool; C(closed), service to seconds of
      C(Retry-After); and C(servers), pool to server to C(state), C(weight), C(sessions), C(check) and, where it is known, C(up)."
  returned: success
  type: list
  elements: dict
  sample:
    - address: /run/haproxy/admin.sock
      services: {shop: shop_blue}
      splits: {shop: {shop_blue: 95, shop_green: 5}}
      closed: {}
      servers: {shop_blue: {web1: {state: ready, weight: 1, sessions: 0, check: L7OK}}}
backends:
  description:
    - "Per backend: C(status), C(requests) in total, C(hrsp_2xx) to C(hrsp_5xx), C(econ) (connection errors), C(eresp) (response errors),
      C(retries), C(redispatches), C(sessions) now, C(response_ms) of the last 1024 requests, and C(servers) with the same per server."
    - With several balancers, of the first one that answered; C(balancers[].backends) has those of each.
  returned: with O(driver=haproxy)
  type: dict
  sample:
    shop_blue: {status: UP, requests: 10, hrsp_2xx: 10, hrsp_5xx: 0, econ: 0, eresp: 0, sessions: 0, response_ms: 3, servers: {}}
map_entries:
  description: The live pools of the map, service to pool; with several balancers, of the first one that answered.
  returned: when O(map) is given
  type: dict
  sample: {shop: shop_blue}
left_out:
  description: Balancers that could not be asked.
  returned: when there are any
  type: list
  elements: str
  sample: ["192.0.2.11:9999"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import haproxy, none, options
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.acts import observe
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError


def read(module):
    seen, unreachable = observe(options.drivers_of(module, persist=False), skip=module.params["unreachable"] == "skip")
    told = ("services", "splits", "closed", "servers")
    balancers = [{"address": driver.address, **{part: state[part] for part in told}} for driver, state in seen]
    result = {"changed": False, "balancers": balancers}
    if module.params["driver"] == haproxy.NAME:
        for (driver, _state), balancer in zip(seen, balancers):
            balancer["backends"] = driver.balancer.backends()
        result["backends"] = balancers[0]["backends"]
        if balancers[0]["services"] or module.params["map"]:
            result["map_entries"] = balancers[0]["services"]
    if unreachable:
        result["left_out"] = sorted(unreachable)
        for address in sorted(unreachable):
            module.warn(f"Left out: {unreachable[address]}")
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={**options.ARGUMENTS, "unreachable": {"type": "str", "choices": ["fail", "skip"], "default": "fail"}},
        required_if=options.REQUIRED_IF,
        mutually_exclusive=options.MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    if module.params["driver"] == none.NAME:
        module.exit_json(changed=False, balancers=[], msg=none.says("read"))
    try:
        module.exit_json(**read(module))
    except TrafficError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
