# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_step
short_description: Begin and end one step of a deployment in the ledger
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - With O(state=begun) asks whether an operator paused or aborted the deployment, and records the intent of the step when it may go on.
      The run must hold the lease of O(environment).
  - With O(state=way_back) says which hosts the deployment touched, and in which batches they go back.
  - With O(state=brought) says which hosts its batches left on the release that they end on.
  - With O(state=ended) judges what the step's tasks returned and records the outcome. A host whose result is missing was not reached.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: none
    description: A step that is not taken is not recorded; leave the task out in check mode.
  diff_mode:
    support: N/A
    description: Changes nothing but the ledger.
options:
  state:
    description:
      - Whether the step begins or has ended. V(seen) judges like V(ended) and records nothing.
      - V(way_back) and V(brought) are no steps; they only read.
    type: str
    choices: [begun, seen, ended, way_back, brought]
    required: true
  step:
    description: State of the deployment in which the step is taken.
    type: str
    choices: [gated, preserved, staged, expanded, switching, verifying, baking, rolling_back]
    required: true
  deployment:
    description: The id of the deployment's intent.
    type: str
    required: true
  environment:
    description: Environment, the name of its inventory group.
    type: str
    required: true
  release:
    description: Release that the step brings.
    type: str
    default: ""
  service:
    description: Service that the step is about; empty for all of them.
    type: str
    default: ""
  place:
    description: Which of several steps of the state it is, for instance the number of the batch.
    type: str
    default: ""
  hosts:
    description: Hosts that the step changes.
    type: list
    elements: str
    default: []
  services:
    description:
      - The plan's services that the step changes; with O(state=begun), to find the places of the hosts at their balancers.
      - Without, those that the playbook C(evenkeel.release.deploy) has published; but for O(state=brought) only those that are replaced in their place.
    type: list
    elements: dict
  places:
    description: With O(state=seen), the places that O(state=begun) returned, to find those of the hosts that came through.
    type: list
    elements: dict
    default: []
  touched:
    description: With O(state=brought) on the way back, the hosts that O(state=way_back) found.
    type: list
    elements: str
    default: []
  intent:
    description: With O(state=ended), the id of the entry that O(state=begun) returned.
    type: str
    default: ""
  results:
    description: With O(state=ended) and O(state=seen), the variables in which each host of O(hosts) registered its results.
    type: list
    elements: str
    default: []
  checks:
    description: With O(state=ended), results of tasks that ran for all hosts together, by a name that a report may show.
    type: dict
    default: {}
  judgement:
    description: With O(state=ended), what M(evenkeel.release.canary_judge) returned; it is recorded with the outcome.
    type: dict
    default: {}
  pause_seconds:
    description: With O(state=begun), how long a pause is waited for before the run ends.
    type: float
    default: 0
  obey:
    description: With O(state=begun), whether a pause or an abort keeps the step from being taken. A way back obeys nobody.
    type: bool
    default: true
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Begin the batch
  evenkeel.release.deployment_step:
    state: begun
    step: switching
    place: "1"
    deployment: "{{ deploy_intent }}"
    environment: staging
    hosts: "{{ ansible_play_batch }}"
    services: "{{ deploy_plan.services }}"
  run_once: true
  register: batch

- name: End the batch
  evenkeel.release.deployment_step:
    state: ended
    step: switching
    place: "1"
    deployment: "{{ deploy_intent }}"
    environment: staging
    hosts: "{{ ansible_play_batch }}"
    intent: "{{ batch.entry.id }}"
    results: [replaced]
  run_once: true
"""

RETURN = r"""
go:
  description: Whether the step may be taken.
  returned: with O(state=begun)
  type: bool
word:
  description:
    - V(go), V(wait) when it is paused or another run holds the lease of O(environment), V(stop) when it was aborted, V(hurry) when pauses are to be
      left out; empty when the ledger cannot be asked.
  returned: with O(state=begun)
  type: str
entry:
  description: The entry of the ledger.
  returned: unless the step may not be taken
  type: dict
hosts:
  description: O(hosts); with O(state=brought), those of them that nothing is left to do on.
  returned: with O(state=begun) and O(state=brought)
  type: list
  elements: str
places:
  description:
    - Where O(hosts) get their traffic from, for each balancer and service; with O(state=seen), only hosts that came through.
    - "C(host), C(socket), C(map), C(service), C(closed), C(hosts), C(min_ready) and C(watch); C(first) are the servers that leave the traffic before the hosts
      are replaced, C(servers) those that get it then, C(last) those that leave it after that."
  returned: with O(state=begun), O(state=seen) and O(state=ended)
  type: list
  elements: dict
balanced:
  description: Whether O(hosts) have users of a balancer, or run two releases side by side for a while.
  returned: with O(state=begun)
  type: bool
batches:
  description: Hosts that go back together, batch by batch.
  returned: with O(state=way_back)
  type: list
  elements: list
good:
  description: Hosts that came through.
  returned: with O(state=ended) and O(state=seen)
  type: list
  elements: str
problems:
  description: Host, phase and reason of each problem.
  returned: always
  type: list
  elements: dict
"""
