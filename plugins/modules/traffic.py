#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic
short_description: Move traffic at a running balancer
version_added: 0.1.0
description:
  - Switches a service to another pool of servers, splits it between two, closes it with a page, and drains, stops or weighs servers.
  - All balancers are asked and all names are checked before anything changes. Each change is read back. When one of several balancers fails
    in the middle of a switch, the others are put back.
  - Unknown services, pools, servers and maps are errors that name the existing ones; nothing is created.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Changes nothing and says what it would change. Nothing is waited for; a pool that is down now is a warning.
    support: full
  diff_mode:
    description: Shows the value before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
extends_documentation_fragment:
  - evenkeel.release._traffic
options:
  state:
    description:
      - V(switched) sends all requests of O(key) to O(value), and ends a split.
      - V(split) sends the percents of O(shares) to two pools, one of them the live one.
      - V(closed) answers the requests of O(key) with a page, status 503 and C(Retry-After); V(opened) ends that.
      - V(ready), V(drain) and V(maint) set the state of O(server) in O(backend), or of all O(servers).
      - V(drained) waits until O(server), all of O(backend), or O(servers) have no session left.
      - V(weighted) sets O(weight) of O(server), or of O(servers).
    type: str
    choices: [switched, split, closed, opened, ready, drain, maint, drained, weighted]
    default: switched
  key:
    description: Name of the service; with O(driver=haproxy) a key of the map.
    type: str
    aliases: [service]
  value:
    description: Pool that the service goes to; with O(driver=haproxy) the name of a backend.
    type: str
  shares:
    description:
      - Percent per pool, together 100. Two pools, one of them the live one; the other one is the canary.
      - With O(driver=haproxy) a third pool C(<service>_baseline) may have as much as the canary, for the two to be compared.
      - A canary of 0 percent gets only the requests that ask for it by header or cookie.
    type: dict
  retry_after:
    description: Seconds after which clients of a closed service should come back.
    type: int
    default: 30
  backend:
    description: Name of a pool.
    type: str
    aliases: [pool]
  server:
    description: Name of a server in O(backend).
    type: str
  weight:
    description: Weight, 0 to 256.
    type: int
  servers:
    description: Several servers in one call, instead of O(backend), O(server) and O(weight). They are changed and waited for together.
    type: list
    elements: dict
    suboptions:
      backend:
        description: Name of a pool.
        type: str
        required: true
        aliases: [pool]
      server:
        description: Name of a server; without, O(state=drained) waits for the whole pool.
        type: str
      weight:
        description: Weight, 0 to 256.
        type: int
  deadline:
    description: Seconds that is waited for the last session, and for a pool that gets new requests to be up.
    type: float
    default: 30
  wait:
    description:
      - With O(state=drain), wait until the last session has ended.
      - With O(state=maint), drain first, wait until the last session has ended, then stop. No request is lost.
      - With O(state=ready), wait until each server is up, as far as the balancer checks that.
    type: bool
    default: false
  on_deadline:
    description:
      - What happens with sessions that are left at the O(deadline). V(fail) leaves them and the servers draining, and fails.
      - V(cut) ends them and tells how many they were.
    type: str
    choices: [fail, cut]
    default: fail
  min_ready:
    description:
      - Refuse O(state=drain) and O(state=maint) when a pool would keep fewer servers than this that are ready and up.
      - Servers that are down anyway may always be taken.
    type: int
    default: 0
  wait_up:
    description:
      - With O(state=switched) and O(state=split), send requests only to a pool that is up, that is, has a server which passes its checks.
      - Without, it is done whatever the checks say, for example back to the only version that is left.
    type: bool
    default: true
  unreachable:
    description:
      - What happens when one of several balancers cannot be asked. V(fail) changes none of them, and names it.
      - V(skip) goes on with the others, names it in a warning and in RV(left_out). Run again when it is back.
    type: str
    choices: [fail, skip]
    default: fail
  persist:
    description:
      - Write the map file of O(driver=haproxy) as well, so that a restart of the balancer keeps the switch.
      - Only V(false) works with a balancer on another host, whose file is not here.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Send the shop's requests to green
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
    key: shop
    value: shop_green

- name: Go back to blue, whatever its checks say
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
    key: shop
    value: shop_blue
    wait_up: false

- name: Give green five percent
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
    state: split
    service: shop
    shares: {shop_blue: 95, shop_green: 5}

- name: Close the shop with a page
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    map: /etc/haproxy/live.map
    state: closed
    service: shop
    retry_after: 60

- name: Wait until blue has finished its requests
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    state: drained
    backend: shop_blue
    deadline: 60

- name: Take one server out
  evenkeel.release.traffic:
    socket: /run/haproxy/admin.sock
    state: drain
    backend: shop_blue
    server: web1_blue

- name: Take two servers out of two balancers, without losing a request
  evenkeel.release.traffic:
    balancers:
      - socket: 192.0.2.10:9999
      - socket: 192.0.2.11:9999
    state: maint
    servers:
      - {backend: shop_blue, server: web1_blue}
      - {backend: shop_blue, server: web2_blue}
    wait: true
    deadline: 60
    min_ready: 1

- name: Switch at nginx, by its include file and a graceful reload
  evenkeel.release.traffic:
    driver: nginx
    include: /etc/nginx/conf.d/evenkeel.conf
    service: shop
    value: shop_green

- name: Switch at a balancer of our own
  evenkeel.release.traffic:
    driver: command
    commands:
      state: [lbctl, show, --json]
      switch: [lbctl, route, "{service}", "{pool}"]
    service: shop
    value: shop_green
