#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_sync
short_description: Refresh a PostgreSQL database from another one, masked inside the source
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Copies every row of the tables of a masking policy. The source server masks, so no unmasked value of a masked column leaves it.
  - A table or column that the policy doesn't mention stops the module before a row moves; the message holds the YAML to add.
  - Rows are streamed into a shadow schema, get their indexes, constraints and foreign keys there, are counted on both sides,
    and take the place of the old tables in one transaction. A failed or killed run leaves the target as it was.
  - Views, triggers, partitions, row security policies, publications, extended statistics and replica identities of the target's
    tables are refused by name.
requirements:
  - psycopg >= 3.1 on the host that runs the module (psycopg2 would write the key into SQL text)
  - PostgreSQL >= 14 on both sides
attributes:
  check_mode:
    support: full
    description: Checks everything, lists tables, estimated rows and masked columns, says whether rows would be copied, and changes nothing.
  diff_mode:
    support: none
    description: Rows are never shown.
  idempotent:
    support: full
    description: Unchanged rows on both sides, policy and key change nothing. Compares the versions of all rows, which every write changes,
      with those of the last run, kept in the target. A table that was rewritten (C(VACUUM FULL), C(CLUSTER), a restore) counts as changed.
options:
  source:
    description: Database to read. Its role needs to select, nothing more.
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int, default: 5432}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  target:
    description: Database whose tables are replaced. Its role must own them and may create schemas.
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int, default: 5432}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  target_tier:
    description: Tier of the target's environment; V(production) is refused, as is a database whose comment holds C(evenkeel:tier=production).
    type: str
    required: true
    choices: [development, test, staging, production]
  policy:
    description: The masking policy.
    type: dict
    required: true
  key:
    description: The masking key, at least 16 bytes.
    type: str
    required: true
  mode:
    description: What to copy; V(full) is everything.
    type: str
    default: full
    choices: [full]
  workers:
    description: Connections to each side that copy at the same time.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Refresh staging from production
  evenkeel.release.data_sync:
    source: {host: db.production.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    target: {host: db.staging.example.com, dbname: shop, user: owner, password: "{{ secrets.owner_password }}"}
    target_tier: staging
    policy: "{{ lookup('ansible.builtin.file', 'masking/shop.yml') | from_yaml }}"
    key: "{{ secrets.masking_key }}"
"""

RETURN = r"""
tables:
  description: Per table the masked columns and the estimated rows; after a copy also rows, bytes and seconds.
  type: dict
  returned: success
key_id:
  description: Name of the key, derived from it one way.
  type: str
  returned: success
mode:
  description: The mode.
  type: str
  returned: success
seconds:
  description: Duration of the comparison and the copy.
  type: float
  returned: when not in check mode
leak_check:
  description: Rows sampled per table, columns compared inside the source, and masks that equal their value, always 0.
  type: dict
  returned: when rows were copied
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import KeyTooShort
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import HAS_PSYCOPG, MISSING, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.runner import synchronize

PLACE = {
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 5432},
    "dbname": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "sslmode": {
        "type": "str",
        "default": "prefer",
        "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    },
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "dict", "required": True, "options": PLACE},
            "target": {"type": "dict", "required": True, "options": PLACE},
            "target_tier": {
                "type": "str",
                "required": True,
                "choices": ["development", "test", "staging", "production"],
            },
            "policy": {"type": "dict", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
            "mode": {"type": "str", "default": "full", "choices": ["full"]},
            "workers": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    if not HAS_PSYCOPG:
        module.fail_json(msg=MISSING)
    try:
        result = synchronize(module.params, check_mode=module.check_mode)
    except (SyncError, KeyTooShort) as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
