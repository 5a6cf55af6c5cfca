#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: record
short_description: Write an entry into the ledger
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Appends one entry to the ledger, from the controller. An entry is never edited or removed.
  - Record the intent before an act and the outcome after it; an intent without an outcome is an act that was killed.
  - Secrets are removed by the name of their key, by their known value and by their form in a text, before anything is written.
attributes:
  check_mode:
    support: full
    description: Says what would be done and writes nothing.
  diff_mode:
    support: none
    description: Nothing is ever edited, so there is no before and after.
  idempotent:
    support: none
    description: Every call is an entry of its own.
options:
  kind:
    description: What the entry is about.
    type: str
    required: true
    choices:
      - provision
      - teardown
      - deployment
      - promotion
      - rollback
      - recovery
      - step
      - directive
      - hold
      - mark
      - flag
      - evidence
      - switch
      - migration
      - verification
      - approval
      - data_sync
      - data_purge
      - drift
      - repair
      - baseline
      - gate
      - lease
      - validation
      - release
      - report
      - task
      - play
      - run
  phase:
    description: V(intent) announces an act, V(outcome) closes it, V(fact) stands alone.
    type: str
    choices: [intent, outcome, fact]
    default: fact
  environment:
    description: Name of the environment. Defaults to the variable C(evenkeel_target).
    type: str
  release:
    description: Version of the release. Defaults to the variable C(evenkeel_version).
    type: str
  subject:
    description: What within the environment, for example the name of a service.
    type: str
    default: ""
  stream:
    description: Name of the hash chain the entry joins.
    type: str
    default: main
  intent:
    description: Id of the entry that announced the act; required with O(phase=outcome).
    type: str
  verdict:
    description: How the act ended; required with O(phase=outcome).
    type: str
    choices: [passed, failed, errored, inconclusive]
  body:
    description: Anything more to keep.
    type: dict
    default: {}
  ledger_url:
    description:
      - The store, C(sqlite:////absolute/path) or C(postgresql+psycopg://user:password@host/database).
      - Defaults to the variable C(evenkeel_ledger_url), else the environment variable C(EVENKEEL_LEDGER_URL), else
        C(ledger.sqlite) in C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Announce a deployment
  evenkeel.release.record:
    kind: deployment
    phase: intent
    environment: staging
    release: 1.1.0
  register: intent

- name: Close it
  evenkeel.release.record:
    kind: deployment
    phase: outcome
    environment: staging
    release: 1.1.0
    subject: shop
    intent: "{{ intent.entry.id }}"
    verdict: passed
"""

RETURN = r"""
entry:
  description: The entry as written. In check mode what would be written, without the fields that the store assigns.
  returned: success
  type: dict
  contains:
    id:
      description: Identifier that sorts by time.
      type: str
    stream:
      description: The hash chain.
      type: str
    seq:
      description: Place in the chain, from 1.
      type: int
    time:
      description: UTC, RFC 3339 with microseconds.
      type: str
    actor:
      description: C(name) of who acts, C(source) that says how it is known, and C(job) and C(url) where there are any.
      type: dict
    kind:
      description: As given.
      type: str
    phase:
      description: As given.
      type: str
    environment:
      description: As given.
      type: str
    release:
      description: As given.
      type: str
    subject:
      description: As given.
      type: str
    body:
      description: As given, without secrets.
      type: dict
    prev:
      description: Hash of the entry before.
      type: str
    hash:
      description: SHA-256 of RV(entry.prev) and the canonical bytes of the entry.
      type: str
"""
