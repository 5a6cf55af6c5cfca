#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_node
short_description: Observe, back up, upgrade or switch over one PostgreSQL server
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - One act on one server, for a minor upgrade. The role C(evenkeel.release.stateful_upgrade) decides which one is next.
  - What a server is, primary or replica, which version, how far behind, is asked from the server at each act; an act on a server that has become something
    else is an error.
  - Uses PostgreSQL's own programs alone. They run as the owner of O(data); the task itself has to be that account or root.
requirements:
  - PostgreSQL 13 or later
  - setpriv (util-linux), when the task runs as root
attributes:
  check_mode:
    support: full
    description: Only V(observe) does anything; the other acts say that they would change the server.
  diff_mode:
    support: none
    description: What changes is told in RV(node).
  idempotent:
    support: partial
    description: Acts that find their end reached change nothing; V(backup) always makes another.
options:
  act:
    description:
      - V(observe) looks.
      - V(backup) makes a base backup and a restore point, checks it with C(pg_verifybackup), restores it on the side up to that point and compares it.
      - V(upgrade_replica) stops a replica, brings the new programs, starts it and waits until it has caught up. With O(upstream), a stopped server that was
        the primary becomes a replica of that.
      - V(upgrade_primary) does it with a primary, in place. When the new programs do not serve, both put the old ones back.
      - V(step_down) stops the primary and makes sure that a start of it gives a replica of O(upstream).
      - V(promote) makes a replica the primary, once it has replayed the log past O(after).
      - V(resume) starts a stopped primary again, the way back from V(step_down).
      - V(repoint) lets a running replica follow O(upstream).
      - V(drop_slots) drops those of O(slots) that nobody reads.
    type: str
    choices: [observe, backup, upgrade_replica, upgrade_primary, step_down, promote, resume, repoint, drop_slots]
    required: true
  name:
    description: Name of the server in messages, and its C(application_name) as a replica.
    type: str
    required: true
  data:
    description: Data folder.
    type: path
    required: true
  bindir:
    description: Folder of the programs with which the server is started. A symbolic link, when O(new_bindir) is used.
    type: path
    required: true
  new_bindir:
    description: Folder of the new programs, to which the link O(bindir) is pointed.
    type: path
  old_bindir:
    description: Folder of the old programs, for the way back. By default what the link pointed at before this act.
    type: path
  version:
    description: The wanted version, as in V(18.6).
    type: str
  prepare:
    description: Program and arguments that run before the server is stopped, for instance to download packages.
    type: list
    elements: str
    default: []
  install:
    description: Program and arguments that bring the new programs to O(bindir) while the server is stopped, instead of O(new_bindir).
    type: list
    elements: str
    default: []
  revert:
    description: Program and arguments that bring the old programs back after O(install).
    type: list
    elements: str
    default: []
  start:
    description: Program and arguments that start the server. By default C(pg_ctl).
    type: list
    elements: str
    default: []
  stop:
    description: Program and arguments that stop the server cleanly. By default C(pg_ctl) with a fast shutdown.
    type: list
    elements: str
    default: []
  socket:
    description: Folder of the server's socket, or the address at which it answers on its own host.
    type: str
    default: /var/run/postgresql
  port:
    description: Port of the server.
    type: int
    default: 5432
  user:
    description: A superuser.
    type: str
    default: postgres
  password:
    description: Its password, when the server asks for one.
    type: str
  database:
    description: Database to connect to.
    type: str
    default: postgres
  upstream:
    description: Whom to follow.
    type: dict
    suboptions:
      host: {description: Address of the primary., type: str, required: true}
      port: {description: Its port., type: int, default: 5432}
      user: {description: Role with the right to replicate., type: str, required: true}
      password: {description: Its password; it is kept in C(postgresql.auto.conf) of the replica., type: str}
      passfile: {description: "File on the replica that holds the password, instead.", type: str}
      sslmode: {description: As in libpq., type: str, default: prefer}
  replication_user:
    description: Role that takes the backup. By default O(user).
    type: str
  replication_password:
    description: Its password.
    type: str
  rewind:
    description: Whether what only a former primary has is thrown away with C(pg_rewind) before it becomes a replica.
    type: bool
    default: false
  after:
    description: The place in the log where the old primary ended, RV(after) of V(step_down).
    type: str
  slots:
    description: Physical replication slots that V(promote) makes and V(drop_slots) drops.
    type: list
    elements: str
    default: []
  backup_dir:
    description: Folder of backups on this host.
    type: path
  backup_name:
    description: Name of the folder and part of the name of the restore point.
    type: str
  compare:
    description: Whether tables of the restored copy are counted, or only looked for.
    type: str
    choices: [counts, names]
    default: counts
  max_lag:
    description: Bytes of the log that a replica may be behind.
    type: int
    default: 1048576
  settle:
    description: Seconds that V(observe) gives a replica to catch up before it tells what it is.
    type: float
    default: 0
  wait:
    description: Seconds for a stop, a start, a promotion, or to catch up.
    type: float
    default: 120
  restore_wait:
    description: Seconds for the restoration of the backup.
    type: float
    default: 3600
