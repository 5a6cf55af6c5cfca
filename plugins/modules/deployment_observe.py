#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_observe
short_description: See what a host serves before a deployment is planned
version_added: 0.1.0
description:
  - Reads the map of each HAProxy on the host, and of each service which releases are installed, which one is current and which colour is live.
  - One call tells all of it, where M(evenkeel.release.traffic_info) and M(evenkeel.release.release_artifact) tell more of one.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Only reads.
    support: full
  diff_mode:
    description: Changes nothing that could be shown.
    support: none
options:
  balancers:
    description: The balancers on the host.
    type: list
    elements: dict
    default: []
    suboptions:
      socket:
        description: Socket of the runtime API, a path or C(address:port).
        type: str
        required: true
      map:
        description: Map from service to pool.
        type: path
        required: true
  roots:
    description: Folder of each service on the host, by its name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: See what serves here
  evenkeel.release.deployment_observe:
    roots: {shop: /srv/shop}
"""

RETURN = r"""
live:
  description: The live pool of each service in the maps of the balancers.
  type: dict
  returned: success
  sample: {shop: shop_blue}
releases:
  description: Per service its C(current) release and live C(colour), empty when there is none, and the C(installed) releases, oldest first.
  type: dict
  returned: success
  sample: {shop: {current: 1.0.0, colour: blue, installed: [1.0.0]}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError

ARGUMENTS: dict[str, Any] = {
    "balancers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"socket": {"type": "str", "required": True}, "map": {"type": "path", "required": True}},
    },
    "roots": {"type": "dict", "default": {}},
}


def live(balancers: list[dict[str, str]]) -> dict[str, str]:
    if not balancers:
        return {}
    # Loaded where there is one: most hosts have none.
    from ansible_collections.evenkeel.release.plugins.module_utils._traffic import haproxy
    from ansible_collections.evenkeel.release.plugins.module_utils._traffic.acts import observe

    seen, _unreachable = observe([haproxy.Driver(one["socket"], one["map"], persist=False) for one in balancers], skip=False)
    return {service: pool for _driver, state in seen for service, pool in state["services"].items()}


def releases(roots: dict[str, str]) -> dict[str, dict[str, Any]]:
    trees = {name: ReleaseTree(str(root)) for name, root in roots.items()}
    return {name: {"current": tree.current() or "", "colour": tree.colour(), "installed": tree.installed()} for name, tree in trees.items()}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        module.exit_json(changed=False, live=live(params["balancers"]), releases=releases(params["roots"]))
    except (TrafficError, ReleaseError, OSError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
