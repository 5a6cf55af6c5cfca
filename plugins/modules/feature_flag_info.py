#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: feature_flag_info
short_description: List feature flags and say which of them are stale
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Lists the flags of a flagd file or of one environment of an Unleash server, with the percentage that gets them and since when.
  - A flag is stale when it is on or off for everybody for longer than O(settled_days), when its C(expires) has passed, when the server marks it
    so, or when the release doesn't know it.
  - Times come from the metadata that M(evenkeel.release.feature_flag) keeps, or from the events of the server.
  - A flag whose metadata says C(lifecycle=permanent), and an Unleash flag of type operational, kill-switch or permission, may stay at 0 or 100 %.
options:
  settled_days:
    description: How many days a flag may be on or off for everybody.
    type: float
    default: 30
  known:
    description: Flags that the release names. Others are stale; without this option nobody asks.
    type: list
    elements: str
extends_documentation_fragment:
  - evenkeel.release._reads
  - evenkeel.release._flags
seealso:
  - module: evenkeel.release.feature_flag
"""

EXAMPLES = r"""
- name: Which flags have done their work?
  evenkeel.release.feature_flag_info:
    path: /etc/flagd/flags.json
    settled_days: 60
    known: [new-checkout, new-search]
  register: flags

- name: Say so
  ansible.builtin.debug:
    msg: "{{ item.key }}: {{ item.reasons | join('; ') }}"
  loop: "{{ flags.stale }}"
  loop_control: {label: "{{ item.key }}"}
"""

RETURN = r"""
flags:
  description:
    - One row per flag with C(key), C(share) (percent that is on, null when rules decide it), C(killed), C(created_at), C(changed_at), C(expires),
      C(owner), C(days) since the last change, C(stale) and C(reasons).
  returned: success
  type: list
  elements: dict
stale:
  description: The rows that are stale.
  returned: success
  type: list
  elements: dict
missing:
  description: Names of O(known) that nobody has.
  returned: success
  type: list
  elements: str
faults:
  description: What is wrong with the file, by flag's name.
  returned: success
  type: dict
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._flags import decide, jsontext, schema, spec, stale, unleash
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError


def of_file(params):
    try:
        with open(params["path"], encoding="utf-8") as stream:
            document = jsontext.load(stream.read(), name=params["path"])
    except (OSError, UnicodeDecodeError) as exc:
        raise FlagError(f"Can't read {params['path']}: {exc}") from None
    faults = schema.faults(document)
    if schema.document_faults(document):
        raise FlagError(f"{params['path']} is no flag file: {'; '.join(faults[''])}")
    found = []
    for key, flag in document["flags"].items():
        if isinstance(flag, dict):
            broken = key in faults
            share = None if broken else decide.share(flag, decide.Wanted("killed"), key=key)
            found.append(stale.of_file(key, flag, share, killed=not broken and decide.is_killed(flag)))
    return found, faults


def of_server(params):
    server = spec.unleash(params)
    server.check_place()
    found = []
    for key, feature in server.known().items():
        found.append(stale.of_server(feature, unleash.share(server.state(key)), server.changed_at(key)))
    return found, {}


def main():
    module = AnsibleModule(
        argument_spec={**spec.PLACE, "settled_days": {"type": "float", "default": 30.0}, "known": {"type": "list", "elements": "str"}},
        required_if=spec.REQUIRED_IF,
        supports_check_mode=True,
    )
    module.no_log_values = {value for value in module.no_log_values if len(str(value)) >= 4}
    params = module.params
    try:
        found, faults = {"flagd": of_file, "unleash": of_server}[params["provider"]](params)
    except FlagError as exc:
        module.fail_json(msg=str(exc))
    rows = stale.report(found, now=time.time(), settled_days=params["settled_days"], known=params["known"])
    missing = stale.missing(found, params["known"])
    module.exit_json(changed=False, flags=rows, stale=[row for row in rows if row["stale"]], missing=missing, faults=faults)


if __name__ == "__main__":
    main()
