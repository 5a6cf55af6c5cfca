#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_watch
short_description: Look at the first hour of a release
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Takes one look at what serves an environment since its users got it. The ledger says when that was; Prometheus is asked for the metrics under
    C(guard) of each service, and the judge compares them with the time before the switch, with as long a time after the switches of earlier
    stable releases, with their limits, and with their error budgets.
  - Says of what is bad since when and by how much, whether it was so before the switch already, and whether earlier releases rang the same bell.
  - Records the verdict when it is final. Asked again, it says the same without asking anybody.
  - A bad verdict does not fail the task, since taking the release back comes first; role P(evenkeel.release.watch#role) does both.
  - Runs on the controller.
requirements:
  - jmespath >= 1.0.1 and jsonschema >= 4.21 on the controller
attributes:
  check_mode:
    support: full
    description: Looks, and records nothing.
  diff_mode:
    support: none
    description: Nothing is ever edited, so there is no before and after.
  idempotent:
    support: full
    description: A final verdict is recorded once.
options:
  environment:
    description: Environment, the name of its inventory group.
    type: str
    required: true
  service:
    description: Only this service. By default all that have a C(guard).
    type: str
    default: ""
  version:
    description: Release to watch. When another one serves, nothing is watched and the look is V(inconclusive).
    type: str
    default: ""
  deployments:
    description: What an earlier look of the same run returned, so that a deployment in between is noticed.
    type: dict
    default: {}
  ledger_url:
    description: The store, when it is not the one of M(evenkeel.release.record).
    type: str
seealso:
  - module: evenkeel.release.canary_judge
  - module: evenkeel.release.diagnose
"""

EXAMPLES = r"""
- name: Look at what serves production since its switch
  evenkeel.release.release_watch:
    environment: production
  register: look

- name: Say it
  ansible.builtin.debug:
    msg: "{{ look.verdict }}, {{ look.over | ternary('over', 'not over yet') }}"
"""

RETURN = r"""
verdict:
  description: The worst one of all services, V(failed), V(errored), V(inconclusive) or V(passed); empty when there was nothing to watch.
  type: str
  returned: when the guards are valid
over:
  description: Whether no further look is needed.
  type: bool
  returned: when the guards are valid
refused:
  description: Whether the release that was asked for does not serve, or no longer alone.
  type: bool
  returned: when the guards are valid
looks:
  description: How many more looks reach the end of the hour.
  type: int
  returned: when the guards are valid
every:
  description: Seconds between two looks.
  type: float
  returned: when the guards are valid
rollback:
  description: The deployment to take back, by its id; empty when none is.
  type: str
  returned: when the guards are valid
deployments:
  description: The deployment of each service that was looked at.
  type: dict
  returned: when the guards are valid
reasons:
  description: What kept it from passing, a text for each service.
  type: list
  elements: str
  returned: when the guards are valid
services:
  description: Each service with C(release), C(since), C(until), C(verdict), C(fraction) of the hour, C(earlier) releases, C(why_not) it is taken back,
    and C(findings) as M(evenkeel.release.canary_judge) gives them, with C(much) (by how much), C(before) (it was so before the switch) and
    C(usual) (earlier releases did the same).
  type: list
  elements: dict
  returned: when the guards are valid
"""
