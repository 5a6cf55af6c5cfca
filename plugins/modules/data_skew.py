#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_skew
short_description: Compare the schema versions of two databases by the records of their migration tools
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Finds the records of Alembic, Flyway, Liquibase, Django, Rails, sqitch, goose, golang-migrate and of a table C(schema_migrations) with
    C(version) and C(sha256), on both sides, and compares them.
  - With O(migrations=refuse) a difference fails the task and names the versions and the next step.
requirements:
  - psycopg >= 3.1 for PostgreSQL, PyMySQL >= 1.0 for MariaDB and MySQL, on the host that runs the module
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  engine:
    description: What both sides are.
    type: str
    default: postgresql
    choices: [postgresql, mysql]
  source:
    description: Database that is read.
    type: dict
    required: true
    suboptions: &place
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  target:
    description: Database that would be refreshed.
    type: dict
    required: true
    suboptions: *place
  migrations:
    description: V(refuse) fails when the versions differ, V(report) only says so.
    type: str
    default: report
    choices: [report, refuse]
"""

EXAMPLES = r"""
- name: Refuse to refresh staging while its schema is another one
  evenkeel.release.data_skew:
    source: {host: db.production.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    target: {host: db.staging.example.com, dbname: shop, user: owner, password: "{{ secrets.owner_password }}"}
    migrations: refuse
"""

RETURN = r"""
state:
  description: The worst of the comparisons, one of equal, behind, ahead, diverged, dirty, different_tools; V(none) when neither side has a record.
  type: str
  returned: success
comparisons:
  description: For each record of migrations its tool, state, missing, additional and altered versions, and a line for people.
  type: list
  elements: dict
  returned: always
summary:
  description: The lines of all comparisons.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import skew as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import skew as of_postgresql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import compare, refusal, worst


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    ready(params["engine"], asks="data_skew")
    read = {"postgresql": of_postgresql.read, "mysql": of_mysql.read}[params["engine"]]
    found = compare(read(params["source"], role="source"), read(params["target"], role="target"))
    shown = [{**one._asdict(), "missing": list(one.missing), "additional": list(one.additional), "altered": list(one.altered)} for one in found]
    why = refusal(found) if params["migrations"] == "refuse" else ""
    if why:
        module.fail_json(msg=why, state=worst(found), comparisons=shown)
    return {"changed": False, "state": worst(found), "comparisons": shown, "summary": " ".join(one.text for one in found)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "engine": {"type": "str", "default": "postgresql", "choices": ["postgresql", "mysql"]},
            "source": {"type": "dict", "required": True, "options": NAMED},
            "target": {"type": "dict", "required": True, "options": NAMED},
            "migrations": {"type": "str", "default": "report", "choices": ["report", "refuse"]},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except SyncError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
