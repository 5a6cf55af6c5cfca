#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: calendar
short_description: Ask when a release may go, show the coming weeks, write them as an .ics file
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads calendars (C(*.yml) and C(*.ics)) and the windows and freezes of environment documents as one.
  - With O(state=checked) it says whether a release may go now, by which event, whether it will finish in time, and the next three
    times at which it may go. It fails when it may not.
  - With O(state=shown) it lists what is in the calendars and where they contradict each other.
  - With O(state=exported) it writes one .ics file. The same calendars give the same file, and reading it gives the same answers.
  - Time is the ledger's. A runner whose clock is off by more than O(max_skew) is refused. Runs on the controller.
requirements:
  - icalendar >= 7.0, recurring-ical-events >= 3.8, holidays >= 0.60 and jsonschema >= 4.21 on the controller
attributes:
  check_mode:
    support: full
    description: Answers as usual and writes no file.
  diff_mode:
    support: partial
    description: Shows what an exported file had and has; the other states change nothing.
  idempotent:
    support: full
    description: A file that has the same events is left alone.
options:
  state:
    description: What to do.
    type: str
    choices: [checked, shown, exported]
    default: checked
  calendars:
    description: Calendars; of a folder all its C(*.yml) and C(*.ics).
    type: list
    elements: path
    default: []
  environment:
    description:
      - Environment that is asked about. Its document and its services come from the inventory.
      - With O(state=shown) and O(state=exported), all environments of the inventory when it is left out.
    type: str
    default: ""
  services:
    description: Services that are deployed; by default all of the environment.
    type: list
    elements: str
    default: []
  project:
    description: Project that they belong to, for scopes of calendars.
    type: str
    default: ""
  release:
    description: Version of the release; overrides and trains belong to one.
    type: str
    default: ""
  at:
    description: Another time than now, as RFC 3339.
    type: str
    default: ""
  lasting:
    description:
      - How long the deployment takes, such as V(45m).
      - By default the 90th percentile of the last runs of the same services into this environment; with fewer than five runs twice the
        longest, without any four hours.
    type: str
    default: ""
  cut_at:
    description: When the contents of the release were fixed, as RFC 3339. A train whose freeze is after that takes it.
    type: str
    default: ""
  feature:
    description: Whether the release brings features; those have to be aboard before the feature freeze of a train.
    type: bool
    default: true
  busy:
    description: Times that are taken, such as reservations, each with C(from) and C(to). They only narrow the next times.
    type: list
    elements: dict
    default: []
  soak_ends:
    description: When the release has soaked long enough upstream, as RFC 3339.
    type: str
    default: ""
  approvals_expire:
    description: When the first needed approval expires, as RFC 3339. The deployment has to be finished by then.
    type: str
    default: ""
  deployer:
    description: Who deploys, as the ledger names that person; by default who runs this. An override by the same person does not count.
    type: str
    default: ""
  enforce:
    description: Whether the task fails when the answer is no.
    type: bool
    default: true
  days:
    description: How many days to show, or to write holidays and train milestones for (at least two years).
    type: int
    default: 28
  closed_days:
    description: More days than these without a time to deploy are a conflict.
    type: int
    default: 14
  dest:
    description: File to write; required with O(state=exported).
    type: path
  mode:
    description: Mode of that file.
    type: str
    choices: ["0600", "0640", "0644"]
    default: "0644"
  max_skew:
    description: Seconds by which the clock of this runner may differ from the ledger's.
    type: float
    default: 30.0
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.freeze_override
  - module: evenkeel.release.gate
"""

EXAMPLES = r"""
- name: May release 1.1.0 go to production now?
  evenkeel.release.calendar:
    environment: production
    release: 1.1.0
    calendars: ["{{ inventory_dir }}/calendars"]

- name: And on Friday evening, if it takes an hour?
  evenkeel.release.calendar:
    environment: production
    release: 1.1.0
    calendars: ["{{ inventory_dir }}/calendars"]
    at: 2027-03-05T19:00:00Z
    lasting: 1h
    enforce: false

- name: Write a file that calendar programs read
  evenkeel.release.calendar:
    state: exported
    calendars: ["{{ inventory_dir }}/calendars"]
    dest: /srv/www/releases.ics
"""

RETURN = r"""
verdict:
  description: V(passed) when the release may go and will finish in time, V(failed) when not, V(errored) when it could not be told.
  type: str
  returned: with O(state=checked), and when it fails
  sample: failed
calendar:
  description: The section C(calendar) of the evidence for policies, see the reference of policies.
  type: dict
  returned: with O(state=checked)
events:
  description: What is in the calendars, sorted by time. Times are local ones of each event.
  type: list
  elements: dict
  returned: with O(state=shown)
  contains:
    from:
      description: When it begins.
      type: str
    to:
      description: When it has ended.
      type: str
    kind:
      description: V(window), V(freeze), V(peak), V(holiday), V(train), V(cab), V(milestone) or V(notice).
      type: str
    effect:
      description: V(allow), V(deny), V(close) (keeps windows shut) or V(tell).
      type: str
    name:
      description: Its name.
      type: str
    scope:
      description: Where it holds.
      type: str
    calendar:
      description: The calendar that it is from.
      type: str
conflicts:
  description: Where the calendars contradict each other, each with C(kind), C(calendar), C(environment), C(when), C(what) and C(next).
  type: list
  elements: dict
  returned: with O(state=shown)
dest:
  description: The file.
  type: str
  returned: with O(state=exported)
"""