"""

RETURN = r"""
before:
  description: Value, shares, state or weight that was found; a mapping from balancer to it where balancers differ.
  returned: when one thing is set
  type: raw
  sample: shop_blue
after:
  description: Value, shares, state or weight now; in check mode, what it would be.
  returned: when one thing is set
  type: raw
  sample: shop_green
waited:
  description: Seconds until the last session had ended, or until the new pool was up.
  returned: when something was waited for
  type: float
  sample: 0.12
cut:
  description: How many sessions were ended at the deadline; with O(driver=nginx), how many worker processes with requests left.
  returned: when sessions were waited for
  type: int
  sample: 0
servers:
  description:
    - "Per balancer and server: C(balancer), C(backend), C(server), C(before), C(after), and, when it was waited for, C(waited) in seconds,
      C(cut) and C(left) in sessions. Also there when the deadline was missed."
  returned: when O(state) is about servers
  type: list
  elements: dict
  sample: [{balancer: /run/haproxy/admin.sock, backend: shop_blue, server: web1_blue, before: ready, after: drain, waited: 0.12, cut: 0, left: 0}]
balancers:
  description: "Per balancer: C(address), C(before) and C(after)."
  returned: when O(state) is about a service
  type: list
  elements: dict
  sample: [{address: /run/haproxy/admin.sock, before: shop_blue, after: shop_green}]
left_out:
  description: Balancers that could not be asked.
  returned: when there are any
  type: list
  elements: str
  sample: ["192.0.2.11:9999"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import none, options
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.acts import STATES, Wish, act
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError

ARGUMENTS: dict[str, Any] = {
    **options.ARGUMENTS,
    "state": {"type": "str", "choices": list(STATES), "default": "switched"},
    # A key of a map is the name of a service, not a secret.
    "key": {"type": "str", "no_log": False, "aliases": ["service"]},
    "value": {"type": "str"},
    "shares": {"type": "dict"},
    "retry_after": {"type": "int", "default": 30},
    "backend": {"type": "str", "aliases": ["pool"]},
    "server": {"type": "str"},
    "weight": {"type": "int"},
    "servers": {
        "type": "list",
        "elements": "dict",
        "options": {"backend": {"type": "str", "required": True, "aliases": ["pool"]}, "server": {"type": "str"}, "weight": {"type": "int"}},
    },
    "deadline": {"type": "float", "default": 30},
    "wait": {"type": "bool", "default": False},
    "on_deadline": {"type": "str", "choices": ["fail", "cut"], "default": "fail"},
    "min_ready": {"type": "int", "default": 0},
    "wait_up": {"type": "bool", "default": True},
    "unreachable": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    "persist": {"type": "bool", "default": True},
}
REQUIRED = [("state", "switched", ["key", "value"]), ("state", "split", ["key", "shares"])]
REQUIRED += [("state", state, ["key"]) for state in ("closed", "opened")]
REQUIRED += [("state", state, ["backend", "servers"], True) for state in ("ready", "drain", "maint", "drained", "weighted")]
EXCLUSIVE = [*options.MUTUALLY_EXCLUSIVE, ("backend", "servers"), ("server", "servers"), ("weight", "servers")]


def wish_of(params: dict[str, Any]) -> Wish:
    servers = params["servers"] or [{"backend": params["backend"], "server": params["server"], "weight": params["weight"]}]
    wish = Wish(
        act=params["state"],
        service=params["key"] or "",
        pool=params["value"] or "",
        shares=shares_of(params["shares"] or {}),
        retry_after=params["retry_after"],
        servers=tuple((one["backend"], one["server"], one["weight"]) for one in servers if one["backend"]),
        deadline=params["deadline"],
        wait_up=params["wait_up"],
        wait=params["wait"],
        cut=params["on_deadline"] == "cut",
        min_ready=params["min_ready"],
        skip_unreachable=params["unreachable"] == "skip",
    )
    faults = faults_of(wish)
    if faults:
        raise TrafficError(" ".join(faults))
    return wish


def shares_of(given: dict[str, Any]) -> dict[str, float]:
    try:
        return {pool: float(percent) for pool, percent in given.items()}
    except (TypeError, ValueError) as exc:
        raise TrafficError(f"shares: a percent per pool, found {given}.") from exc


def faults_of(wish: Wish) -> list[str]:
    faults = []
    needs = {"ready": "server", "drain": "server", "maint": "server", "weighted": "server and weight"}.get(wish.act)
    for number, (pool, server, weight) in enumerate(wish.servers):
        if needs and (server is None or (wish.act == "weighted" and weight is None)):
            faults.append(f"state {wish.act} needs {needs} (server {number + 1}, in {pool}).")
    if wish.retry_after < 0 or wish.deadline < 0:
        faults.append("retry_after and deadline are seconds, 0 or more.")
    if len(set(wish.servers)) != len(wish.servers):
        faults.append("servers: each server occurs once.")
    return faults


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=[*options.REQUIRED_IF, *REQUIRED], mutually_exclusive=EXCLUSIVE, supports_check_mode=True)
    try:
        wish = wish_of(module.params)
        if module.params["driver"] == none.NAME:
            module.exit_json(changed=False, msg=none.says(wish.act))
        result = act(options.drivers_of(module, persist=module.params["persist"]), wish, check=module.check_mode)
        for text in result.pop("warnings", []):
            module.warn(text)
        module.exit_json(**result)
    except TrafficError as exc:
        module.fail_json(msg=str(exc), **exc.details)
    except OSError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
