#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write the ledger as one HTML page
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads the ledger, verifies it and writes one self-contained HTML page on the controller. The page loads nothing from a network.
  - It shows the environments with their releases and drift, the timeline, each gate decision with its reasons, and the latency and
    errors that load generators measured around each switch of traffic.
  - The file is written with mode V(0640), since whoever may not read the ledger should not read its report.
attributes:
  check_mode:
    support: full
    description: Reads and verifies everything, says what it would write, and writes nothing.
  diff_mode:
    support: none
    description: The page is derived; its source is the ledger.
  idempotent:
    support: full
    description: The same ledger and samples give the same page.
options:
  dest:
    description: File to write. Its folder is made when absent.
    type: str
    required: true
  title:
    description: Heading of the page.
    type: str
    default: Release report
  environment:
    description: Show this environment only. Empty shows all.
    type: str
    default: ""
  load:
    description: Measurements of load generators to plot, in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What to call it in the page.
        type: str
        required: true
      path:
        description: File on the controller with one JSON object a line, with V(t) (epoch seconds), V(ms), V(ok) and V(version).
        type: str
        required: true
      environment:
        description: Mark the switches of this environment only. Empty marks all that fall into the time measured.
        type: str
        default: ""
  ledger_url:
    description: The ledger to read. Defaults to the variable C(evenkeel_ledger_url), then to a file in C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Write the report
  evenkeel.release.report:
    dest: ./report.html

- name: Write the report of production with the traffic around a promotion
  evenkeel.release.report:
    dest: ./production.html
    title: Promotion of 1.1.0
    environment: production
    load:
      - name: Promotion of 1.1.0 under load
        path: ./load/samples.jsonl
        environment: production
"""

RETURN = r"""
dest:
  description: The file that was written.
  returned: success
  type: str
  sample: /srv/reports/report.html
state:
  description: V(passed), V(attention) when something needs a look, V(failed) when the ledger was changed.
  returned: success
  type: str
  sample: passed
notes:
  description: Why the state is not V(passed).
  returned: success
  type: list
  elements: str
  sample: []
"""
