#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: freeze_override
short_description: Let one release pass a freeze, as a second person and for a time
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Records in the ledger that a freeze does not hold back one release in one environment until a time. The freeze stays and holds for
    everything else.
  - It counts only when somebody else deploys than who granted it. Identity is the one that the ledger knows.
  - It shows in every answer of M(evenkeel.release.calendar), expires by itself, and can be withdrawn. Runs on the controller.
attributes:
  check_mode:
    support: full
    description: Checks everything and records nothing.
  diff_mode:
    support: none
    description: Nothing is ever edited, so there is no before and after.
  idempotent:
    support: full
    description: An override of the same person that lasts as long or longer is not recorded again.
options:
  state:
    description: Whether it is granted or taken back.
    type: str
    choices: [granted, withdrawn]
    default: granted
  environment:
    description: Environment in which the release may pass.
    type: str
    required: true
  release:
    description: Version of the release that may pass.
    type: str
    required: true
  freeze:
    description:
      - Name or UID of the freeze, the peak or the holiday that refuses. It must hold within the next 31 days.
      - The name of a release train, to let a release go that is not aboard, or beside the departure.
    type: str
    required: true
  reason:
    description: Why it may pass.
    type: str
    required: true
  expires:
    description: When it expires, as a length from now (V(4h)) or as RFC 3339; at most seven days ahead. Required with O(state=granted).
    type: str
    default: ""
  deployer:
    description: Who will deploy, when that is known. Then an override by the same person is refused at once instead of not counting later.
    type: str
    default: ""
  calendars:
    description: Calendars in which the freeze is; of a folder all its C(*.yml) and C(*.ics). The environment document is always read.
    type: list
    elements: path
    default: []
  max_skew:
    description: Seconds by which the clock of this runner may differ from the ledger's.
    type: float
    default: 30.0
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.calendar
"""

EXAMPLES = r"""
- name: Let the fix pass the freeze of the year's end for four hours
  evenkeel.release.freeze_override:
    environment: production
    release: 1.1.1
    freeze: year end
    reason: Orders are lost, see INC-4711.
    expires: 4h
    calendars: ["{{ inventory_dir }}/calendars"]

- name: Take it back
  evenkeel.release.freeze_override:
    state: withdrawn
    environment: production
    release: 1.1.1
    freeze: year end
    reason: The fix was wrong.
    calendars: ["{{ inventory_dir }}/calendars"]
"""

RETURN = r"""
entry:
  description: The entry of the ledger, of kind C(freeze_override) with C(freeze), C(name), C(reason) and C(until) in its body.
  type: dict
  returned: when something was recorded
"""
