# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: smoke_work
short_description: Plan and judge a smoke test
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - The decisions of the role C(evenkeel.release.smoke), one for each O(step). None of them looks at anything but its input.
options:
  _input:
    description: A mapping with what the step takes.
    type: dict
    required: true
  step:
    description:
      - V(releases) takes C(services), C(deployed) and C(version) and gives the release of each application.
      - V(work) takes C(host), C(services), C(endpoints), C(seen), C(releases), C(manifests) and C(only) and gives what to ask on that host.
      - V(artifact) takes C(item) and C(answer), V(config) C(service), C(results) and C(fault); each gives a check.
      - V(probes) takes C(results) and gives a list of checks.
      - V(fingerprints) takes C(secrets) and C(key).
      - V(secrets) takes C(now), C(before), C(release) and C(fault) and gives a check.
      - V(answer) takes C(checks), by host, and gives verdict, message and checks.
    type: str
    required: true
    choices: [releases, work, artifact, config, probes, fingerprints, secrets, answer]
positional: step
"""

EXAMPLES = r"""
- name: Show which release each application should be on
  ansible.builtin.debug:
    msg: "{{ {'services': evenkeel_services, 'deployed': {'shop': '1.1.0'}} | evenkeel.release.smoke_work('releases') }}"
"""

RETURN = r"""
_value:
  description: What the step gives.
  type: raw
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._ansible import filter_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._smoke import work
from ansible_collections.evenkeel.release.plugins.plugin_utils._smoke.errors import SmokeError

STEPS = {
    "releases": work.releases_of,
    "work": work.work,
    "artifact": work.artifact_check,
    "config": work.config_check,
    "probes": work.probe_checks,
    "fingerprints": work.fingerprints,
    "secrets": work.secrets_check,
    "answer": work.answer,
}


class FilterModule:
    def filters(self):
        return {"smoke_work": filter_of(STEPS, of="a smoke test", errors=SmokeError)}
