# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_host
short_description: Take one host through one phase of a deployment
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - What P(evenkeel.release.deploy#role) does on a host in a phase, as one task that asks the host once where it can.
  - Reads what the controller published, C(deploy_plan), C(deploy_settle) and C(deploy_endpoints) of localhost. A host without services in it is skipped.
  - Register it as C(deploy_host), where the next phase and M(evenkeel.release.deployment_phase) read what the host said. It is no fact, because facts
    may be kept from an earlier run.
  - Except in the phases V(observe) and V(replace) a failure does not fail the task. It is in RV(deploy_failed), told by a warning, and nothing but
    V(settle) is done on this host afterwards. A host that cannot be reached is unreachable as anywhere.
attributes:
  action:
    support: full
    description: Runs M(evenkeel.release.deployment_observe), M(evenkeel.release.service_stage) or M(evenkeel.release.service_replace) on the host.
  check_mode:
    support: full
    description: Tells what would change; what is started is not probed.
  diff_mode:
    support: full
    description: Shows what these modules show.
options:
  phase:
    description:
      - V(observe) sees what the host serves. V(stage) installs the artifacts and writes the configuration of the idle colour, rendered on the controller.
      - V(start) starts the idle colour beside the live one; V(replace) puts one release in the place of the other.
      - Of a service that declares C(surge), V(replace) starts the one release beside the other, and V(leave) stops that one.
      - V(settle) ends on one release, and does nothing where V(replace) has just brought it in the same deployment and direction.
      - V(note) only adds O(failed) or O(done) to what the host says.
    type: str
    choices: [observe, stage, start, replace, leave, settle, note]
    required: true
  services:
    description: Services with the colours that stay and go, instead of those that the controller published.
    type: list
    elements: dict
  direction:
    description: Whether V(replace) and V(settle) bring the release or take it back.
    type: str
    choices: [forward, back]
    default: forward
  keep_releases:
    description: How many releases stay installed.
    type: int
    default: 5
  ready_seconds:
    description: How long a started release may take until its probes pass.
    type: float
    default: 60
  stop_seconds:
    description: Seconds that a process gets to end by itself.
    type: int
    default: 30
  rehearse:
    description: Whether a started colour gets the service's rehearsal load.
    type: bool
    default: false
  stop_other:
    description: Whether V(settle) stops the colour that goes.
    type: bool
    default: true
  protects:
    description: With V(observe), whether the releases of this host are protected, for the controller to know.
    type: bool
    default: false
  done:
    description: With V(note), what the host came through.
    type: str
  failed:
    description: With V(note), the failure.
    type: dict
    suboptions:
      phase:
        description: Phase in which it failed.
        type: str
        required: true
      task:
        description: What failed.
        type: str
        required: true
      msg:
        description: Why.
        type: str
        required: true
"""

EXAMPLES = r"""
- name: Stage the services of this host
  evenkeel.release.deployment_host:
    phase: stage
  register: deploy_host
"""

RETURN = r"""
deploy_observed:
  description: Whether the host was reached in this run.
  type: bool
  returned: unless O(phase=replace)
deploy_done:
  description: Phases that the host came through.
  type: list
  elements: str
  returned: unless O(phase=replace)
  sample: [stage, start]
deploy_failed:
  description: C(phase), C(task) and C(msg) of the failure, empty when there is none.
  type: dict
  returned: unless O(phase=replace)
deploy_live:
  description: The live pool of each service in the maps of this host's balancers.
  type: dict
  returned: unless O(phase=replace)
deploy_colours:
  description: The live colour of each service on this host when it was observed.
  type: dict
  returned: unless O(phase=replace)
deploy_installed:
  description: The installed releases of each service when it was observed.
  type: dict
  returned: unless O(phase=replace)
deploy_removed:
  description: Releases that retention removed, per service.
  type: dict
  returned: unless O(phase=replace)
deploy_protects:
  description: O(protects).
  type: bool
  returned: unless O(phase=replace)
deploy_drifts:
  description: Whether the environment declares drift for this host.
  type: bool
  returned: unless O(phase=replace)
answers:
  description: Per service what M(evenkeel.release.service_replace) said.
  type: list
  elements: dict
  returned: with O(phase=replace)
releases:
  description: The release that each service runs now.
  type: dict
  returned: with O(phase=replace), when all went well
"""
