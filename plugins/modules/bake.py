#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bake
short_description: Watch a release after the switch, by its probes and by what its users get
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - For O(seconds) seconds reads the balancer's counters of a backend and runs the probes, once every O(interval) seconds.
  - Ends at once when the release is bad, so that the way back is not waited for.
  - With O(deployment) an operator's word counts within ten seconds.
attributes:
  action:
    support: full
    description: Looks at the ledger on the controller, and watches from the host of the balancer.
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  socket:
    description: Runtime socket of HAProxy, a path or C(host:port).
    type: str
    required: true
  backend:
    description: Backend that serves the release.
    type: str
    required: true
  seconds:
    description: How long to watch.
    type: float
    required: true
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  max_error_rate:
    description:
      - Share of requests, 0 to 1, that may fail. Answers 5xx, refused connections and broken answers are failures.
    type: float
    default: 0.01
  min_requests:
    description: With fewer requests the verdict is V(inconclusive), which never passes.
    type: int
    default: 0
  probes:
    description: Probes as in M(evenkeel.release.health_probe); each must pass at every look.
    type: list
    elements: dict
    default: []
  deployment:
    description:
      - Intent of the deployment in the ledger. Its operator may speak meanwhile - an abort fails the watch, and promote now ends it where it is.
      - Without, nobody is listened to.
    type: str
    default: ""
  environment:
    description: Environment of O(deployment), the name of its inventory group.
    type: str
    default: ""
  since:
    description: What RV(counted) was before; it is counted from there.
    type: dict
    default: {}
  last:
    description: V(false) when it goes on afterwards, so that too few requests are no verdict yet.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Watch the green colour for half a minute
  evenkeel.release.bake:
    socket: /run/haproxy/admin.sock
    backend: shop_green
    seconds: 30
    max_error_rate: 0.01
    min_requests: 100
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed), V(errored) or V(inconclusive).
  type: str
  returned: always
reason:
  description: Why, in words.
  type: str
  returned: always
requests:
  description: Requests that the backend answered meanwhile.
  type: int
  returned: always
errors:
  description: How many of them failed.
  type: int
  returned: always
seconds:
  description: How long was watched.
  type: float
  returned: always
counted:
  description: The counters of the backend when the watch began.
  type: dict
  returned: when the balancer answered
word:
  description: What an operator said of O(deployment) meanwhile, V(hurry) for promote now, V(stop) for an abort; V(go) for nothing.
  type: str
  returned: with O(deployment)
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils import _bake
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan, summary
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy import Balancer


def read(balancer, backend):
    backends = balancer.backends()
    if backend not in backends:
        raise TrafficError(f"HAProxy at {balancer.address} has no backend {backend}; it has {', '.join(sorted(backends)) or 'none'}.")
    return backends[backend]


def look(specs):
    """(verdict, reason) of the probes now."""
    if not specs:
        return "passed", ""
    plan = Plan(deadline=10.0, concurrency=16, until_passed=False, consecutive=1, retry_interval=1.0)
    return summary(Engine(plan).run(specs))


def watch(params, specs):
    balancer = Balancer(params["socket"])
    limits = _bake.Limits(params["max_error_rate"], params["min_requests"])
    before = params["since"] or read(balancer, params["backend"])
    began = time.monotonic()
    while True:
        seen = _bake.between(before, read(balancer, params["backend"]))
        verdict, reason = look(specs)
        elapsed = time.monotonic() - began
        if verdict == "passed":
            reason = _bake.broken(seen, limits)
            verdict = "failed" if reason else "passed"
        if verdict != "passed":
            break
        if elapsed >= params["seconds"]:
            verdict, reason = _bake.final(seen, limits) if params["last"] else ("passed", "")
            break
        time.sleep(min(params["interval"], params["seconds"] - elapsed))
    result = {"verdict": verdict, "reason": reason, "requests": seen.requests, "errors": seen.errors, "seconds": round(elapsed, 3)}
    return {**result, "counted": before}


def main():
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "str", "required": True},
            "backend": {"type": "str", "required": True},
            "seconds": {"type": "float", "required": True},
            "interval": {"type": "float", "default": 0.5},
            "max_error_rate": {"type": "float", "default": 0.01},
            "min_requests": {"type": "int", "default": 0},
            "probes": {"type": "list", "elements": "dict", "default": []},
            "deployment": {"type": "str", "default": ""},
            "environment": {"type": "str", "default": ""},
            "since": {"type": "dict", "default": {}},
            "last": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    specs, faults = complete(module.params["probes"])
    if faults:
        module.fail_json(msg="The probes have faults:\n" + "\n".join(faults), verdict="errored", reason="the probes have faults")
    try:
        result = watch(module.params, specs)
    except TrafficError as exc:
        module.fail_json(msg=str(exc), verdict="errored", reason=str(exc))
    if result["verdict"] != "passed":
        module.fail_json(msg=f"The bake of {module.params['backend']} {result['verdict']} after {result['seconds']} s: {result['reason']}.", **result)
    module.exit_json(changed=False, msg=result["reason"], **result)


if __name__ == "__main__":
    main()
