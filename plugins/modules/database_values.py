#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_values
short_description: Ask a database for single values, to compare them later
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Runs queries that give one row with one column each, all of them in one transaction that cannot write.
  - Numbers, truth values and null are told as they are; of anything else only a digest, since it may be data of a person.
requirements:
  - psycopg >= 3.1 on the host that runs the module
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  database:
    description: Where it is, and who may read.
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  queries:
    description: Queries by name; tables are named with their schema, or are in C(public).
    type: dict
    required: true
  timeout:
    description: Seconds that one query may take.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: How much is there?
  evenkeel.release.database_values:
    database: {host: db.example.com, dbname: shop, user: reader, password: "{{ reader_password }}"}
    queries:
      orders: select count(*) from orders
      sum: select sum(amount) from orders
"""

RETURN = r"""
values:
  description: By name a number, text of a decimal number, truth value, null, or C(sha256:) and the beginning of a digest.
  returned: success
  type: dict
"""

import hashlib
from decimal import Decimal

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect, describe, psycopg

SAFE = 1 << 53  # beyond it a number does not survive JSON everywhere


def shown(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < SAFE else str(value)
    if isinstance(value, (Decimal, float)):
        return str(value)
    return f"sha256:{hashlib.sha256(str(value).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def values(params):
    connection = connect(
        params["database"],
        role="service's",
        settings={
            "search_path": "pg_catalog, public",
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(params["timeout"] * 1000)),
            "application_name": "evenkeel database_values",
        },
    )
    found = {}
    try:
        connection.execute("begin isolation level repeatable read read only")
        connection.execute("select 1")  # from here on the transaction cannot be made one that writes
        for name, query in params["queries"].items():
            found[str(name)] = one(connection, str(name), str(query))
        connection.execute("rollback")
    finally:
        connection.close()
    return found


def one(connection, name, query):
    try:
        # Binary, because only the extended protocol refuses a second statement.
        cursor = connection.cursor(binary=True).execute(query)
        rows = cursor.fetchmany(2) if cursor.description else []
    except psycopg.Error as exc:
        raise SyncError(f"Query {name} failed: {describe(exc)}") from None
    if len(rows) != 1 or len(rows[0]) != 1:
        raise SyncError(f"Query {name} must give one row with one column, it gave {len(rows)} rows{f' of {len(rows[0])} columns' if rows else ''} or more.")
    return shown(rows[0][0])


def main():
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "dict", "required": True, "options": NAMED},
            "queries": {"type": "dict", "required": True},
            "timeout": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    try:
        ready("postgresql", asks="database_values")
        found = values(module.params)
    except SyncError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=False, values=found)


if __name__ == "__main__":
    main()
