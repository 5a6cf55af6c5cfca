#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_sync
short_description: Refresh databases from others, masked inside the source
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Brings the rows of the tables of a masking policy from one database into another. The source server masks, so no unmasked value of a masked
    column leaves it; SQLite, which has no server, is masked in this process.
  - A table, column or enum value that the policy doesn't know stops the module before a row moves; the message holds the YAML to add.
  - A whole copy goes into a shadow, gets its indexes, constraints and foreign keys there, is proved, and takes the place of the old tables by rename.
    Differences are applied in one transaction. A failed or killed run leaves the target as it was; the next run cleans up after it.
  - Several O(databases) are read from snapshots of one moment, and all of them switch or none does.
  - Nothing is written to a file on the way.
requirements:
  - PostgreSQL >= 14 needs psycopg >= 3.1 where the module runs (psycopg2 would write the key into SQL text)
  - MariaDB or MySQL needs the driver named in C(requirements.txt)
attributes:
  check_mode:
    support: full
    description: Checks everything, returns the plan with tables, rows, masks, order and estimates, and changes nothing.
  diff_mode:
    support: none
    description: Rows are never shown.
  idempotent:
    support: full
    description: Unchanged rows on both sides, policy and key change nothing.
options:
  name: &name
    description: What the database is called in results and progress; V(database) by default.
    type: str
  engine: &engine
    description: Kind of both databases, V(postgresql) by default.
    type: str
    choices: [postgresql, mysql, sqlite]
  source: &source
    description: Database to read. Its role needs to select, nothing more.
    type: dict
    suboptions: &place
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port; that of the engine by default., type: int}
      dbname: {description: Name of the database., type: str}
      user: {description: Role., type: str}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
      path: {description: File of an SQLite database., type: path}
  target: &target
    description: Database whose tables are replaced. Its role must own them and may create schemas (PostgreSQL) or databases (MariaDB, MySQL).
    type: dict
    suboptions: *place
  target_tier: &target_tier
    description: Tier of the target's environment; V(production) is refused, as is a database that is marked as production.
    type: str
    choices: [development, test, staging, production]
  policy: &policy
    description: The masking policy.
    type: dict
  key: &key
    description: The masking key, at least 16 bytes.
    type: str
  mode: &mode
    description:
      - V(full), the default, copies every row of every table, V(subset) what belongs to some start rows, V(schema_only) no row at all.
      - V(differential) compares both sides in chunks and moves the ranges that differ, V(incremental) moves what changed since the last time,
        by O(watermarks) or O(slot).
      - V(auto) chooses from size, changes and O(window), and says why.
    type: str
    choices: [auto, full, differential, incremental, subset, schema_only]
  subset: &subset
    description: What belongs to a subset, see C(docs/reference/subset.md).
    type: dict
  watermarks: &watermarks
    description: Per table the column that grows with every change.
    type: dict
  slot: &slot
    description: Name of a logical replication slot of the source that tells what changed (PostgreSQL).
    type: str
  deletes: &deletes
    description:
      - How rows that the source no longer has are found by a delta. V(counts), the default, looks for them where the numbers of rows differ,
        V(scan) compares all keys, V(off) leaves them.
    type: str
    choices: [counts, scan, 'off']
  drift: &drift
    description:
      - Whether columns of the target that differ in a way that can take the source's values (wider, more of them with defaults) are accepted, and
        named in the result. V(refuse) is the default.
    type: str
    choices: [refuse, accept]
  window: &window
    description: Seconds that the refresh may take; V(auto) looks for a mode that fits. V(0), the default, is no limit.
    type: float
  workers: &workers
    description: Connections to each side that copy at the same time, V(2) by default.
    type: int
  throttle: &throttle
    description: The most MB per second that are read from the source; V(0), the default, is no limit.
    type: float
  statement_timeout: &statement_timeout
    description: Seconds after which a statement on the source gives up; V(0), the default, is never.
    type: float
  lock_timeout: &lock_timeout
    description: Seconds to wait for a lock on the target, V(30) by default.
    type: float
  proof: &proof
    description: What is proved before anything is switched, see C(docs/reference/data-proof.md).
    type: dict
    suboptions:
      enabled: {description: Whether anything is., type: bool, default: true}
      remask_percent: {description: Share of rows that are masked a second time and compared., type: float, default: 2}
      leak_scan: {description: Whether source values of masked columns are looked for in the target., type: bool, default: true}
      leak_min_length: {description: Shorter values tell nothing when they are found., type: int, default: 6}
      leak_text_rows: {description: Rows of free text and JSON that are read per column; V(0) reads all., type: int, default: 20000}
      minimum_k: {description: "Smallest group of equal quasi-identifiers that is accepted; V(0) reports only.", type: int, default: 0}
  databases:
    description:
      - Databases to refresh together. What isn't given for one of them is taken from the options outside.
      - They are read from snapshots of one moment. All of them switch or none does, so O(mode) is V(full), V(subset), V(schema_only) or V(auto).
    type: list
    elements: dict
    suboptions:
      name: *name
      engine: *engine
      source: *source
      target: *target
      target_tier: *target_tier
      policy: *policy
      key: *key
      mode: *mode
      subset: *subset
      watermarks: *watermarks
      slot: *slot
      deletes: *deletes
      drift: *drift
      window: *window
      workers: *workers
      throttle: *throttle
      statement_timeout: *statement_timeout
      lock_timeout: *lock_timeout
      proof: *proof
  phase:
    description:
      - V(all) does everything. V(prepare) fills and proves the shadow and leaves the tables alone, V(swap) puts it in their place and keeps them,
        V(confirm) drops the old ones, V(revert) puts them back. Each can be repeated. For one database only.
    type: str
    default: all
    choices: [all, prepare, swap, confirm, revert]
  progress_file:
    description: File that gets a line of JSON whenever there is progress to tell. Set by the action plugin, which shows it.
    type: path
