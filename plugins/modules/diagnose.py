#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: diagnose
short_description: Tell whether it is the deployment
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Ranks what the ledger knows to have changed in an environment (deployments, rollbacks, migrations, drift and changed configuration with who did
    it, flags, data refreshes, tasks of other plays, baselines) by how much speaks for each being the cause of symptoms that began at a given time.
  - The time of the symptoms is told, or found in series by the judge's watch.
  - A change after the symptoms cannot be their cause. Each score comes with its reasons in words.
requirements:
  - SQLAlchemy >= 2.0.30 and jsonschema >= 4.21 on the controller
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only reads; writes no file.
  diff_mode:
    support: none
    description: Changes nothing but the files that are asked for.
options:
  environment:
    description: Environment with the symptoms.
    type: str
    required: true
  symptoms_since:
    description: When they began, seconds since 1970 or a time with its zone such as V(2027-12-20T00:00:00Z). This or O(series) is needed.
    type: raw
  series:
    description:
      - Series that show the symptoms, each with C(name), C(kind), perhaps C(direction), and a source as
        O(evenkeel.release.canary_judge#module:metrics[].canary) has it. The earliest moment from which one of them is off counts.
    type: list
    elements: dict
    default: []
  usual_until:
    description: Until when the series were as usual. Without, the first third of each is taken for that, at least 40 points of a gauge.
    type: raw
  prometheus:
    description: Where Prometheus is, as for M(evenkeel.release.canary_judge), for series with a query.
    type: dict
  start:
    description: Start of the window of queries.
    type: raw
  end:
    description: End of the window of queries.
    type: raw
  step:
    description: Seconds between two points of a query.
    type: float
  services:
    description: Services that show the symptoms.
    type: list
    elements: str
    default: []
  hosts:
    description: Hosts that show the symptoms.
    type: list
    elements: str
    default: []
  depends_on:
    description: Which services each service depends on, so that a change below O(services) counts.
    type: dict
    default: {}
  looks_back:
    description: Seconds before the symptoms that are looked at.
    type: float
    default: 604800
  tolerance:
    description: Seconds that the clocks of the ledger and of whoever saw the symptoms may be apart. The distance of two points of a series is added.
    type: float
    default: 5
  json_dest:
    description: Write the answer to this file, as RV(ignore:suspects) and the rest.
    type: path
  html_dest:
    description: Write it as a page that loads nothing.
    type: path
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
seealso:
  - module: evenkeel.release.forensics
  - module: evenkeel.release.canary_judge
"""

EXAMPLES = r"""
- name: Is it the deployment?
  evenkeel.release.diagnose:
    environment: production
    symptoms_since: "2027-12-20T09:14:00Z"
    services: [shop]

- name: Find the beginning in Prometheus
  evenkeel.release.diagnose:
    environment: production
    prometheus: {url: "https://prometheus.example.com"}
    start: "2027-12-20T08:00:00Z"
    end: "2027-12-20T10:00:00Z"
    series:
      - {name: p95, kind: gauge, direction: increase, query: 'service:latency:p95{service="shop"}'}
    html_dest: /tmp/diagnosis.html
"""

RETURN = r"""
answer:
  description: Whether it is a deployment (or a switch, migration or rollback), V(likely), V(possible), V(unlikely) or V(unknown).
  type: str
  returned: success
  sample: likely
text:
  description: The answer in a sentence or two.
  type: str
  returned: success
onset:
  description: "When the symptoms began: C(time), C(at) in seconds since 1970, and C(text), how that is known."
  type: dict
  returned: success
suspects:
  description:
    - "The most suspect first, each with C(rank), C(score) (0 to 100), C(kind), C(what), C(when) and perhaps C(until), C(seconds_before), C(who),
      C(release), C(services), C(hosts), C(entry) of the ledger, C(part_of), C(verdict), C(factors) (C(name), C(value), C(text)) and C(notes)."
  type: list
  elements: dict
  returned: success
after:
  description: What changed within two hours after the symptoms began, and so is not their cause.
  type: list
  elements: dict
  returned: success
running:
  description: Which release each service runs, service to release.
  type: dict
  returned: success
elsewhere:
  description: "Other environments on the same releases, each with C(environment), C(release), C(services), C(since), C(state) and C(text)."
  type: list
  elements: dict
  returned: success
"""
