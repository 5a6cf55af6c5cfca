#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_spool
short_description: Keep a ledger in a file while the real one can't be reached
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Without its ledger nothing is done. For an emergency this makes a file that stands in for it, with all that a copy of the ledger says, and whose
    name as C(evenkeel_ledger_url) lets the playbooks run. Later its entries are merged into the ledger, marked and as they were written.
  - Leases of the ledger don't hold meanwhile. Make sure that nobody else deploys; what was done twice at the same time is listed when it is merged.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Looks whether it would be refused and changes nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: A spool that is open stays; entries that are merged are not merged again.
options:
  path:
    description: File of the spool, on this controller. Only this user may read it.
    type: path
    required: true
  state:
    description:
      - V(opened) makes it. Refused as long as the ledger can be reached.
      - V(closed) signs what it has taken. Do it on the controller that has O(key).
      - V(merged) moves its entries into the ledger, if every one is signed. The file stays, as evidence.
    type: str
    choices: [opened, closed, merged]
    required: true
  reason:
    description: Why it can't wait, with the number of the incident. Needed to open it; it is recorded.
    type: str
  copy:
    description: What the ledger held, as M(evenkeel.release.ledger_export) writes it with C(format=verifier). Without it the spool knows of no deployment.
    type: path
  name:
    description: Name of the ledger, as in M(evenkeel.release.ledger_checkpoint). Needed to open and to close.
    type: str
  key:
    description: Private key of the ledger, as in M(evenkeel.release.ledger_checkpoint). Needed to open and to close.
    type: str
  verifier_key:
    description: Public key of the ledger. Needed to merge.
    type: str
  ledger_url:
    description: The ledger that can't be reached, or to merge into. Defaults as in M(evenkeel.release.record).
    type: str
seealso:
  - module: evenkeel.release.ledger_export
  - module: evenkeel.release.ledger_checkpoint
"""

EXAMPLES = r"""
- name: Let a rollback go ahead while the database of the ledger is down
  evenkeel.release.ledger_spool:
    state: opened
    path: /var/lib/evenkeel/spool.sqlite
    copy: /var/lib/evenkeel/ledger.jsonl
    reason: INC-4711, the shop sells nothing and the ledger's database is down
    name: ledger.example.com/production
    key: "{{ evenkeel_ledger_key }}"
# then: ansible-playbook evenkeel.release.rollback ... -e evenkeel_ledger_url=sqlite:////var/lib/evenkeel/spool.sqlite

- name: Sign what it took
  evenkeel.release.ledger_spool:
    state: closed
    path: /var/lib/evenkeel/spool.sqlite
    name: ledger.example.com/production
    key: "{{ evenkeel_ledger_key }}"

- name: Merge it
  evenkeel.release.ledger_spool:
    state: merged
    path: /var/lib/evenkeel/spool.sqlite
    verifier_key: "{{ evenkeel_ledger_verifier_key }}"
"""

RETURN = r"""
ledger_url:
  description: The spool as C(evenkeel_ledger_url).
  returned: when it is open
  type: str
  sample: sqlite:////var/lib/evenkeel/spool.sqlite
stream:
  description: What the streams of its entries begin with.
  returned: success
  type: str
  sample: spool.3f9a1c20
copied:
  description: Entries that came from the copy.
  returned: when it was made
  type: int
verifier_key:
  description: Public key of the ledger.
  returned: when it was closed
  type: str
merged:
  description: Entries that were new to the ledger.
  returned: when it was merged
  type: int
conflicts:
  description: Ids of acts that the ledger took for the same environments after the spool was opened. Somebody has to look at them.
  returned: when it was merged
  type: list
  elements: str
"""
