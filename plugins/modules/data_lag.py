#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_lag
short_description: Wait until a database has caught up and its queues are drained
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - On a standby measures how far it is behind its primary, on a primary, when asked, how far its standbys are behind, and counts queues
    that an application keeps in tables. A refresh that starts after it copies a state that belongs together.
  - Fails with one line when O(wait) seconds weren't enough.
requirements:
  - psycopg >= 3.1 for PostgreSQL, PyMySQL >= 1.0 for MariaDB and MySQL, on the host that runs the module
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  engine:
    description: What the source is.
    type: str
    default: postgresql
    choices: [postgresql, mysql]
  source:
    description: Database that will be read. MariaDB asks for C(REPLICA MONITOR), PostgreSQL with O(replicas) for C(pg_monitor).
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  max_lag:
    description: Seconds that are accepted. V(0) doesn't ask for a lag.
    type: float
    default: 0
  replicas:
    description: Whether a primary's standbys count, too (PostgreSQL).
    type: bool
    default: false
  queues:
    description: Queues that have to be drained.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: How messages call it., type: str, required: true}
      sql: {description: "A query that gives one number. It runs in a transaction that may only read.", type: str, required: true}
      max: {description: How many may be left., type: int, default: 0}
      schema: {description: "Where PostgreSQL looks for the names in the query, V(public) by default.", type: str}
  wait:
    description: Seconds to wait for it.
    type: float
    default: 0
  interval:
    description: Seconds between two looks.
    type: float
    default: 1
"""

EXAMPLES = r"""
- name: Wait up to two minutes until the standby has caught up and every event is sent
  evenkeel.release.data_lag:
    source: {host: standby.production.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    max_lag: 5
    wait: 120
    queues:
      - {name: outbox, sql: select count(*) from outbox where sent_at is null}
"""

RETURN = r"""
role:
  description: standby or primary.
  type: str
  returned: success
seconds:
  description: How far the server is behind its primary.
  type: float
  returned: success
replicas:
  description: Per standby of a primary its seconds.
  type: dict
  returned: success
queues:
  description: What each queue holds.
  type: dict
  returned: success
waited:
  description: Seconds it took.
  type: float
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import lag as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import lag as of_postgresql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import gate

QUEUE = {
    "name": {"type": "str", "required": True},
    "sql": {"type": "str", "required": True},
    "max": {"type": "int", "default": 0},
    "schema": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "engine": {"type": "str", "default": "postgresql", "choices": ["postgresql", "mysql"]},
            "source": {"type": "dict", "required": True, "options": NAMED},
            "max_lag": {"type": "float", "default": 0},
            "replicas": {"type": "bool", "default": False},
            "queues": {"type": "list", "elements": "dict", "default": [], "options": QUEUE},
            "wait": {"type": "float", "default": 0},
            "interval": {"type": "float", "default": 1},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        ready(params["engine"], asks="data_lag")
        lag, waited = gate(
            {"postgresql": of_postgresql, "mysql": of_mysql}[params["engine"]],
            params["source"],
            **{key: params[key] for key in ("max_lag", "queues", "wait", "interval", "replicas")},
        )
    except SyncError as exc:
        module.fail_json(msg=str(exc))
    known = {name: seconds for name, seconds in lag.replicas.items() if seconds != float("inf")}
    module.exit_json(
        changed=False,
        role=lag.role,
        seconds=lag.seconds if lag.seconds != float("inf") else None,
        replicas=known,
        queues=dict(lag.queues),
        waited=round(waited, 2),
    )


if __name__ == "__main__":
    main()
