#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: canary_judge
short_description: Judge a new release by its metrics
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Compares the metrics of a canary with those of its baseline and of earlier releases, by the test that fits the kind of each metric,
    and answers with one verdict, a reason per metric, and what this run could have seen at all.
  - Never passes what could not be told. An error of a source is V(errored), too little data is V(inconclusive); both fail the task by default.
  - Can be asked again and again while the canary runs; the looks share one chance of a false alarm.
  - Decides only. Runs on the controller.
requirements:
  - jmespath >= 1.0.1 and jsonschema >= 4.21 on the controller
attributes:
  check_mode:
    support: full
    description: Only reads, so it judges in check mode as well.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  metrics:
    description: What to judge.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the metric; each name occurs once.
        type: str
        required: true
      kind:
        description:
          - What its figures are, which decides the test.
          - A V(gauge) has values such as latencies (Mann and Whitney's test), a V(counter) events by time (Poisson rates), a V(ratio) failed
            requests of all requests (Fisher's exact test), V(availability) good samples of all samples (Fisher's, and its objective).
        type: str
        choices: [gauge, counter, ratio, availability]
        required: true
      canary:
        description:
          - Where the series of the canary comes from. Exactly one of C(points), C(of), C(query), C(file), C(probes) and C(haproxy).
        type: dict
        required: true
        suboptions: &source
          points:
            description:
              - Points in the order of time, C([seconds, value]). Of a V(counter) the value only grows; of a V(ratio) they are
                C([seconds, events, of]) of each interval; of V(availability) C([seconds, up]) with 1 or 0, or C([seconds, up, of]).
            type: list
            elements: list
          events:
            description: Events in all, in place of points; of V(availability) the good samples.
            type: float
          of:
            description: Requests, samples or seconds in all.
            type: float
          exposure:
            description: Of a V(counter), how much traffic a second stood for, such as the weight of this side.
            type: float
            default: 1
          query:
            description:
              - PromQL. Of a V(gauge) or V(availability) it gives one series. Of a V(counter) it gives counters, all of which are added up.
                Of a V(ratio) it is a mapping of C(events) and C(of), each giving counters.
            type: raw
          start:
            description: Start of the window, in place of O(start).
            type: raw
          end:
            description: End of the window, in place of O(end).
            type: raw
          step:
            description: Seconds between two points, in place of O(step).
            type: float
          file:
            description: JSON or CSV file on the controller.
            type: path
          series:
            description: Name of the series in a JSON file with a list of them.
            type: str
          columns:
            description: Names of the columns C(time), C(value), C(events) and C(of) of a CSV file, when they are others.
            type: dict
          where:
            description: Rows of a CSV file to take, by column and value.
            type: dict
          probes:
            description: What M(evenkeel.release.health_probe) returned, or a list of it. C(at) beside it is its time.
            type: raw
          probe:
            description: Name of the probe.
            type: str
          haproxy:
            description:
              - Readings, each what M(evenkeel.release.traffic_info) returned, or C(stat), the text of C(show stat). C(at) beside it is its
                time. Counters tell by their difference, so two are needed; those of several balancers are added up.
            type: list
            elements: dict
          balancer:
            description: Address of one balancer, when the readings are of several.
            type: str
          backend:
            description: Backend of HAProxy.
            type: str
          server:
            description: Server of that backend, when not all of it.
            type: str
          field:
            description: Figure that a V(gauge) takes, such as C(p95_ms) of a probe or C(response_ms) of HAProxy; the metric's name when left out.
            type: str
      baseline:
        description: Where the series of the baseline comes from, best the old release on an instance as young as the canary.
        type: dict
        suboptions: *source
      earlier:
        description: Earlier stable releases, each with C(release) and a source. Three or more tell how much releases differ without being bad.
        type: list
        elements: dict
      direction:
        description: Which change is for the worse; V(increase) for a ratio, otherwise V(either) when left out.
        type: str
        choices: [increase, decrease, either]
      critical:
        description: Whether this metric fails the run by itself. V(true) when left out, but V(false) in the mode V(kayenta).
        type: bool
      muted:
        description: Judged and shown, but not counted.
        type: bool
        default: false
      groups:
        description: Groups whose scores it counts to.
        type: list
        elements: str
        default: [all]
      tolerance:
        description:
          - Change below which nothing is found, however sure it is. V(0.05), which is 5 %, for gauges and counters; V(0.001), a tenth of a
            percentage point, for ratios; V(0) for availability.
        type: float
      must_see:
        description:
          - A run that could not have seen a change of this size is inconclusive. V(1), a doubling, for gauges and counters; V(0.1), ten
            percentage points, for ratios and availability.
        type: float
      min_samples:
        description:
          - What a pass needs on each side. V(20) points of a gauge, V(50) requests, V(30) samples; V(20) events of a counter on both sides
            together.
        type: float
      highest:
        description: Limit that no baseline excuses; of a gauge for its median, of a counter by second, of a ratio a share.
        type: float
      lowest:
        description: The same from below.
        type: float
      objective:
        description: Availability to keep, a share such as V(0.999).
        type: float
      burn:
        description: Whether the error budget of O(metrics[].objective) is watched too, by windows of 1, 6, 24 and 72 hours. For points by time.
        type: bool
        default: false
      nan:
        description: Whether missing values of a gauge are left out or 0.
        type: str
        choices: [remove, replace]
        default: remove
      outliers:
        description: Whether outliers of a gauge stay.
        type: str
        choices: [keep, remove]
        default: keep
      outlier_factor:
        description: How many interquartile ranges beyond the quartiles make an outlier.
        type: float
        default: 3
      required:
        description: In the mode V(kayenta), whether no data is a failure.
        type: bool
        default: false
      effect:
        description:
          - Effect sizes of the mode V(kayenta), C(measure) (C(meanRatio) or C(cles)), C(allowed_increase), C(allowed_decrease),
            C(critical_increase) and C(critical_decrease).
        type: dict
  mode:
    description:
      - V(default) tests each metric by its kind.
      - V(kayenta) classifies as Kayenta's NetflixACAJudge does, except that an error never passes.
      - V(watch) looks for the moment from which on a series is off what the baseline, the time before the release, showed as usual.
    type: str
    choices: [default, kayenta, watch]
    default: default
  weights:
    description: Weights of groups, at most 100 together; groups without one share the rest.
    type: dict
    default: {}
  alpha:
    description: Chance of a false alarm of the whole run, all its metrics and looks together. The mode V(kayenta) has its own.
    type: float
    default: 0.01
  power:
    description: Power that the statement of what could have been seen speaks of.
    type: float
    default: 0.8
  look:
    description: Number of this look, 1 for the first.
    type: int
    default: 1
  looks:
    description: How many looks are planned, at equal shares of the run.
    type: int
    default: 1
  fractions:
    description: Share of the run at each look so far, this one last, in place of O(look) and O(looks).
    type: list
    elements: float
  pass_score:
    description: Score from which on the run passes.
    type: float
    default: 95
  marginal_score:
    description: Score below which the run fails. Between the two it is inconclusive.
    type: float
    default: 75
  prometheus:
    description: Where Prometheus is, for sources with a query.
    type: dict
    suboptions:
      url:
        description: Base URL, without C(/api/v1).
        type: str
        required: true
      headers:
        description: Headers of each request, such as C(Authorization). Their values are secrets.
        type: dict
      ca_path:
        description: File with the certificates to trust instead of the system's.
        type: path
      validate_certs:
        description: Whether the certificate must be valid and trusted.
        type: bool
        default: true
      timeout:
        description: Seconds that one query may take.
        type: float
        default: 30
  start:
    description: Start of the window of queries, seconds since 1970 or a time such as V(2027-12-20T00:00:00Z).
    type: raw
  end:
    description: End of the window.
    type: raw
  step:
    description:
      - Seconds between two points of a query.
      - Without, about 15, and so that they fit between O(start) and O(end). Between less than 15 s there are two points, the start and the end.
    type: float
  fail_on:
    description: Verdicts that fail the task. Before the last look V(inconclusive) is usual, leave it out there.
    type: list
    elements: str
    choices: [failed, errored, inconclusive]
    default: [failed, errored, inconclusive]
seealso:
  - module: evenkeel.release.health_probe
  - module: evenkeel.release.traffic_info
  - module: evenkeel.release.bake
"""

EXAMPLES = r"""
- name: Judge by totals
  evenkeel.release.canary_judge:
    metrics:
      - name: errors
        kind: ratio
        canary: {events: 2, of: 1800}
        baseline: {events: 3, of: 1950}

- name: Third of five looks at a canary, by what Prometheus has seen
  evenkeel.release.canary_judge:
    look: 3
    looks: 5
    fail_on: [failed, errored]
    prometheus: {url: "https://prometheus.example.com"}
    start: "{{ canary_began }}"
    end: "{{ now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
    metrics:
      - name: errors
        kind: ratio
        highest: 0.05
        canary:
          query:
            events: http_requests_total{service="shop", track="canary", code=~"5.."}
            of: http_requests_total{service="shop", track="canary"}
        baseline:
          query:
            events: http_requests_total{service="shop", track="baseline", code=~"5.."}
            of: http_requests_total{service="shop", track="baseline"}
      - name: p95
        kind: gauge
        direction: increase
        canary: {query: 'service:latency:p95{service="shop", track="canary"}'}
        baseline: {query: 'service:latency:p95{service="shop", track="baseline"}'}

- name: Judge as Kayenta would
  evenkeel.release.canary_judge:
    mode: kayenta
    weights: {latency: 60, system: 40}
    metrics:
      - name: p95
        kind: gauge
        groups: [latency]
        critical: true
        canary: {file: canary.csv, columns: {value: p95}}
        baseline: {file: baseline.csv, columns: {value: p95}}
      - name: cpu
        kind: gauge
        groups: [system]
        canary: {file: canary.csv, columns: {value: cpu}}
        baseline: {file: baseline.csv, columns: {value: cpu}}
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed) for a definite no, V(errored) when it could not be told, V(inconclusive) with too little data.
  type: str
  returned: when the options are valid
  sample: failed
