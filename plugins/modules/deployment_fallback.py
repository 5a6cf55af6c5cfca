# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_fallback
short_description: Choose a declared fallback for a release
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Says which C(fallback) of the environment's document a release takes, and why it can't go the usual way.
  - Why comes from what the gate last answered, from the newest drift of the environment and of the one before it, and from the hosts that did not
    answer. Without any of that, or without a path that is declared for it, the module fails.
  - Runs on the controller and changes nothing. The gate is asked by the deployment that follows, with the act C(fallback).
attributes:
  action:
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  environment:
    description: Environment that the release can't reach, the name of its inventory group.
    type: str
    required: true
  version:
    description: Release.
    type: str
    required: true
  fallback:
    description: Name of the path; empty for the first one that is declared for what is known.
    type: str
    default: ""
  reason:
    description: Why the path is taken; required together with O(fallback).
    type: str
    default: ""
  answered:
    description: Hosts of the environment that answered.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Choose
  evenkeel.release.deployment_fallback:
    environment: production
    version: 1.3.0
    answered: "{{ groups.production }}"
  register: fallback
  delegate_to: localhost

- name: Say it
  ansible.builtin.debug:
    msg: "{{ fallback.says }}"
"""

RETURN = r"""
path:
  description: "The path: C(name), C(act), C(of), C(target), C(service), C(exclude), C(dark), C(reason), C(owner) and C(causes)."
  returned: success
  type: dict
causes:
  description: Why the usual way is closed.
  returned: success
  type: list
  elements: dict
says:
  description: The same in words.
  returned: success
  type: str
"""
