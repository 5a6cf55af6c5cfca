#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: write_probe
short_description: Measure how long nobody could write to PostgreSQL
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - V(started) starts a small process on the controller that writes one row again and again, to whichever of the servers takes writes. V(stopped) ends it
    and says how long no write came through, by a clock that nobody sets.
  - The process ends with the C(ansible-playbook) that started it. When that was killed, the next V(started) of the same name goes on with its notes.
  - The row is in the table C(evenkeel_write_probe), which is dropped at the end.
requirements:
  - psycopg >= 3.1 on the controller
attributes:
  check_mode:
    support: full
    description: Nothing is started or measured.
  diff_mode:
    support: none
    description: Nothing is edited.
  idempotent:
    support: none
    description: Every measurement is one of its own.
options:
  state:
    description: Whether the measurement begins or ends.
    type: str
    choices: [started, stopped]
    required: true
  name:
    description: Name of the measurement.
    type: str
    required: true
  servers:
    description: All servers of the cluster; required with O(state=started).
    type: list
    elements: dict
    default: []
    suboptions:
      address: {description: Where the controller reaches it., type: str, required: true}
      port: {description: Its port., type: int, default: 5432}
  dbname:
    description: Database that is written to.
    type: str
    default: postgres
  user:
    description: Role that may create a table there.
    type: str
    default: postgres
  password:
    description: Its password.
    type: str
  sslmode:
    description: As in libpq.
    type: str
    default: prefer
  interval:
    description: Seconds between two writes, so how exact the measurement is.
    type: float
    default: 0.05
  patience:
    description: A write that took longer than so many seconds counts as downtime too.
    type: float
    default: 1
  need_first:
    description: Whether V(started) fails when no write comes through.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Measure from here on
  evenkeel.release.write_probe:
    state: started
    name: shop
    servers: [{address: db1.example.com}, {address: db2.example.com}]
    user: operator
    password: "{{ secrets.operator_password }}"

- name: How long was it?
  evenkeel.release.write_probe:
    state: stopped
    name: shop
"""

RETURN = r"""
downtime:
  description: What was measured.
  returned: with O(state=stopped)
  type: dict
  contains:
    seconds:
      description: From the first write that failed to the first that was acknowledged again, all outages together.
      type: float
    longest:
      description: The longest outage.
      type: float
    uncertainty:
      description: How much more it may have been, since a write was acknowledged so long before the first that failed.
      type: float
    unwatched:
      description: Seconds within which nothing was tried.
      type: float
    outages:
      description: Each with C(at) (seconds of the epoch), C(seconds) and whether it is C(over).
      type: list
      elements: dict
    attempts:
      description: Writes that were tried.
      type: int
    failed:
      description: Writes that failed.
      type: int
    watched:
      description: Seconds from the first to the last write.
      type: float
    writable:
      description: Whether the last write came through.
      type: bool
    says:
      description: All that in a sentence.
      type: str
    error:
      description: The last error.
      type: str
continued:
  description: Whether notes of an earlier run are gone on with.
  returned: with O(state=started)
  type: bool
"""
