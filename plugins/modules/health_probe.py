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
  - Takes samples of many endpoints concurrently in one call and judges them by conditions.
  - Asks HTTP, TCP, TLS, gRPC, DNS, PostgreSQL, MySQL, MariaDB, Redis, AMQP and Prometheus in their own protocols, runs commands, and goes
    through scenarios, which are HTTP requests one after the other that log in, order something and take it away again.
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
        choices: [http, https, tcp, tls, postgresql, command, grpc, dns, redis, mysql, amqp, prometheus, scenario]
        required: true
      url:
        description:
          - URL of an V(http) or V(https) probe, instead of O(probes[].host), O(probes[].port) and O(probes[].path).
          - The place that the paths of a V(scenario) are added to, or where V(prometheus) is.
        type: str
      host:
        description: Name or address of the endpoint.
        type: str
      port:
        description: Port of the endpoint. All but V(tcp), V(grpc) and V(scenario) know their usual one.
        type: int
      addresses:
        description:
          - V(each) resolves the name and probes every address of it, each with a result of its own; V(any), which is taken when left out,
            takes the first that accepts a connection, as clients do.
          - A broken IPv6 address behind a good IPv4 one is found by V(each) only.
        type: str
        choices: [any, each]
      path:
        description: Path and query of an V(http) or V(https) probe; V(/) when left out.
        type: str
      method:
        description: HTTP method; V(GET) when left out. Redirects are answers, they are not followed.
        type: str
      headers:
        description:
          - HTTP headers, or the metadata of a V(grpc) probe. Their values are secrets, they appear in no result and in no log.
          - Those of a V(scenario) go with every step to its own host and port, and nowhere else. One that uses a variable goes along as soon as
            that is set.
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
      tls:
        description: Whether a V(grpc), V(redis), V(mysql) or V(amqp) probe speaks inside TLS; V(false) when left out.
        type: bool
      user:
        description:
          - User of a V(postgresql), V(mysql), V(redis) or V(amqp) probe.
          - When left out, V(postgres) for V(postgresql) and the default user for V(redis); the others need one with a password.
        type: str
      password:
        description:
          - Password of that user. With it the probe logs in and asks something, without it the probe asks only whether logins are taken.
            The metric C(depth) says which it was, V(query) or V(startup).
        type: str
      database:
        description: Database of a V(postgresql) probe, by default named as the user, or of a V(mysql) probe, by default none.
        type: str
      sslmode:
        description: Whether a V(postgresql) probe asks for TLS; V(prefer) when left out.
        type: str
        choices: [disable, prefer, require]
      get_public_key:
        description:
          - Whether a V(mysql) probe without TLS may encrypt the password with a key that the server sends, when the server asks for it
            (V(caching_sha2_password), the first login of an account). Somebody between the two could send a key of their own.
        type: bool
      query:
        description:
          - Of a V(dns) probe, the name that is asked for.
          - Of a V(mysql) probe, a query whose first value is the metric C(value); it runs in a read-only transaction. V(SELECT 1) when left out.
          - Of a V(prometheus) probe, an instant query that gives a scalar or a vector.
        type: str
      record:
        description: Type of record that a V(dns) probe asks for; V(A) when left out.
        type: str
        choices: [A, AAAA, CNAME, MX, NS, SRV, TXT]
      answers:
        description:
          - All answers that a V(dns) probe expects, in any order.
          - Those of type SRV as V(10 5 8080 web1.example.com), of type MX as V(10 mail.example.com).
        type: list
        elements: str
      transport:
        description: How a V(dns) probe asks; V(udp), which is taken when left out, asks again over TCP when the answer does not fit.
        type: str
        choices: [udp, tcp]
      service:
        description: Service whose health a V(grpc) probe asks for (grpc.health.v1); that of the whole server when left out.
        type: str
      vhost:
        description: Virtual host of an V(amqp) probe; V(/) when left out.
        type: str
      queue:
        description: Queue that an V(amqp) probe looks at without changing it, for the metrics C(messages) and C(consumers).
        type: str
      variables:
        description: Values for a V(scenario), written as C($(name\)) in its steps.
        type: dict
      secrets:
        description: The same, for values that appear in no result and in no log.
        type: dict
      steps:
        description:
          - Requests of a V(scenario), one after the other until one does not pass. They share cookies and variables.
          - C($(name\)) stands for a variable in paths, URLs, headers, bodies, forms and expected values. A text that is nothing but a variable
            keeps the type of its value. In paths the value is quoted.
        type: list
        elements: dict
        suboptions: &step
          name:
            description: Name of the step, in results and in the metric C(step.<name>.ms); each name occurs once.
            type: str
          method:
            description: HTTP method; V(GET) when left out, V(POST) with a body or form.
            type: str
          path:
            description: Path and query, added to the URL of the scenario; V(/) when left out. A variable alone may be a path or a URL.
            type: str
          url:
            description: URL elsewhere, instead of O(probes[].steps[].path).
            type: str
          headers:
            description: Headers of this request.
            type: dict
          body:
            description: Body of the request; a mapping or list is sent as JSON.
            type: raw
          form:
            description: Fields of a form, sent as a browser does.
            type: dict
          redirects:
            description: How many redirects are followed; V(0) when left out, so that a redirect is an answer.
            type: int
          attempts:
            description: How often the step is tried until it passes; V(1) when left out. For what takes its time on the other side.
            type: int
          interval:
            description: Seconds between two attempts; V(0.5) when left out.
            type: float
          timeout:
            description: Seconds for one attempt; all that is left of the scenario's time when left out.
            type: float
          expect:
            description:
              - What must hold for the step to pass. Unless C(status) is among it, the status must be below 400 as well.
              - "C(status), C(body), C(bytes), C(json.<path>), C(jmespath:<expression>), C(header.<name>), C(cookie.<name>), C(connect_ms),
                C(tls_ms), C(ttfb_ms) and C(total_ms)."
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
          extract:
            description:
              - Variables that later steps use, by name, each with one of C(jmespath), C(json) (a JSON pointer), C(header), C(cookie) or C(regex)
                (its first group), and when wanted C(default) and C(secret).
              - They are taken before anything is judged. A step whose answer lacks one does not pass.
              - Values of cookies and of variables and headers that are called token, session, password or the like are secrets without being told.
            type: dict
      cleanup:
        description:
          - Steps that run in the end whatever happened before, each of them, also when an earlier one failed. One that uses a variable which was
            never set is skipped.
        type: list
        elements: dict
        suboptions: *step
      cleanup_timeout:
        description: Seconds for the clean-up, kept free before the deadline of the call; V(10) when left out.
        type: float
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
        description: Seconds that one sample may take; V(5) when left out, V(30) for a V(scenario), whose clean-up has its own time.
        type: float
      expect:
        description:
          - Conditions that make one sample good; samples that are not good count in C(error_rate).
          - When left out, a status below 400, exit code 0, a certificate that has not expired, a gRPC service that is C(SERVING), a DNS answer or
            a series of Prometheus, unless O(probes[].conditions) names that metric.
        type: list
        elements: dict
        suboptions: *condition
      conditions:
        description:
          - What must hold for the probe to pass.
          - "Over all samples: C(samples), C(error_rate), C(success_ratio), C(p50_ms), C(p90_ms), C(p95_ms), C(p99_ms), C(max_ms) and the medians
            C(connect_ms), C(tls_ms), C(ttfb_ms). Times are those of answered samples."
          - "In every answered sample: C(status), C(body), C(bytes), C(exit_code), C(stdout), C(certificate_days_left), C(depth),
            C(json.<path>), a value in a JSON body or output such as C(json.checks.0.state), and C(jmespath:<expression>) on it."
          - "V(scenario): C(step.<name>.ms). V(grpc): C(serving). V(dns): C(rcode), C(answers), C(answer_count), C(ttl). V(redis): C(role), C(link),
            C(replicas), C(lag_seconds), C(lag_bytes), C(info.<field>). V(mysql): C(value), C(rows), C(server_version). V(amqp): C(messages),
            C(consumers), C(server_version). V(prometheus): C(value), C(series), C(min), C(max)."
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

