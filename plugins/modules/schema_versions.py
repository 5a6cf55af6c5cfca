#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: schema_versions
short_description: Tell whether a database has had exactly the migrations of a release
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Reads the record that a migration tool keeps in the database (Alembic, Flyway, Rails, goose, golang-migrate, Django, Liquibase, sqitch, or a table
    C(schema_migrations) with C(version) and C(sha256)) and compares it with the files of a release or with given versions.
  - What was found is a verdict, not a failure of the task.
requirements:
  - psycopg >= 3.1 for PostgreSQL, PyMySQL >= 1.0 for MariaDB and MySQL, on the host that runs the module
extends_documentation_fragment:
  - evenkeel.release._reads
options:
  engine:
    description: What the database is.
    type: str
    default: postgresql
    choices: [postgresql, mysql]
  database:
    description: Where it is, and who may read the record.
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  files:
    description:
      - Folder of the release's migrations on the host. Of Alembic the folder C(versions); of Flyway's form folders below it count as well.
      - The database may lack files of Flyway's form that say C(-- evenkeel:) C(contract), as they wait for the contract phase.
    type: path
  pattern:
    description: Regular expression for the beginning of their names, whose first group is the version; by default what the tool uses.
    type: str
  versions:
    description: Versions that must be there, instead of O(files). Of Alembic and golang-migrate those where the database has to stand.
    type: list
    elements: str
  tool:
    description: Which record counts, when the database has those of several tools.
    type: str
    default: ""
  ahead:
    description: Whether the database may have had later migrations as well, as after the rollback of a release that widened the schema.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The schema is that of the release
  evenkeel.release.schema_versions:
    database: {host: db.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    files: /srv/shop/current/migrations
  register: schema
  failed_when: schema.verdict != 'passed'
"""

RETURN = r"""
verdict:
  description: V(passed), V(failed) or V(errored), the last when it could not be told.
  type: str
  returned: always
reason:
  description: Why, in words.
  type: str
  returned: always
tool:
  description: Tool whose record was read; empty when there was none.
  type: str
  returned: always
missing:
  description: Versions of the release that the database has not had.
  type: list
  elements: str
  returned: always
additional:
  description: Versions that the database has had and the release does not know.
  type: list
  elements: str
  returned: always
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._smoke import migrations
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import skew as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import skew as of_postgresql


def answer(params):
    ready(params["engine"], asks="schema_versions")
    read = {"postgresql": of_postgresql.read, "mysql": of_mysql.read}[params["engine"]]
    record = migrations.chosen(read(params["database"], role="release's"), params["tool"])
    if params["versions"] is not None:
        wanted = {migrations.normal(record.tool, version) for version in params["versions"]}
    else:
        wanted = migrations.expected(record.tool, *migrations.read_folder(params["files"], tool=record.tool), pattern=params["pattern"])
    later = migrations.waiting(params["files"]) if params["files"] and record.tool == "flyway" else set()
    return migrations.compare(record, wanted, ahead=params["ahead"], later=later)


def main():
    module = AnsibleModule(
        argument_spec={
            "engine": {"type": "str", "default": "postgresql", "choices": ["postgresql", "mysql"]},
            "database": {"type": "dict", "required": True, "options": NAMED},
            "files": {"type": "path"},
            "pattern": {"type": "str"},
            "versions": {"type": "list", "elements": "str"},
            "tool": {"type": "str", "default": ""},
            "ahead": {"type": "bool", "default": False},
        },
        required_one_of=[("files", "versions")],
        mutually_exclusive=[("files", "versions"), ("pattern", "versions")],
        supports_check_mode=True,
    )
    try:
        if module.params["pattern"] and not re.compile(module.params["pattern"]).groups:
            module.fail_json(msg=f"pattern is {module.params['pattern']!r}; allowed: a regular expression with a group, the version.")
    except re.error as exc:
        module.fail_json(msg=f"pattern is {module.params['pattern']!r}, no regular expression ({exc}).")
    try:
        found = answer(module.params)
    except (SyncError, migrations.MigrationsFault) as exc:
        found = migrations.Answer(migrations.ERRORED, str(exc))
    module.exit_json(changed=False, **{**found._asdict(), "missing": list(found.missing), "additional": list(found.additional)})


if __name__ == "__main__":
    main()
