#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preserve_database
short_description: Make sure that there is a way back for the data of a database
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - V(restore_point) makes a named restore point on PostgreSQL, ends the segment of the log and waits until it is archived. Without an archive the
    point is made all the same, and RV(usable) is false.
  - V(backup_now) runs a command that makes a backup, and proves that the backup is there and not empty.
  - V(backup_id) takes a backup that somebody else made, when it is young enough and proved.
  - A way back that is not usable fails the task, unless O(require=false).
requirements:
  - psycopg >= 3.1 on the host that runs the module, for V(restore_point)
attributes:
  check_mode:
    support: full
    description: Nothing is made. The server's settings and the age of a backup are looked at all the same.
  diff_mode:
    support: none
    description: Nothing is changed that could be shown.
  idempotent:
    support: none
    description: Each run makes another restore point or backup; V(backup_id) changes nothing.
options:
  method:
    description: Kind of way back.
    type: str
    choices: [restore_point, backup_now, backup_id]
    required: true
  id:
    description: What it is made for, for instance the id of the deployment. Part of the name of a restore point.
    type: str
    required: true
  database:
    description: Where it is, for V(restore_point). The role must be allowed C(pg_create_restore_point) and C(pg_switch_wal).
    type: dict
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  archive_wait:
    description: Seconds to wait until the log up to the restore point is archived.
    type: float
    default: 60
  command:
    description: Program and arguments that make the backup, a list. C({file}) is O(file), C({id}) is O(id).
    type: list
    elements: str
  file:
    description: File that O(command) makes, with C({id}) for O(id). It must not exist before.
    type: path
  prove:
    description: Program and arguments that succeed only when the backup is good, a list. C({file}), C({id}) and C({backup}), the id of O(backup), are filled.
    type: list
    elements: str
  environment:
    description: Environment of the commands, for instance C(PGPASSWORD). Never shown.
    type: dict
    default: {}
  backup:
    description: The backup of V(backup_id).
    type: dict
    suboptions:
      id: {description: Its name where it is kept., type: str, required: true}
      taken_at: {description: When it was taken (RFC 3339)., type: str, required: true}
      proven_at: {description: When a restoration of it was tried with success. Needed unless there is O(prove)., type: str}
      max_age: {description: "How old it may be, as in V(24h).", type: str, default: 24h}
  require:
    description: Whether a way back that is not usable fails the task.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Take the backup of this night, which the restore test has proved
  evenkeel.release.preserve_database:
    method: backup_id
    id: before-1.1.0
    backup: {id: shop-2026-06-30, taken_at: "2026-06-30T02:00:00Z", proven_at: "2026-06-30T04:10:00Z", max_age: 24h}

- name: A named restore point
  evenkeel.release.preserve_database:
    method: restore_point
    id: before-1.1.0
    database: {host: db.example.com, port: 5432, dbname: shop, user: operator, password: "{{ operator_password }}"}

- name: A logical backup, now
  evenkeel.release.preserve_database:
    method: backup_now
    id: before-1.1.0
    command: [pg_dump, --format=custom, "--file={file}", shop]
    file: "/var/backups/shop-{id}.dump"
    prove: [pg_restore, --list, "{file}"]
"""

RETURN = r"""
usable:
  description: Whether it is a way back.
  returned: always
  type: bool
why:
  description: Why it is none; empty when it is.
  returned: always
  type: str
how:
  description: How the data is restored.
  returned: always
  type: str
needs:
  description: What that takes beside it.
  returned: always
  type: str
name:
  description: Name of the restore point.
  returned: with O(method=restore_point)
  type: str
lsn:
  description: Its place in the log.
  returned: with O(method=restore_point)
  type: str
archived:
  description: Whether the log up to it is archived.
  returned: with O(method=restore_point)
  type: bool
file:
  description: File of the backup.
  returned: with O(method=backup_now)
  type: str
sha256:
  description: Its digest; empty when the backup is not usable, whose file is removed.
  returned: with O(method=backup_now)
  type: str
size:
  description: Its bytes.
  returned: with O(method=backup_now)
  type: int
id:
  description: Id of the backup.
  returned: with O(method=backup_id)
  type: str
taken_at:
  description: When it was taken.
  returned: with O(method=backup_id)
  type: str
age_seconds:
  description: How old it is.
  returned: with O(method=backup_id)
  type: int
