# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: flag_counts
short_description: Counters that a step of a flag is judged by
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Picks out of what the hosts of a service show to Prometheus what its metrics with C(scrape) count.
  - A host that did not answer is left out.
options:
  _input:
    description: The C(rollout) of a service.
    type: dict
    required: true
  answers:
    description: Results of M(ansible.builtin.uri) in a loop over hosts; C(item.key) is the host.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Count
  ansible.builtin.debug:
    msg: "{{ rollout | evenkeel.release.flag_counts(scraped.results) }}"
"""

RETURN = r"""
_value:
  description: Per host and metric what was counted.
  type: dict
"""

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.flag_steps import counts
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def flag_counts(rollout, answers):
    texts = {str(answer["item"]["key"]): str(answer["content"]) for answer in answers if answer.get("status") == 200 and "content" in answer}
    return counts(plain(rollout), texts)


class FilterModule:
    def filters(self):
        return {"flag_counts": flag_counts}
