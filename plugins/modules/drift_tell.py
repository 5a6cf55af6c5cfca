#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_tell
short_description: Show what differs from a baseline
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - For one host and service one line, the worst finding first, and with C(--diff) every finding as a diff.
  - For an environment one line for each difference with all hosts and services that show it, so that the same change on many hosts is read once.
  - Secrets are not shown; P(evenkeel.release.drift_compare#filter) has taken them out.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only shows.
  diff_mode:
    support: full
    description: Shows the findings of O(result) as a diff.
  idempotent:
    support: full
    description: Changes nothing.
options:
  subject:
    description: Host and service, C(<host>/<service>).
    type: str
  result:
    description: What P(evenkeel.release.drift_compare#filter) returned.
    type: dict
  against:
    description: What it was compared with.
    type: str
    default: the baseline
  fail_at:
    description: The mildest severity that counts for RV(failing).
    type: str
    choices: [critical, high, medium, low, cosmetic]
    default: low
  environment:
    description: Show all that the role P(evenkeel.release.drift#role) found in this environment, instead of O(subject) and O(result).
    type: str
"""

EXAMPLES = r"""
- name: Show what differs on this host
  evenkeel.release.drift_tell:
    subject: "{{ inventory_hostname }}/shop"
    result: "{{ drift_result }}"

- name: Show what differs in the whole environment
  evenkeel.release.drift_tell:
    environment: staging
"""

RETURN = r"""
msg:
  description: The line, or a list of lines with O(environment).
  returned: always
  type: raw
failing:
  description: Paths of the findings that are at least as bad as O(fail_at), and of those that are unknown.
  returned: with O(subject)
  type: list
  elements: str
"""