score:
  description: Weighted share of the metrics that passed, 0 to 100; 0 when a critical one failed.
  type: float
  returned: when the options are valid
mode:
  description: How it was judged.
  type: str
  returned: when the options are valid
groups:
  description: Score of each group; null without data.
  type: dict
  returned: when the options are valid
metrics:
  description: Every metric; comparisons with earlier releases and error budgets are entries of their own.
  type: list
  elements: dict
  returned: when the options are valid
  contains:
    name:
      description: Name of the metric.
      type: str
    verdict:
      description: V(passed), V(failed), V(errored) or V(inconclusive).
      type: str
    classification:
      description: V(Pass), V(High), V(Low), V(Nodata) or V(Error); in the mode V(kayenta) V(NodataFailMetric) too.
      type: str
    reason:
      description: Why, in words.
      type: str
    test:
      description: The test that decided.
      type: str
    p:
      description: How likely so great a change is without a cause.
      type: float
    effect:
      description: The change, relative (0.32 is +32 %) or in C(unit).
      type: float
    unit:
      description: Empty for a relative change, V(share) for a difference of shares, V(units) for one in the metric's own unit.
      type: str
    interval:
      description: Bounds of the effect; null where the data set none.
      type: list
      elements: float
    detectable:
      description: The smallest change that would have been found with O(power), in the unit of the effect.
      type: float
    critical:
      description: Whether it fails the run by itself.
      type: bool
    muted:
      description: Whether it does not count.
      type: bool
    group:
      description: First of its groups.
      type: str
    groups:
      description: Its groups.
      type: list
      elements: str
    canary:
      description: What was seen of the canary.
      type: dict
    baseline:
      description: What was seen of the baseline.
      type: dict
    began:
      description: In the mode V(watch), when the change began, seconds since 1970.
      type: float
    told:
      description: In the mode V(watch), when it could be told.
      type: float
power:
  description: What this run could have seen, in words.
  type: str
  returned: when the options are valid
  sample: This run could have seen +32 % of p95 with 80 % power.
reasons:
  description: Why it did not pass.
  type: list
  elements: str
  returned: when the options are valid
level:
  description: The p below which a change counted at this look.
  type: float
  returned: when the options are valid
fractions:
  description: Share of the run at each look so far.
  type: list
  elements: float
  returned: when the options are valid
final:
  description: Whether this was the last look.
  type: bool
  returned: when the options are valid
"""
