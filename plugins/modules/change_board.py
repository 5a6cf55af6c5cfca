#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: change_board
short_description: Agenda and minutes of the change advisory board
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Writes the agenda of the next meeting from the changes that are open, and records what the board decided.
  - Whether a meeting counts is decided by the roster C(cab.yml), each time that somebody asks - who must be there, deputies, quorum.
    Decisions of a meeting that does not count authorize nothing.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Checks the minutes and writes nothing.
  diff_mode:
    support: N/A
    description: Changes nothing but the ledger.
options:
  state:
    description: V(agenda) only reads; V(held) records the minutes of a meeting. The same minutes again change nothing, other ones are refused.
    type: str
    choices: [agenda, held]
    default: agenda
  environments:
    description: Environments whose changes it is about.
    type: list
    elements: str
    required: true
  changes_dir:
    description: Folder with C(cab.yml), and C(rules.yml) when there is one.
    type: path
    required: true
  meeting:
    description: Name of the meeting, such as its day.
    type: str
    required: true
  present:
    description: Who was there, C(role) and C(person) each. Somebody whom the roster does not list for the role does not count.
    type: list
    elements: dict
    default: []
  decisions:
    description: "C(change), C(decision) (approved, rejected or deferred) and C(note) each."
    type: list
    elements: dict
    default: []
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Agenda of Thursday
  evenkeel.release.change_board:
    environments: [production]
    changes_dir: "{{ inventory_dir }}/changes"
    meeting: "2027-07-01"

- name: What the board decided
  evenkeel.release.change_board:
    state: held
    environments: [production]
    changes_dir: "{{ inventory_dir }}/changes"
    meeting: "2027-07-01"
    present:
      - {role: change-manager, person: ann}
      - {role: operations, person: bob}
    decisions:
      - {change: CHG-4F1A9C2E77B0, decision: approved, note: after the backup}
"""

RETURN = r"""
agenda:
  description: The agenda in Markdown, the riskiest change first.
  returned: with O(state=agenda)
  type: str
to_decide:
  description: Changes that the board has to decide about.
  returned: with O(state=agenda)
  type: list
  elements: str
decisions:
  description: The decisions, each with C(valid) and, when it does not count, C(why).
  returned: with O(state=held)
  type: list
  elements: dict
"""
