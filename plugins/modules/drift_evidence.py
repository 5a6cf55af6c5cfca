#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_evidence
short_description: Look for who changed something on a host
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads the package managers' logs, C(auth.log), C(secure) or the journal, C(wtmp), the audit log, and times and owners of files, and changes nothing.
  - This is evidence, not proof. The filter P(evenkeel.release.drift_attribute#filter) makes attributions of it and says how sure they are.
  - A source that is not there or cannot be read says so in RV(sources), so that silence is never taken for innocence.
  - Secrets on command lines are redacted on the host.
attributes:
  check_mode:
    support: full
    description: Only looks, so it runs in check mode as well.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: Never reports a change.
options:
  items:
    description: Paths of the items that changed, as findings have them.
    type: list
    elements: str
    required: true
  since:
    description: When they were known to be as they should be, in seconds since the epoch. What happened before does not count.
    type: float
    required: true
  until:
    description: When the change was found, in seconds since the epoch. The default is now.
    type: float
  sources:
    description: Where to look. V(logins) are sudo, su and ssh; V(sessions) is C(wtmp).
    type: list
    elements: str
    choices: [package_log, logins, sessions, audit, file]
    default: [package_log, logins, sessions, audit, file]
  config:
    description: Paths of the configuration files that were compared key by key, so that C(config:shop.ini:port) is known to be in one of them.
    type: list
    elements: str
    default: []
  most:
    description: How many of the newest events each source may return.
    type: int
    default: 500
seealso:
  - module: evenkeel.release.drift_snapshot
  - plugin: evenkeel.release.drift_attribute
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look who changed what differs
  evenkeel.release.drift_evidence:
    items: "{{ drift_result.findings | map(attribute='path') }}"
    since: "{{ '2026-11-20T08:00:00Z' | ansible.builtin.to_datetime('%Y-%m-%dT%H:%M:%SZ') | ansible.builtin.strftime('%s') }}"
  become: true
  register: evidence
"""

RETURN = r"""
events:
  description:
    - What happened, the oldest first. C(how) is V(package_log), V(sudo), V(session) or V(audit); C(time) in seconds since the epoch, C(who), C(text) and
      what the source tells beside that.
  returned: success
  type: list
  elements: dict
about:
  description: Of each item the files it comes from with their times and owners, its package, and the words that a command line would have for it.
  returned: when O(sources) has V(file)
  type: dict
sources:
  description: Of each source C(state), V(read) or V(unknown), with its C(reason), and C(left_out), the number of older events that were too many.
  returned: success
  type: dict
host_time:
  description: The clock of the host, in seconds since the epoch.
  returned: success
  type: float
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.gather import SOURCES, gather
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host


def main():
    module = AnsibleModule(
        argument_spec={
            "items": {"type": "list", "elements": "str", "required": True},
            "since": {"type": "float", "required": True},
            "until": {"type": "float"},
            "sources": {"type": "list", "elements": "str", "choices": list(SOURCES), "default": list(SOURCES)},
            "config": {"type": "list", "elements": "str", "default": []},
            "most": {"type": "int", "default": 500},
        },
        supports_check_mode=True,
    )
    given = module.params
    now = time.time()
    found = gather(
        Host(),
        given["items"],
        since=given["since"],
        until=now if given["until"] is None else given["until"],
        config={os.path.basename(path): path for path in given["config"]},
        sources=given["sources"],
        most=given["most"],
    )
    module.exit_json(changed=False, host_time=now, **found)


if __name__ == "__main__":
    main()
