#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_archive
short_description: Move old entries of the audit trail out of the ledger
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Moves the oldest entries of a stream into files and keeps the hash of each in the ledger. Every checkpoint goes on to verify, and the files prove
    themselves by these hashes with C(verifier.py ledger --archives).
  - Only entries of the kinds C(task), C(play) and C(run) that a checkpoint has signed are moved, and never the newest one. Decisions stay in the ledger.
  - On PostgreSQL the user needs DELETE on C(evenkeel_entries) and INSERT on C(evenkeel_archived), which a controller that deploys need not have.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Says what would be moved.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: What lies in an archive stays there.
options:
  dest:
    description: Folder for the files, which only this user may read. Copy it to where archives are kept.
    type: path
    required: true
  days:
    description: Entries that are at least so old go.
    type: float
    required: true
  stream:
    description: Stream of the callback P(evenkeel.release.audit#callback).
    type: str
    default: audit
  verifier_key:
    description: Public key of the ledger, as M(evenkeel.release.ledger_checkpoint) returns it.
    type: str
    required: true
  ledger_url:
    description: The store. Defaults as in M(evenkeel.release.record).
    type: str
seealso:
  - module: evenkeel.release.ledger_checkpoint
"""

EXAMPLES = r"""
- name: Keep a year of the audit trail in the ledger
  evenkeel.release.ledger_archive:
    days: 365
    dest: /srv/archive/ledger
    verifier_key: "{{ evenkeel_ledger_verifier_key }}"
"""

RETURN = r"""
archived:
  description: Entries that were moved, in check mode those that would be.
  returned: success
  type: int
  sample: 50000
files:
  description: The files that were written, C(file), C(first), C(last) and C(sha256).
  returned: success
  type: list
  elements: dict
"""
