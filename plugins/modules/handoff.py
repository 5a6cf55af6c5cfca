#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: handoff
short_description: Sign the checkpoints of a handoff between teams
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - A handoff is a document with checkpoints, each for one team. Somebody of that team signs it, which is an entry of the ledger with the actor as the
    ledger knows it. While checkpoints are open, the handoff blocks what it says it blocks.
  - A signature stands for what the checkpoint said. It counts no more when the document changes, or whoever signed leaves the team. Nobody signs
    for both sides.
  - Runs on the controller.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Decides and answers as usual, and writes nothing.
  diff_mode:
    support: none
    description: Nothing is ever edited, so there is no before and after.
  idempotent:
    support: full
    description: Signing what one has signed changes nothing.
options:
  state:
    description:
      - V(signed) signs O(checkpoint) and V(withdrawn) takes a signature back; in an ordered handoff what was signed after it counts no more either.
      - V(info) lists handoffs. V(complete) fails unless all of them, or O(name), are signed to the end.
    type: str
    choices: [info, signed, withdrawn, complete]
    default: info
  handoffs:
    description: Files of handoffs; of a folder all C(*.yml).
    type: list
    elements: path
    required: true
  name:
    description: Name of the handoff.
    type: str
    default: ""
  checkpoint:
    description: Name of the checkpoint.
    type: str
    default: ""
  evidence:
    description: Links to what proves it.
    type: list
    elements: str
    default: []
  note:
    description: A remark; needed with O(state=withdrawn).
    type: str
    default: ""
  teams:
    description: Who is in which team, a list of people by the name of the team. Defaults to the variable C(evenkeel_teams).
    type: dict
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: The runbook was read
  evenkeel.release.handoff:
    state: signed
    handoffs: ["{{ inventory_dir }}/handoffs"]
    name: shop-to-operations
    checkpoint: runbook
    evidence: ["https://wiki.example/runbooks/shop"]
"""

RETURN = r"""
handoffs:
  description: Each with C(name), C(release), C(from), C(to), C(complete), C(next) and C(checkpoints); the C(state) of one is signed, open or void.
  returned: success
  type: list
  elements: dict
entry:
  description: The entry of the ledger.
  returned: when one was written
  type: dict
msg:
  description: A table.
  returned: always
  type: str
"""
