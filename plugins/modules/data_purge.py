#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_purge
short_description: Report and remove rows that are older than a retention policy allows
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Counts the rows of a database that a retention policy calls too old and, when asked to, removes them in batches, children before their parents.
  - A row that another row still needs stays, and is counted as held. What foreign keys remove or detach along with a row is counted, too.
  - Every batch is a transaction of its own, so a run that was stopped is simply run again.
requirements:
  - PostgreSQL needs psycopg >= 3.1 where the module runs
  - MariaDB or MySQL needs PyMySQL >= 1.0
attributes:
  check_mode:
    support: full
    description: Counts per table, removes nothing.
  diff_mode:
    support: none
    description: Rows are never shown.
  idempotent:
    support: full
    description: A second run finds nothing that is too old.
options:
  engine:
    description: Kind of the database.
    type: str
    default: postgresql
    choices: [postgresql, mysql, sqlite]
  database:
    description: The database.
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port; that of the engine by default., type: int}
      dbname: {description: Name of the database., type: str}
      user: {description: Role that may select and delete., type: str}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
      path: {description: File of an SQLite database., type: path}
  policy:
    description: The retention policy, see C(docs/how-to/purge-test-data.md).
    type: dict
    required: true
  tier:
    description: Tier of the environment. In V(production) nothing is removed unless the policy says C(production=true).
    type: str
    required: true
    choices: [development, test, staging, production]
  environment:
    description: Name of the environment, whose own ages go before those of the classes.
    type: str
    default: ""
  ttl:
    description: How long the environment lives, for rules whose age is V(ttl).
    type: str
    default: ""
  state:
    description: V(reported) only counts. V(purged) removes.
    type: str
    default: reported
    choices: [reported, purged]
  batch:
    description: Rows per transaction.
    type: int
    default: 10000
  pause:
    description: Seconds between two transactions.
    type: float
    default: 0
  max_rows:
    description: Most rows of one run; the next run goes on. V(0) is no limit.
    type: int
    default: 0
  lock_timeout:
    description: Seconds to wait for a lock before the run stops.
    type: float
    default: 5
  statement_timeout:
    description: Seconds after which a statement gives up (PostgreSQL); V(0) is never.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: See what is too old
  evenkeel.release.data_purge:
    database: {host: db.test.example.com, dbname: shop, user: owner, password: "{{ secrets.database_password }}"}
    tier: test
    policy: "{{ lookup('ansible.builtin.file', 'retention/shop.yml') | from_yaml }}"

- name: Remove it, slowly
  evenkeel.release.data_purge:
    database: "{{ shop_database }}"
    tier: test
    policy:
      name: shop
      classes: {test: 30d}
      rules:
        - {table: public.orders, column: placed_at, class: test, reason: orders of test runs}
        - {table: public.customers, column: created_at, older_than: 90d, reason: customers of test runs}
    state: purged
    pause: 0.2
"""

RETURN = r"""
tables:
  description:
    - Per table how many rows are too old (C(expired)), how many of them can go (C(removable)) and how many other rows still need (C(held)).
    - C(with_them) are rows of other tables that go or are detached along with them, C(removed) is what was removed.
  type: dict
  returned: always
order:
  description: The tables in the order of their removal, children first.
  type: list
  elements: str
  returned: always
expired:
  description: Rows that are too old.
  type: int
  returned: always
removed:
  description: Rows that were removed, without those that foreign keys took along.
  type: int
  returned: always
limited:
  description: Whether O(max_rows) ended the run.
  type: bool
  returned: when rows were to be removed, not in check mode
as_of:
  description: The moment that ages are counted from.
  type: str
  returned: always
seconds:
  description: Duration.
  type: float
  returned: always
"""


from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import PurgeError
from ansible_collections.evenkeel.release.plugins.module_utils._purge.run import purge
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import ANY


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "engine": {"type": "str", "default": "postgresql", "choices": ["postgresql", "mysql", "sqlite"]},
            "database": {"type": "dict", "required": True, "options": ANY},
            "policy": {"type": "dict", "required": True},
            "tier": {"type": "str", "required": True, "choices": ["development", "test", "staging", "production"]},
            "environment": {"type": "str", "default": ""},
            "ttl": {"type": "str", "default": ""},
            "state": {"type": "str", "default": "reported", "choices": ["reported", "purged"]},
            "batch": {"type": "int", "default": 10000},
            "pause": {"type": "float", "default": 0},
            "max_rows": {"type": "int", "default": 0},
            "lock_timeout": {"type": "float", "default": 5},
            "statement_timeout": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    for name, least in (("batch", 1), ("pause", 0), ("max_rows", 0), ("lock_timeout", 0), ("statement_timeout", 0)):
        if module.params[name] < least:
            module.fail_json(msg=f"{name}: found {module.params[name]}, allowed is {least} and more.")
    try:
        module.exit_json(**purge(module.params, check_mode=module.check_mode))
    except PurgeError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