- name: Order something as a customer does, and take it back
  evenkeel.release.health_probe:
    probes:
      - name: order
        type: scenario
        url: https://shop.example.com
        secrets: {password: "{{ lookup('evenkeel.release.vault_secret', 'smoke/customer#password') }}"}
        steps:
          - {name: log in, path: /login, form: {user: smoke, password: $(password)}}
          - name: order
            path: /orders
            body: {sku: A-1, count: 1}
            extract: {id: {jmespath: order.id}}
          - name: paid
            path: /orders/$(id)
            attempts: 10
            expect: [{metric: json.state, value: paid}]
        cleanup:
          - {name: cancel, method: DELETE, path: /orders/$(id)}

- name: What the shop depends on answers, on every address
  evenkeel.release.health_probe:
    probes:
      - {name: payments, type: grpc, host: pay.example.com, port: 443, tls: true, service: shop.Payments, addresses: each}
      - {name: name, type: dns, host: 192.0.2.53, query: shop.example.com, answers: [192.0.2.10, 192.0.2.11]}
      - {name: cache, type: redis, host: cache1.example.com, conditions: [{metric: lag_seconds, op: le, value: 5}], password: "{{ cache_password }}"}
      - name: errors
        type: prometheus
        url: http://prometheus.example.com:9090
        query: sum(rate(http_requests_total{job="shop",code=~"5.."}[5m])) or vector(0)
        conditions: [{metric: value, op: lt, value: 0.1}]
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
    address:
      description: With O(probes[].addresses=each), the address that was probed.
      type: str
    family:
      description: V(IPv4) or V(IPv6), of that address.
      type: str
    steps:
      description:
        - Steps of a scenario's last sample in their order, with C(name), C(phase) (V(step) or V(cleanup)), C(method), C(target) as it was written,
          C(state) (V(passed), V(failed), V(errored) or V(skipped)), C(reason), C(attempts), C(after_ms) since the start, C(ms), and when there
          was an answer its C(status), C(bytes) and times.
        - Neither bodies nor the values of variables are among it.
      type: list
      elements: dict
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
from ansible_collections.evenkeel.release.plugins.module_utils._probe.kinds import KINDS
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.plugins.module_utils._probe.variables import PLACEHOLDER

