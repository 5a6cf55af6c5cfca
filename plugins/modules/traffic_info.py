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
  - Reads the counters of every backend and server of a running HAProxy, and the entries of a map.
  - Counters grow from the start of the balancer; take the difference of two readings.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Only reads.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
options:
  socket:
    description: Runtime socket of the balancer, a path or V(host:port).
    type: str
    required: true
  map:
    description: Map file to read, as the balancer's configuration names it.
    type: path
"""

EXAMPLES = r"""
- name: Read what the balancer counted
  evenkeel.release.traffic_info:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
  register: before
"""

RETURN = r"""
backends:
  description:
    - "Per backend: C(status), C(requests) in total, C(hrsp_2xx) to C(hrsp_5xx), C(econ) (connection errors), C(eresp) (response errors),
      C(retries), C(redispatches), C(sessions) now, C(response_ms) of the last 1024 requests, and C(servers) with the same per server."
  returned: success
  type: dict
  sample:
    shop_blue: {status: UP, requests: 10, hrsp_2xx: 10, hrsp_5xx: 0, econ: 0, eresp: 0, sessions: 0, response_ms: 3, servers: {}}
map_entries:
  description: The map, key to value.
  returned: when O(map) is given
  type: dict
  sample: {shop: shop_blue}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _haproxy as hp


def main() -> None:
    spec = {"socket": {"type": "str", "required": True}, "map": {"type": "path"}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    balancer = hp.Balancer(module.params["socket"])
    try:
        result = {"changed": False, "backends": balancer.backends()}
        if module.params["map"]:
            result["map_entries"] = balancer.entries(module.params["map"])
    except hp.TrafficError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
