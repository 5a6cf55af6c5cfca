#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: environment_sla
short_description: Measure what booked environments were worth
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Measures from the ledger, for each environment, the share of its booked time in which it could be used, and the time from a booking to a
    provisioned environment. Compares them with C(sla) of the environment's document.
  - It could not be used while it was torn down or its provision had failed, while a deployment ran that failed, and from one that was killed until
    an act that passed. A hold keeps one release out and takes no time away; it is told.
  - Runs on the controller.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  environments:
    description: Environments; when empty, all of the inventory.
    type: list
    elements: str
    default: []
  begin:
    description: Begin of the period, as C(2027-03-01T00:00:00Z). Defaults to O(days) before its end.
    type: str
    default: ""
  end:
    description: End of the period; now, when it is empty or later than that.
    type: str
    default: ""
  days:
    description: Length of the period where O(begin) is empty.
    type: int
    default: 30
  reservations:
    description: Files of bookings as code; of a folder all C(*.yml).
    type: list
    elements: path
    default: []
  enforce:
    description: Whether a breach fails the task.
    type: bool
    default: false
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: How good was staging this month?
  evenkeel.release.environment_sla:
    environments: [staging]
"""

RETURN = r"""
environments:
  description:
    - For each environment C(bookings), C(booked_seconds), C(usable_seconds), C(availability) in percent and C(turnaround_seconds), C(targets), C(met),
      C(outages) and C(holds) with C(from), C(to), C(cause) and C(entry).
    - C(breaches) with C(what), C(booking), C(found), C(target), C(cause) and C(entry), the id of the entry of the ledger that shows it.
    - C(met) is null when there was nothing to measure.
  returned: success
  type: list
  elements: dict
period:
  description: C(begin) and C(end).
  returned: success
  type: dict
msg:
  description: A table.
  returned: always
  type: str
"""