"""

EXAMPLES = r"""
- name: What is it?
  evenkeel.release.postgresql_node:
    act: observe
    name: db1
    data: /var/lib/postgresql/18/main
    bindir: /usr/lib/postgresql/18/bin
  become: true

- name: A proved backup
  evenkeel.release.postgresql_node:
    act: backup
    name: db1
    data: /var/lib/postgresql/18/main
    bindir: /usr/lib/postgresql/18/bin
    backup_dir: /var/backups/postgresql
    backup_name: before-18.6
  become: true
"""

RETURN = r"""
node:
  description:
    - "The server: C(state), C(role), C(version) that runs and C(installed), C(timeline), C(lsn), C(streaming), C(lag_bytes), C(senders), C(slots), C(control)."
    - With V(observe) also C(new), the version in O(new_bindir), C(disk) and C(backup), the newest proved one.
  returned: when O(act) is observe, upgrade_replica, upgrade_primary, promote, resume or repoint
  type: dict
backup:
  description: What was made and proved, C(place), C(restore_point), C(lsn), C(compared).
  returned: with O(act=backup)
  type: dict
after:
  description: Where the old primary ended.
  returned: with O(act=step_down)
  type: str
dropped:
  description: Slots that were dropped.
  returned: with O(act=drop_slots)
  type: list
  elements: str
promoting:
  description: Whether a promotion was asked for that did not come out and may still happen. Whoever was the primary must stay down then.
  returned: failed
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode import acts
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.backup import backup
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError, PromotionError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.facts import version
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.observe import observe
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.server import Server

WORDS = {"type": "list", "elements": "str", "default": []}
UPSTREAM = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 5432},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    # A path is no secret; what it holds is never read here.
    "passfile": {"type": "str", "no_log": False},
    "sslmode": {"type": "str", "default": "prefer"},
}


def _observe(server):
    settings = server.settings
    return {"changed": False, "node": observe(server, backup_dir=settings["backup_dir"], max_lag=settings["max_lag"], settle=settings["settle"])}


def _drop_slots(server):
    dropped = acts.drop_slots(server, server.settings["slots"])
    return {"changed": bool(dropped), "dropped": dropped}


ACTS = {
    "observe": _observe,
    "backup": backup,
    "upgrade_replica": lambda server: acts.upgrade(server, role="replica"),
    "upgrade_primary": lambda server: acts.upgrade(server, role="primary"),
    "step_down": acts.step_down,
    "promote": acts.promote,
    "resume": acts.resume,
    "repoint": acts.repoint,
    "drop_slots": _drop_slots,
}
SPEC = {
    "act": {"type": "str", "required": True, "choices": list(ACTS)},
    "name": {"type": "str", "required": True},
    "data": {"type": "path", "required": True},
    "bindir": {"type": "path", "required": True},
    "new_bindir": {"type": "path"},
    "old_bindir": {"type": "path"},
    "version": {"type": "str"},
    "prepare": WORDS,
    "install": WORDS,
    "revert": WORDS,
    "start": WORDS,
    "stop": WORDS,
    "socket": {"type": "str", "default": "/var/run/postgresql"},
    "port": {"type": "int", "default": 5432},
    "user": {"type": "str", "default": "postgres"},
    "password": {"type": "str", "no_log": True},
    "database": {"type": "str", "default": "postgres"},
    "upstream": {"type": "dict", "options": UPSTREAM},
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "rewind": {"type": "bool", "default": False},
    "after": {"type": "str"},
    "slots": WORDS,
    "backup_dir": {"type": "path"},
    "backup_name": {"type": "str"},
    "compare": {"type": "str", "choices": ["counts", "names"], "default": "counts"},
    "max_lag": {"type": "int", "default": 1048576},
    "settle": {"type": "float", "default": 0.0},
    "wait": {"type": "float", "default": 120.0},
    "restore_wait": {"type": "float", "default": 3600.0},
}
REQUIRED_IF = [
    ("act", "backup", ("backup_dir", "backup_name")),
    ("act", "upgrade_replica", ("version",)),
    ("act", "upgrade_primary", ("version",)),
    ("act", "step_down", ("upstream",)),
    ("act", "promote", ("after",)),
    ("act", "repoint", ("upstream",)),
]


def main():
    module = AnsibleModule(argument_spec=SPEC, required_if=REQUIRED_IF, supports_check_mode=True)
    try:
        if module.params["version"]:
            version(module.params["version"])
        if module.check_mode and module.params["act"] != "observe":
            module.exit_json(changed=True)
        server = Server(module.params, module.run_command)
        with server.alone():
            result = ACTS[module.params["act"]](server)
    except (NodeError, OSError) as exc:
        module.fail_json(msg=str(exc), promoting=isinstance(exc, PromotionError))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
