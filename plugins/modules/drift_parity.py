#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_parity
short_description: Compare two environments
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Compares what M(evenkeel.release.drift_snapshot) kept of the hosts of two environments, on the controller.
  - Hosts are matched by the services that they run, not by name. A host differs where it is unlike every host there that runs the same.
  - With the baselines each difference says who drifted, or that both are as they were left and yet different.
  - A secret is compared by whether it is there, or by its fingerprint; neither is shown.
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
  here:
    description:
      - The hosts of this environment by name. Each has C(root), the root of its snapshot in the store; C(roles), the services that it runs;
        C(facts) with C(host), C(address), C(environment) and C(root) (the folder of the service), each a text or a list;
        and C(baseline), the root of what it was left as.
    type: dict
    required: true
  there:
    description: The same of the reference environment.
    type: dict
    required: true
  allowed_differences:
    description:
      - Declared differences, each with C(path) (a glob; C(*) stays within a folder, C(**) crosses folders), C(reason), C(owner), C(expires), and
        optionally C(hosts) and C(attributes), lists of globs.
    type: list
    elements: dict
    default: []
  rules:
    description:
      - The variable C(evenkeel_drift), which is the default. C(normalize) says which values of a host do not count and what is ignored, C(parity.secrets)
        what is asked of secrets (V(presence), V(equal) or V(different)), C(severities) and C(weights) rate what is left.
    type: dict
  propose:
    description: Whether to return RV(proposals).
    type: bool
    default: false
  store:
    description: The controller's store, a folder or a PostgreSQL URL. The default is C(objects) in C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.drift_snapshot
"""

EXAMPLES = r"""
- name: Compare production with staging
  evenkeel.release.drift_parity:
    here:
      prod-web1: {root: "{{ hostvars['prod-web1'].now.root }}", roles: [shop], facts: {environment: production, root: /srv/shop}}
    there:
      stg-web1: {root: "{{ hostvars['stg-web1'].now.root }}", roles: [shop], facts: {environment: staging, root: /srv/shop}}
    allowed_differences: "{{ evenkeel_environment.allowed_differences | default([]) }}"
  register: parity

- name: Refuse a difference that nobody declared
  ansible.builtin.assert:
    that: parity.verdict == 'passed'
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed), or V(inconclusive) when something could not be compared and nothing differs.
  returned: success
  type: str
findings:
  description:
    - What differs and is not declared. C(path), C(kind), C(severity); C(before) as it is there and C(after) as it is here, of a change only what differs;
      C(hosts) that differ here and C(hosts_there) that they are shown against; C(roles); C(expected), what the baselines say; and
      C(class), V(here_drifted), V(there_drifted), V(both_drifted), V(by_design) (both as their baselines say) or V(undecided).
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
  description: How far apart the environments are, from 0 to 100.
  returned: success
  type: float
by_severity:
  description: Number of findings by severity.
  returned: success
  type: dict
by_class:
  description: Number of findings by class.
  returned: success
  type: dict
proposals:
  description: Entries for C(allowed_differences), one per finding, without C(reason), C(owner) and C(expires), which somebody has to fill in.
  returned: when asked for with O(propose)
  type: list
  elements: dict
"""