CONDITION = {
    "metric": {"type": "str", "required": True},
    "op": {
        "type": "str",
        "choices": ["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "matches", "==", "!=", "<", "<=", ">", ">="],
        "default": "eq",
    },
    "value": {"type": "raw", "required": True},
}
STEP = {
    "name": {"type": "str"},
    "method": {"type": "str"},
    "path": {"type": "str"},
    "url": {"type": "str"},
    "headers": {"type": "dict", "no_log": True},
    "body": {"type": "raw", "no_log": True},
    "form": {"type": "dict", "no_log": True},
    "redirects": {"type": "int"},
    "attempts": {"type": "int"},
    "interval": {"type": "float"},
    "timeout": {"type": "float"},
    "expect": {"type": "list", "elements": "dict", "options": CONDITION},
    "extract": {"type": "dict"},
}
PROBE = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": list(KINDS), "required": True},
    "url": {"type": "str"},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "addresses": {"type": "str", "choices": ["any", "each"]},
    "path": {"type": "str"},
    "method": {"type": "str"},
    "headers": {"type": "dict", "no_log": True},
    "body": {"type": "raw", "no_log": True},
    "server_name": {"type": "str"},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "path"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "database": {"type": "str"},
    "sslmode": {"type": "str", "choices": ["disable", "prefer", "require"]},
    "tls": {"type": "bool"},
    "get_public_key": {"type": "bool"},
    "query": {"type": "str"},
    "record": {"type": "str", "choices": ["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"]},
    "answers": {"type": "list", "elements": "str"},
    "transport": {"type": "str", "choices": ["udp", "tcp"]},
    "service": {"type": "str"},
    "vhost": {"type": "str"},
    "queue": {"type": "str"},
    "variables": {"type": "dict", "no_log": True},
    "secrets": {"type": "dict", "no_log": True},
    "steps": {"type": "list", "elements": "dict", "options": STEP},
    "cleanup": {"type": "list", "elements": "dict", "options": STEP},
    "cleanup_timeout": {"type": "float"},
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


def secrets_of(probes):
    """Values that are secret wherever they stand: passwords, secrets and headers."""
    found = set()
    for probe in probes:
        places = [probe, *(probe["steps"] or []), *(probe["cleanup"] or [])]
        mappings = [place.get(key) or {} for place in places for key in ("headers", "secrets")]
        # What is nothing but a variable stands in the targets of steps as well.
        found.update(str(value) for mapping in mappings for value in mapping.values() if not PLACEHOLDER.fullmatch(str(value)))
        found.add(probe["password"] or "")
    return found


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
    module.no_log_values = {value for value in secrets_of(params["probes"]) if len(value) >= 4}
    # Bodies and forms are kept from logs, but what stands in them may be any word of a result: they aren't shown at all.
    shown = {**params, "probes": [{key: probe[key] for key in ("name", "type")} for probe in params["probes"]]}
    specs, faults = complete(params["probes"])
    faults += plan_faults(params)
    if faults:
        module.fail_json(
            msg="The probes were not run, their description has faults:\n" + "\n".join(faults), verdict="errored", probes=[], invocation={"module_args": shown}
        )
    plan = Plan(
        deadline=params["deadline"],
        concurrency=params["concurrency"],
        until_passed=params["until"] == "passed",
        consecutive=params["consecutive"],
        retry_interval=params["retry_interval"],
    )
    results = Engine(plan).run(specs)
    verdict, message = summary(results)
    module.exit_json(changed=False, failed=verdict in params["fail_on"], verdict=verdict, msg=message, probes=results, invocation={"module_args": shown})


if __name__ == "__main__":
    main()
