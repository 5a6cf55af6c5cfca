#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_export
short_description: Write the results of drift scans for other tools
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Writes the newest result of every service on every host into one file on the controller, as JSON, JUnit XML, SARIF 2.1.0 or a
    file for the textfile collector of Prometheus' node exporter.
  - Results come from the ledger, or are given directly. Out of the ledger each finding is also compared with the scan before.
  - The file is written whole or not at all. It holds no secrets, since drift results hold none, but it tells much about the hosts.
attributes:
  check_mode:
    support: full
    description: Says whether it would write, and writes nothing.
  diff_mode:
    support: full
    description: Shows the file before and after; of large files only their sizes.
  idempotent:
    support: full
    description: The same results give the same file; no output holds the time at which it was made.
options:
  format:
    description:
      - V(json) is the document that the others are made of, with everything in it.
      - V(junit) has a suite for each host and a test case for each kind of item. Findings are failures, what could not be read is an
        error, allowed differences are skipped and say why.
      - V(sarif) has a run for each environment. Findings carry C(baselineState) and fingerprints that survive scans; allowed
        differences are suppressed and say why.
      - V(prometheus) has C(evenkeel_drift_findings), C(evenkeel_drift_allowed), C(evenkeel_drift_score), C(evenkeel_drift_verdict) and
        C(evenkeel_drift_last_scan_timestamp_seconds).
    type: str
    required: true
    choices: [json, junit, prometheus, sarif]
  dest:
    description: File to write on the controller. Its folder is made when absent.
    type: path
    required: true
  mode:
    description: Mode of the file. A collector of metrics or of test results often runs as another user and needs V(0644).
    type: str
    choices: ["0600", "0640", "0644"]
    default: "0600"
  environment:
    description: Out of the ledger take this environment only. With O(results) the environment they are of, by default C(evenkeel_target).
    type: str
  service:
    description: Take this service only.
    type: str
    default: ""
  results:
    description: The results themselves, by host and service as in C(web1/shop), each as M(evenkeel.release.drift_snapshot) compared gives it.
    type: dict
  ledger_url:
    description: The ledger to read. Defaults to the variable C(evenkeel_ledger_url), then to a file in C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.notify_webhook
  - module: evenkeel.release.report
"""

EXAMPLES = r"""
- name: Write the drift of all environments as JSON
  evenkeel.release.drift_export:
    format: json
    dest: ./drift.json

- name: Write metrics for node exporter
  evenkeel.release.drift_export:
    format: prometheus
    dest: /var/lib/prometheus/node-exporter/evenkeel_drift.prom
    mode: "0644"

- name: Write test results of production for the pipeline
  evenkeel.release.drift_export:
    format: junit
    dest: ./results/drift.xml
    environment: production

- name: Write one result that is at hand
  evenkeel.release.drift_export:
    format: sarif
    dest: ./drift.sarif
    environment: staging
    results:
      web1/shop:
        verdict: failed
        score: 20.0
        findings:
          - {path: "file:/etc/shop/shop.ini", kind: changed, severity: high, before: {mode: "0640"}, after: {mode: "0666"}}
        allowed: []
        unused: []
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /srv/reports/drift.json
verdict:
  description: The worst one of V(failed), V(errored), V(inconclusive) and V(passed).
  returned: success
  type: str
  sample: failed
subjects:
  description: How many services on hosts it tells about.
  returned: success
  type: int
  sample: 6
findings:
  description: How many differences that are not allowed.
  returned: success
  type: int
  sample: 2
new:
  description: How many of them came or moved since the scan before; 0 for results that were given directly.
  returned: success
  type: int
  sample: 1
by_severity:
  description: Their number by severity.
  returned: success
  type: dict
  sample: {critical: 0, high: 1, medium: 1, low: 0, cosmetic: 0}
"""