"""

EXAMPLES = r"""
- name: Refresh staging from production
  evenkeel.release.data_sync:
    source: {host: db.production.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    target: {host: db.staging.example.com, dbname: shop, user: owner, password: "{{ secrets.owner_password }}"}
    target_tier: staging
    policy: "{{ lookup('ansible.builtin.file', 'masking/shop.yml') | from_yaml }}"
    key: "{{ secrets.masking_key }}"

- name: Refresh two databases of one shop, both or none
  evenkeel.release.data_sync:
    target_tier: staging
    key: "{{ secrets.masking_key }}"
    databases:
      - {name: shop, engine: postgresql, source: "{{ shop_production }}", target: "{{ shop_staging }}", policy: "{{ shop_policy }}"}
      - {name: crm, engine: mysql, source: "{{ crm_production }}", target: "{{ crm_staging }}", policy: "{{ crm_policy }}"}

- name: A tenth of the customers with all that belongs to them
  evenkeel.release.data_sync:
    source: "{{ shop_production }}"
    target: "{{ shop_test }}"
    target_tier: test
    policy: "{{ shop_policy }}"
    key: "{{ secrets.masking_key }}"
    mode: subset
    subset:
      start:
        - {table: public.customers, percent: 10}
"""

RETURN = r"""
tables:
  description: Per table the masked columns and the estimated rows; after a copy also rows, bytes and seconds.
  type: dict
  returned: for one database, not in check mode
mode:
  description: The mode that was used.
  type: str
  returned: for one database
why:
  description: Why that mode.
  type: str
  returned: for one database
plan:
  description: Tables in their order with rows, bytes and masks; C(seconds_estimate) and C(bytes_estimate).
  type: dict
  returned: in check mode
edges:
  description: Rows that each relation brought.
  type: list
  elements: dict
  returned: when a subset was copied
proof:
  description: What was proved, see C(docs/reference/data-proof.md).
  type: dict
  returned: when rows were moved and the proof is enabled
key_id:
  description: Name of the key, derived from it one way.
  type: str
  returned: for one database
seconds:
  description: Duration of the comparison and the copy.
  type: float
  returned: for one database, not in check mode
databases:
  description: For several databases the values above, by name.
  type: dict
  returned: for several databases
snapshots_apart:
  description: Seconds between the first and the last snapshot.
  type: float
  returned: for several databases, not in check mode
"""

import json
import threading
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import KeyTooShort
from ansible_collections.evenkeel.release.plugins.module_utils._sync import together
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import ANY

MODES = ["auto", "full", "differential", "incremental", "subset", "schema_only"]
PROOF = {
    "enabled": {"type": "bool", "default": True},
    "remask_percent": {"type": "float", "default": 2},
    "leak_scan": {"type": "bool", "default": True},
    "leak_min_length": {"type": "int", "default": 6},
    "leak_text_rows": {"type": "int", "default": 20000},
    "minimum_k": {"type": "int", "default": 0},
}
DATABASE: dict[str, Any] = {
    "name": {"type": "str"},
    "engine": {"type": "str", "choices": ["postgresql", "mysql", "sqlite"]},
    "source": {"type": "dict", "options": ANY},
    "target": {"type": "dict", "options": ANY},
    "target_tier": {"type": "str", "choices": ["development", "test", "staging", "production"]},
    "policy": {"type": "dict"},
    "key": {"type": "str", "no_log": True},
    "mode": {"type": "str", "choices": MODES},
    "subset": {"type": "dict"},
    "watermarks": {"type": "dict"},
    "slot": {"type": "str"},
    "deletes": {"type": "str", "choices": ["counts", "scan", "off"]},
    "drift": {"type": "str", "choices": ["refuse", "accept"]},
    "window": {"type": "float"},
    "workers": {"type": "int"},
    "throttle": {"type": "float"},
    "statement_timeout": {"type": "float"},
    "lock_timeout": {"type": "float"},
    "proof": {"type": "dict", "options": PROOF},
}
# Filled in here and not by the argument spec: what isn't given for one of several databases comes from outside first.
DEFAULTS: dict[str, Any] = {
    "name": "database",
    "engine": "postgresql",
    "mode": "full",
    "deletes": "counts",
    "drift": "refuse",
    "window": 0.0,
    "workers": 2,
    "throttle": 0.0,
    "statement_timeout": 0.0,
    "lock_timeout": 30.0,
    "proof": {name: option["default"] for name, option in PROOF.items()},
}
NEEDED = ("source", "target", "target_tier", "policy", "key")


class Progress:
    """Lines for whoever watches the file; without a file nobody does."""

    def __init__(self, place: Any) -> None:
        self.place = place
        self.lock = threading.Lock()

    def tell(self, event: dict[str, Any]) -> None:
        if not self.place or event.get("event") != "progress":
            return
        with self.lock, open(self.place, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")


def databases(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each database with all its options."""
    outside = {name: value for name, value in params.items() if name in DATABASE and value is not None}
    found = []
    for each in params["databases"] or [{}]:
        given = {name: value for name, value in each.items() if value is not None}
        found.append({**dict.fromkeys(DATABASE), **DEFAULTS, **outside, **given, "phase": params["phase"]})
    return found


def faults(wanted: list[dict[str, Any]], phase: str) -> list[str]:
    found = [f"{each['name']}: {', '.join(lacking)} must be given" for each in wanted if (lacking := [one for one in NEEDED if not each[one]])]
    names = [each["name"] for each in wanted]
    found += [f"databases: the name {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
    if len(wanted) > 1:
        found += [
            f"{each['name']}: mode {each['mode']} can't be undone when another database fails; use full, subset, schema_only or auto"
            for each in wanted
            if each["mode"] in ("differential", "incremental")
        ]
        found += ["phase: several databases go through all phases together; leave it out"] if phase != "all" else []
    for each in wanted:
        found += _place_faults(each)
    return found


def _place_faults(each: dict[str, Any]) -> list[str]:
    wanted = ("path",) if each["engine"] == "sqlite" else ("dbname", "user")
    found = []
    for side in ("source", "target"):
        lacking = [one for one in wanted if each[side] and not each[side].get(one)]
        found += [f"{each['name']}: {side}.{one} must be given for {each['engine']}" for one in lacking]
    return found


def unexpected(exc: BaseException) -> str:
    place = traceback.extract_tb(exc.__traceback__)[-1]
    return (
        f"The synchronization stopped at a fault of its own, {type(exc).__name__} in {place.name} ({Path(place.filename).name}, line {place.lineno}). "
        "What it had made beside the target's tables is taken away by the next run."
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **DATABASE,
            "databases": {"type": "list", "elements": "dict", "options": DATABASE},
            "phase": {"type": "str", "default": "all", "choices": ["all", "prepare", "swap", "confirm", "revert"]},
            "progress_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    wanted = databases(module.params)
    wrong = faults(wanted, module.params["phase"])
    if wrong:
        module.fail_json(msg="Nothing was read or changed: " + "; ".join(wrong) + ".")
    progress = Progress(module.params["progress_file"])
    try:
        result = together.synchronize(wanted, check_mode=module.check_mode, tell=progress.tell)
    except (SyncError, KeyTooShort) as exc:
        module.fail_json(msg=str(exc))
    except Exception as exc:
        # A fault of ours. Its text isn't shown, because it may quote a row.
        module.fail_json(msg=unexpected(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
