#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: health_probe
short_description: Probe many endpoints at once and judge what they answer
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Takes samples of HTTP, TCP, TLS, PostgreSQL and command endpoints concurrently in one call and judges them by conditions.
  - Each probe gets a verdict. V(passed) means that every condition holds; V(failed) is a definite no, such as a refused connection,
    a timeout, a wrong status or a certificate that is not accepted; V(errored) means that the probe could not tell, such as a name that
    cannot be resolved or a program that is missing; V(inconclusive) means that there were too few samples before the deadline.
  - Needs nothing but Python's standard library on the host.
attributes:
  check_mode:
    support: full
    description: Only looks, so it runs in check mode as well, command probes included.
  diff_mode:
    support: none
    description: Changes nothing that could be shown.
options:
  probes:
    description: What to probe. Options that do not belong to a probe's type are refused.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the probe in results and messages; each name occurs once.
        type: str
        required: true
      type:
        description: Kind of the endpoint.
        type: str
        choices: [http, https, tcp, tls, postgresql, command]
        required: true
      url:
        description: URL of an V(http) or V(https) probe, instead of O(probes[].host), O(probes[].port) and O(probes[].path).
        type: str
      host:
        description: Name or address of the endpoint.
        type: str
      port:
        description: Port of the endpoint. V(http), V(https), V(tls) and V(postgresql) know their usual one.
        type: int
      path:
        description: Path and query of an V(http) or V(https) probe; V(/) when left out.
        type: str
      method:
        description: HTTP method; V(GET) when left out. Redirects are answers, they are not followed.
        type: str
      headers:
        description: HTTP headers. Their values are secrets, they appear in no result and in no log.
        type: dict
      body:
        description: Body of the request; a mapping or list is sent as JSON.
        type: raw
      server_name:
        description: Name that the certificate must carry, when it is not O(probes[].host).
        type: str
      validate_certs:
        description: Whether the certificate must be valid and trusted; V(true) when left out.
        type: bool
      ca_path:
        description: File with the certificates to trust instead of the system's.
        type: path
      user:
        description: PostgreSQL user; V(postgres) when left out.
        type: str
      password:
        description:
          - PostgreSQL password. With it the probe authenticates and runs C(select 1), without it the probe asks only whether
            connections are accepted. The metric C(depth) says which it was, V(query) or V(startup).
        type: str
      database:
        description: PostgreSQL database; the user's name when left out.
        type: str
      sslmode:
        description: Whether a V(postgresql) probe asks for TLS; V(prefer) when left out.
        type: str
        choices: [disable, prefer, require]
      command:
        description: Program and arguments of a V(command) probe. No shell is involved. It must only read.
        type: list
        elements: str
      samples:
        description: How many samples one attempt takes; V(1) when left out.
        type: int
      warmup:
        description: Samples that are taken first and not counted; V(0) when left out.
        type: int
      interval:
        description: Seconds between the starts of two samples; V(0) when left out.
        type: float
      timeout:
        description: Seconds that one sample may take; V(5) when left out.
        type: float
      expect:
        description:
          - Conditions that make one sample good; samples that are not good count in C(error_rate).
          - When left out, a status below 400, exit code 0 or a certificate that has not expired, unless O(probes[].conditions) names that metric.
        type: list
        elements: dict
        suboptions: &condition
          metric:
            description: Name of the metric, see O(probes[].conditions).
            type: str
            required: true
          op:
            description: Comparison of what was found with the value.
            type: str
            choices: [eq, ne, lt, le, gt, ge, in, contains, matches, "==", "!=", "<", "<=", ">", ">="]
            default: eq
          value:
            description: Value to compare with; a list for V(in), a regular expression for V(matches).
            type: raw
            required: true
      conditions:
        description:
          - What must hold for the probe to pass.
          - "Over all samples: C(samples), C(error_rate), C(success_ratio), C(p50_ms), C(p90_ms), C(p95_ms), C(p99_ms), C(max_ms) and the medians
            C(connect_ms), C(tls_ms), C(ttfb_ms). Times are those of answered samples."
          - "In every answered sample: C(status), C(body), C(bytes), C(exit_code), C(stdout), C(certificate_days_left), C(depth) and
            C(json.<path>), a value in a JSON body or output such as C(json.checks.0.state)."
          - Unless C(error_rate) or C(success_ratio) is among them, C(error_rate) must be 0 as well.
        type: list
        elements: dict
        suboptions: *condition
  until:
    description: V(once) takes one attempt per probe; V(passed) repeats each probe until it passes or the deadline comes.
    type: str
    choices: [once, passed]
    default: once
  consecutive:
    description: With O(until=passed), how many attempts in a row must pass.
    type: int
    default: 1
  retry_interval:
    description: With O(until=passed), seconds between two attempts.
    type: float
    default: 1
  deadline:
    description: Seconds for the whole call.
    type: float
    default: 60
  concurrency:
    description:
      - How many samples are taken at once. Above 64 the times that are measured get less exact.
      - TLS handshakes are limited to 16 per core whatever is set here, because they are bound by the processor.
    type: int
    default: 64
  fail_on:
    description: Verdicts that fail the task.
    type: list
    elements: str
    choices: [failed, errored, inconclusive]
    default: [failed, errored, inconclusive]