"""

import os
import stat
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.evenkeel.release.plugins.module_utils._preserve import database
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._release.archive import file_digest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect

SPEC = {
    "method": {"type": "str", "choices": ["restore_point", "backup_now", "backup_id"], "required": True},
    "id": {"type": "str", "required": True},
    "database": {"type": "dict", "options": NAMED},
    "archive_wait": {"type": "float", "default": 60.0},
    "command": {"type": "list", "elements": "str"},
    "file": {"type": "path"},
    "prove": {"type": "list", "elements": "str"},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "backup": {
        "type": "dict",
        "options": {
            "id": {"type": "str", "required": True},
            "taken_at": {"type": "str", "required": True},
            "proven_at": {"type": "str"},
            "max_age": {"type": "str", "default": "24h"},
        },
    },
    "require": {"type": "bool", "default": True},
}
NEEDED = [("method", "restore_point", ("database",)), ("method", "backup_now", ("command", "file")), ("method", "backup_id", ("backup",))]


def run(module, argv, values):
    """(whether it succeeded, why not). What a command says may quote rows, so no more than its last line is told."""
    words = {str(name): str(value) for name, value in module.params["environment"].items()}
    code, out, error = module.run_command(database.filled(argv, values), environ_update=words, umask=0o077)
    last = ((error or out).strip().splitlines() or ["it said nothing"])[-1]
    return code == 0, f"{argv[0]} ended with {code}: {last[:300]}"


def restore_point(module):
    ready("postgresql", asks="preserve_database")
    params = module.params
    connection = connect(params["database"], role="service's")
    try:
        name = database.point_name(params["id"])
        told = {"wait": params["archive_wait"], "clock": time.monotonic, "sleep": time.sleep, "check": module.check_mode}
        return {"changed": True, **database.restore_point(connection, name, **told)}
    finally:
        connection.close()


def backup_now(module):
    params = module.params
    path = params["file"].replace("{id}", params["id"])
    values = {"file": path, "id": params["id"], "backup": ""}
    answer = {"changed": True, "file": path, "needs": "", "how": f"restore {path} with the tool that made it"}
    if os.path.lexists(path):
        raise PreserveError(f"{path} is there already. Nothing was run; name a file that the backup makes, with {{id}} in its name.")
    if not os.path.isdir(os.path.dirname(path)):
        raise PreserveError(f"There is no folder {os.path.dirname(path)} for the backup. Nothing was run.")
    if module.check_mode:
        return {**answer, "sha256": "", "size": 0, "usable": True, "why": ""}
    good, why = run(module, params["command"], values)
    found = os.lstat(path) if os.path.lexists(path) else None
    if good and (found is None or not stat.S_ISREG(found.st_mode) or not found.st_size):
        good, why = False, f"{params['command'][0]} succeeded, but {path} {'is empty or no file' if found else 'is not there'}"
    if good and params["prove"]:
        good, why = run(module, params["prove"], values)
    if not good and os.path.lexists(path) and not os.path.isdir(path):
        os.unlink(path)  # it was not there before, and the next try needs the place
    whole = good and found is not None
    return {**answer, "sha256": file_digest(path) if whole else "", "size": found.st_size if whole else 0, "usable": good, "why": "" if good else why}


def backup_id(module):
    params = module.params
    checked, why = None, ""
    if params["prove"]:
        checked, why = run(module, params["prove"], {"backup": params["backup"]["id"], "id": params["id"], "file": ""})
    answer = database.proven(params["backup"], now=time.time(), checked=checked)
    return {"changed": False, **answer, "why": f"{answer['why']} ({why})" if checked is False and answer["why"] else answer["why"]}


def finish(module, result):
    """Secrets are hidden where a command or a server was quoted, and nowhere else: a path or a digest with a star in it is no way back."""
    secrets = {value for value in module.no_log_values if len(str(value)) >= 4}
    told = {**result, **{key: remove_values(result[key], secrets) for key in ("msg", "why") if key in result}, "invocation": {}}
    module.no_log_values = set()
    if "msg" in told:
        module.fail_json(**told)
    module.exit_json(**told)


def main():
    module = AnsibleModule(argument_spec=SPEC, required_if=NEEDED, supports_check_mode=True)
    act = {"restore_point": restore_point, "backup_now": backup_now, "backup_id": backup_id}[module.params["method"]]
    try:
        result = act(module)
    except (PreserveError, SyncError) as exc:
        result = {"msg": str(exc), "usable": False, "why": str(exc)}
    # Not where the error is caught: its traceback would quote it.
    if "msg" not in result and not result["usable"] and module.params["require"]:
        result["msg"] = f"There is no way back for the data: {result['why']}. Nothing of the release was changed."
    finish(module, result)


if __name__ == "__main__":
    main()
