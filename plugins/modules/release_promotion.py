# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_promotion
short_description: See that the same bytes go on to the next environment
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Compares what the manifest pins with what the environment before was deployed with, by the ledger, and with what its hosts have, by
    M(evenkeel.release.release_digests). Anything else than the same is refused, and so is what can't be told.
  - Tells where the release stands as well, C(standing); with O(require_standing) that refuses too.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  environment:
    description: Environment to which the release is to go.
    type: str
    required: true
  version:
    description: The release; without it the one that runs in the environment before.
    type: str
    default: ""
  releases_dir:
    description: Folder of the release manifests.
    type: path
    required: true
  observed:
    description: What M(evenkeel.release.release_digests) returned as C(digests), by host of the environment before.
    type: dict
  require_standing:
    description: Whether soak, verification, revocations, holds and marks must allow it as well. A policy can ask for more or less of that.
    type: bool
    default: false
  enforce:
    description: Whether a refusal fails the task.
    type: bool
    default: true
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Is what goes to production what staging runs?
  evenkeel.release.release_promotion:
    environment: production
    releases_dir: "{{ inventory_dir }}/releases"
    observed: "{{ seen }}"
"""

RETURN = r"""
promotion:
  description: C(upstream), C(release), C(verdict), C(services) with what goes and what was found, and C(why).
  type: dict
  returned: success
standing:
  description: >-
    C(promotable), C(why), C(verified_at), C(expires_at), C(soaked_for), C(soak_needed), C(revoked), C(holds), C(marks) and C(upstreams) of the environment.
  type: dict
  returned: success
"""
