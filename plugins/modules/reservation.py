#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: reservation
short_description: Book environments, and see who has them
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Books an environment or a lane of several, alone or together with others by mode of use. A booking is entries of the ledger, with the actor as the
    ledger knows it. Bookings can also be declared in files (O(reservations)); both mean the same.
  - Two controllers that book the same time at the same moment on one ledger give one booking and one refusal.
  - Each call first does what time alone has done. It gives back what nobody used, ends what nobody approved, and hands what came free to the
    waiting list, the more urgent purpose first and then who asked first.
  - A booking of a more urgent purpose displaces another one to the waiting list, never in silence. RV(told) has everybody whom a call concerns.
  - Runs on the controller. Environments are those of the inventory (C(evenkeel_environment)); their C(owner) approves.
requirements:
  - icalendar >= 6, jsonschema >= 4.21, python-dateutil >= 2.9 and SQLAlchemy >= 2.0.30 on the controller
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
    description: Asking again for what is there changes nothing.
options:
  state:
    description:
      - V(booked) books. V(approved) and V(refused) are for the owner of the environments, never for who asked.
      - V(released) cancels a booking, or gives it back while it runs. V(extended) gives it a later end, while nobody waits for that time or by the owner.
      - V(used) says that somebody is there, where the ledger has no entry that shows it. V(settled) only does what time has done.
      - V(checked) writes nothing. With O(environments) or O(lane) it says whether such a booking would fit; without, it checks the bookings of
        O(reservations) against each other and against the ledger and fails when there is a conflict.
      - V(standing) fails when O(act) by whoever runs it is not allowed in O(environments) now.
      - V(info) lists what is booked.
    type: str
    choices: [info, booked, released, extended, approved, refused, used, settled, checked, standing]
    default: info
  id:
    description: Name of the booking. Without it V(booked) makes one of everything else that was asked for.
    type: str
    default: ""
  environments:
    description: Environments.
    type: list
    elements: str
    default: []
  lane:
    description: A lane of O(reservations), instead of O(environments).
    type: str
    default: ""
  mode:
    description: >-
      Mode of use. Without rules of their own V(exclusive), V(code_change) and V(config_change) are alone; V(regression) and V(shared) may be there together
      and change nothing.
    type: str
    default: ""
  purpose:
    description: What for. Without rules of their own V(incident), V(release), V(test) and V(training), the most urgent one first.
    type: str
    default: ""
  team:
    description: Team that it is for; whoever books has to be in it. Defaults to their only team.
    type: str
    default: ""
  from:
    description: Begin, as C(2027-03-01T22:00:00Z) or without a zone in O(timezone). Defaults to now.
    type: str
    default: ""
  to:
    description: End. One of O(to) and O(length) is needed.
    type: str
    default: ""
  length:
    description: Length such as C(90m) or C(8h).
    type: str
    default: ""
  timezone:
    description: Time zone of O(from) and O(to).
    type: str
    default: ""
  setup:
    description: Time before it that is blocked as well. Defaults to that of the rules.
    type: str
    default: ""
  teardown:
    description: Time after it that is blocked as well. Defaults to that of the rules.
    type: str
    default: ""
  release:
    description: The only release that it is for; with O(state=standing), the release of the act.
    type: str
    default: ""
  reason:
    description: Why. Whoever is refused reads it.
    type: str
    default: ""
  wait:
    description: Whether to go on the waiting list when the time is taken.
    type: bool
    default: false
  act:
    description: With O(state=standing), what is about to be done, such as V(deploy).
    type: str
    default: ""
  reservations:
    description: Files of bookings as code and of the rules; of a folder all C(*.yml).
    type: list
    elements: path
    default: []
  teams:
    description: Who is in which team, a list of people by the name of the team. Defaults to the variable C(evenkeel_teams).
    type: dict
  ahead:
    description: How far O(state=checked) looks.
    type: str
    default: 90d
  ics:
    description: With O(state=info), also write the bookings to this iCalendar file.
    type: path
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Book staging for two hours
  evenkeel.release.reservation:
    state: booked
    environments: [staging]
    mode: code_change
    purpose: release
    length: 2h
    reason: 1.4.0 goes out

- name: Fail when the bookings in git do not fit
  evenkeel.release.reservation:
    state: checked
    reservations: ["{{ inventory_dir }}/reservations"]

- name: Stop here unless staging is ours
  evenkeel.release.reservation:
    state: standing
    environments: [staging]
    act: deploy
    release: 1.4.0
"""

RETURN = r"""
booking:
  description: The booking as it is now. C(state) is pending, approved, waiting, refused, cancelled, released, unused or expired.
  returned: when the call is about one
  type: dict
bookings:
  description: What is booked from now on, by time. C(from) and C(to) are with setup and teardown, C(start) and C(end) without.
  returned: with O(state=info)
  type: list
  elements: dict
conflicts:
  description: What is in the way, and with O(state=checked) each pair that meets and C(instead), the next time that fits.
  returned: when something was asked for
  type: list
  elements: dict
free:
  description: The next time that fits, C(from) and C(to).
  returned: when a booking was refused because of others
  type: dict
place:
  description: Place on the waiting list, 1 for the first; 0 for a booking that does not wait.
  returned: when the call is about one booking
  type: int
told:
  description: Whom else it concerns, C(id), C(who), C(team), C(event), C(why) and C(text).
  returned: when something may change
  type: list
  elements: dict
reservation:
  description: Who holds the first of the environments, and whether the act is allowed; the section C(reservation) of a policy's evidence.
  returned: with O(state=standing)
  type: dict
standing:
  description: The same by environment.
  returned: with O(state=standing)
  type: dict
entries:
  description: Ids of the entries of the ledger.
  returned: when something was written
  type: list
  elements: str
"""
