#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_cohort
short_description: Compare hosts that run the same among themselves
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Compares what M(evenkeel.release.drift_snapshot) kept of at least three hosts, on the controller and without a baseline.
  - Where at least two thirds of the hosts agree, those that do not are V(foreign). Where fewer agree the hosts are V(divided), and nobody can say who
    is right. A host that could not read something has no vote in it, and that is V(unknown).
  - Fewer than three hosts are no fault. Nothing is compared then, and nothing has passed.
  - A secret is compared by its fingerprint, which is never shown.
attributes:
  check_mode:
    support: full
    description: Only compares, so it runs in check mode as well.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: Never reports a change.
options:
  hosts:
    description:
      - The hosts by name. Each has C(root), the root of its snapshot in the store; optionally C(roles), the services that it runs; and C(facts) with
        C(host), C(address), C(environment) and C(root) (the folder of the service), each a text or a list. What C(normalize) names of these
        is no difference.
    type: dict
    required: true
  unseen:
    description: Hosts that should be compared and told nothing. They are one finding of the kind V(unknown), the others are compared.
    type: list
    elements: str
    default: []
  subject:
    description: What the hosts are called in RV(msg).
    type: str
    default: hosts
  allowed_differences:
    description:
      - Declared differences, each with C(path) (a glob; C(*) stays within a folder, C(**) crosses folders), C(reason), C(owner), C(expires), and
        optionally C(hosts) and C(attributes), lists of globs.
    type: list
    elements: dict
    default: []
  rules:
    description:
      - The variable C(evenkeel_drift), which is the default. C(normalize) says which values of a host do not count and what is ignored,
        C(severities) and C(weights) rate what is left. C(kinds) of a severity are here what becomes of the majority's state on the
        foreign host, V(added), V(removed), V(changed) or V(unknown).
    type: dict
  fail_at:
    description: The mildest severity that is in RV(failing).
    type: str
    choices: [critical, high, medium, low, cosmetic]
    default: low
  store:
    description: The controller's store, a folder or a PostgreSQL URL. The default is C(objects) in C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.drift_snapshot
  - module: evenkeel.release.drift_parity
"""

EXAMPLES = r"""
- name: Find the web server that is unlike the others
  evenkeel.release.drift_cohort:
    hosts:
      web1: {root: "{{ hostvars['web1'].now.root }}", facts: {host: web1, root: /srv/shop}}
      web2: {root: "{{ hostvars['web2'].now.root }}", facts: {host: web2, root: /srv/shop}}
      web3: {root: "{{ hostvars['web3'].now.root }}", facts: {host: web3, root: /srv/shop}}
    allowed_differences: "{{ evenkeel_environment.allowed_differences | default([]) }}"
  register: cohort

- name: Refuse hosts that are unlike the others
  ansible.builtin.assert:
    that: cohort.verdict == 'passed'
"""

RETURN = r"""
compared:
  description: Whether there were at least three hosts.
  returned: success
  type: bool
verdict:
  description: V(passed), V(failed), or V(inconclusive) when something could not be compared and nothing differs.
  returned: success
  type: str
findings:
  description:
    - What differs and is not declared. C(path), C(kind) (V(foreign), V(divided) or V(unknown)), C(severity); C(hosts) that are unlike the majority, or
      all that are divided; C(value) of these hosts and C(majority), only the attributes that differ, null where it is not there; and
      C(counts), the most usual state first, each with C(value), C(count) and the first of its C(hosts).
  returned: success
  type: list
  elements: dict
allowed:
  description: Findings that are declared, with C(reason), C(owner) and C(expires).
  returned: success
  type: list
  elements: dict
unused:
  description: Declarations that nothing needed.
  returned: success
  type: list
  elements: dict
score:
  description: How far apart the hosts are, from 0 to 100.
  returned: success
  type: float
by_severity:
  description: Number of findings by severity.
  returned: success
  type: dict
counts:
  description:
    - Number of items that are C(expected) (all hosts agree), C(foreign), C(divided) and C(unknown), before declared differences
      and C(at_least) of C(normalize).
  returned: success
  type: dict
failing:
  description: Path and hosts of each finding that is as bad as O(fail_at) or worse, and of all that are unknown.
  returned: success
  type: list
  elements: str
msg:
  description: The same in lines for people, the twenty worst.
  returned: success
  type: list
  elements: str
"""