notes:
  - C(total) times reach from the start of name resolution to the last byte; C(ttfb_ms) counts from the end of sending to the first byte.
"""

EXAMPLES = r"""
- name: The shop is ready
  evenkeel.release.health_probe:
    probes:
      - name: ready
        type: http
        url: http://127.0.0.1:8001/health/ready

- name: Wait until the database accepts connections, three times in a row
  evenkeel.release.health_probe:
    until: passed
    consecutive: 3
    deadline: 120
    probes:
      - name: database
        type: postgresql
        host: db1.example.com

- name: Hold the shop to its objectives
  evenkeel.release.health_probe:
    probes:
      - name: orders
        type: https
        url: https://shop.example.com/orders
        samples: 100
        interval: 0.1
        warmup: 5
        conditions:
          - {metric: error_rate, op: le, value: 0.01}
          - {metric: p95_ms, op: le, value: 500}
          - {metric: certificate_days_left, op: ge, value: 14}
"""

RETURN = r"""
verdict:
  description: The worst verdict of all probes.
  type: str
  returned: always
  sample: passed
probes:
  description: One entry per probe, in their order.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the probe.
      type: str
    type:
      description: Kind of the endpoint.
      type: str
    target:
      description: What was probed, without query and arguments.
      type: str
    verdict:
      description: V(passed), V(failed), V(errored) or V(inconclusive).
      type: str
    reason:
      description: Why, in words.
      type: str
    attempts:
      description: How many attempts were completed; the last one is reported.
      type: int
    metrics:
      description: What was measured.
      type: dict
    conditions:
      description: Every condition with what was found and whether it holds; null when nothing was measured.
      type: list
      elements: dict
  sample:
    - name: ready
      type: http
      target: http://127.0.0.1:8001/health/ready
      verdict: passed
      reason: all conditions hold
      attempts: 1
      metrics: {samples: 1, error_rate: 0.0, success_ratio: 1.0, p50_ms: 2.1, connect_ms: 0.2, ttfb_ms: 1.7, status: 200}
      conditions:
        - {metric: error_rate, op: eq, value: 0, found: 0.0, holds: true, broken: 0, of: 1}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan, summary
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete

CONDITION = {
    "metric": {"type": "str", "required": True},
    "op": {
        "type": "str",
        "choices": ["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "matches", "==", "!=", "<", "<=", ">", ">="],
        "default": "eq",
    },
    "value": {"type": "raw", "required": True},
}
PROBE = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["http", "https", "tcp", "tls", "postgresql", "command"], "required": True},
    "url": {"type": "str"},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "path": {"type": "str"},
    "method": {"type": "str"},
    "headers": {"type": "dict", "no_log": True},
    "body": {"type": "raw"},
    "server_name": {"type": "str"},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "path"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "database": {"type": "str"},
    "sslmode": {"type": "str", "choices": ["disable", "prefer", "require"]},
    "command": {"type": "list", "elements": "str"},
    "samples": {"type": "int"},
    "warmup": {"type": "int"},
    "interval": {"type": "float"},
    "timeout": {"type": "float"},
    "expect": {"type": "list", "elements": "dict", "options": CONDITION},
    "conditions": {"type": "list", "elements": "dict", "options": CONDITION},
}


def plan_faults(params):
    low = {"deadline": 0.001, "concurrency": 1, "consecutive": 1, "retry_interval": 0}
    return [f"{key} is {params[key]}; allowed: {limit} or more" for key, limit in low.items() if params[key] < limit]


def main():
    module = AnsibleModule(
        argument_spec={
            "probes": {"type": "list", "elements": "dict", "required": True, "options": PROBE},
            "until": {"type": "str", "choices": ["once", "passed"], "default": "once"},
            "consecutive": {"type": "int", "default": 1},
            "retry_interval": {"type": "float", "default": 1},
            "deadline": {"type": "float", "default": 60},
            "concurrency": {"type": "int", "default": 64},
            "fail_on": {
                "type": "list",
                "elements": "str",
                "choices": ["failed", "errored", "inconclusive"],
                "default": ["failed", "errored", "inconclusive"],
            },
        },
        supports_check_mode=True,
    )
    params = module.params
    # Ansible masks these values wherever they occur; one like "1" would turn figures into asterisks.
    module.no_log_values = {value for value in module.no_log_values if len(str(value)) >= 4}
    specs, faults = complete(params["probes"])
    faults += plan_faults(params)
    if faults:
        module.fail_json(msg="The probes were not run, their description has faults:\n" + "\n".join(faults), verdict="errored", probes=[])
    plan = Plan(
        deadline=params["deadline"],
        concurrency=params["concurrency"],
        until_passed=params["until"] == "passed",
        consecutive=params["consecutive"],
        retry_interval=params["retry_interval"],
    )
    results = Engine(plan).run(specs)
    verdict, message = summary(results)
    module.exit_json(changed=False, failed=verdict in params["fail_on"], verdict=verdict, msg=message, probes=results)


if __name__ == "__main__":
    main()
